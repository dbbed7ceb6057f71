"""How code in the event loop touches the database: one helper, used by the bridge, the rooms, the API and the runner's
callbacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

from quickedit.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 4
"""Threads that wait for the database. SQLite answers in microseconds; more would only queue for its lock."""

DATABASE_AWAY = (OperationalError, InterfaceError)
"""What Django raises where the database is not there, not there any more, locked or out of space (PEP 249)."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls the function in one of a few threads that keep their connections (opening one costs more than most queries).

    Not thread-sensitive: a task that outlives the request it began in must not depend on that request's thread.
    """
    call = partial(_call, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)


def _call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    close_old_connections()  # also one that the database has ended
    return function(*args, **kwargs)


def database_away() -> Unavailable:
    """How DATABASE_AWAY is told to people."""
    hint = "Nothing that was saved is lost. Try again in a moment."
    return Unavailable("The database does not answer now.", code="database-away", hint=hint)

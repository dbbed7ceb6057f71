"""How a room reads the database: in a thread, and with one refusal for all that the database may do. Only the rooms use it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import Error

from quickedit.rooms.submission import not_durable
from quickedit.threads import in_database

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger(__name__)


async def read(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Reads the log in a thread. Raises Unavailable where the database cannot be read."""
    try:
        return await in_database(function, *args, **kwargs)
    except Error as error:
        _log.error("the log cannot be read: %s", error)
        raise not_durable("The history of this worker cannot be read now.") from error

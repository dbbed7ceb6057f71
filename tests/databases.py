"""Which database the code under test talks to: the run's SQLite, or for a while a PostgreSQL.

Django has no way to say so once it is set up, so this replaces what its ``connections`` hold: for every thread, as rooms and
writers have theirs. Used by the fixtures in ``conftest`` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from asgiref.local import Local
from django.db import connections

from quickedit import settings as ours
from quickedit import threads


@contextmanager
def talking_to(url: str) -> Iterator[None]:
    """All connections that are opened meanwhile go to that PostgreSQL."""
    before: dict[str, Any] = connections.settings
    kept, pool = connections._connections, threads._threads
    default = {**ours._postgresql(url), "CONN_MAX_AGE": 300, "CONN_HEALTH_CHECKS": True}
    connections.__dict__["settings"] = connections.configure_settings({"default": default})
    connections._connections = Local(connections.thread_critical)
    threads._threads = ThreadPoolExecutor(threads.THREADS, thread_name_prefix="database")
    try:
        yield
    finally:
        threads._threads.shutdown()
        connections.close_all()
        connections.__dict__["settings"] = before
        connections._connections, threads._threads = kept, pool

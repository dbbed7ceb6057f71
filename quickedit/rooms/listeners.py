"""Who wants to hear of every committed batch, and the snapshots that a room takes now and then. Only ``room`` uses
them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from quickedit.threads import in_database
from quickedit.wire.messages import Committed
from quickedit.workspaces import log, store, timeline
from quickedit.workspaces.tree import Workspace

SNAPSHOT_EVERY = 200
"""Revisions between two snapshots."""

_log = logging.getLogger(__name__)


class Listeners:
    """Callbacks, called in the order in which they came."""

    def __init__(self) -> None:
        self._callbacks: dict[int, Callable[[Committed], None]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def add(self, callback: Callable[[Committed], None]) -> Callable[[], None]:
        """Returns what ends it; ending it twice does nothing."""
        self._count += 1
        number = self._count
        self._callbacks[number] = callback

        def remove() -> None:
            self._callbacks.pop(number, None)

        return remove

    def tell(self, message: Committed) -> None:
        """One that fails does not keep it from the others."""
        for callback in tuple(self._callbacks.values()):
            try:
                callback(message)
            except Exception:
                _log.exception("a listener failed at revision %s", message.revision)


class Snapshots:
    """Takes one every SNAPSHOT_EVERY revisions, in a thread, and folds what is too old into the timeline's entries
    (``floor`` is then told the log's new one). Opening a workspace starts from the newest."""

    def __init__(self, worker_id: int, newest: int, floor: Callable[[int], None]) -> None:
        self._worker_id = worker_id
        self._newest = newest
        self._tell_floor = floor
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def consider(self, revision: int, workspace: Workspace) -> None:
        """Called after every commit, with what is durable."""
        if revision - self._newest >= SNAPSHOT_EVERY and self._task is None:
            self._newest = revision
            self._task = asyncio.ensure_future(self._take(revision, workspace))

    async def _take(self, revision: int, workspace: Workspace) -> None:
        try:
            await in_database(store.take_snapshot, self._worker_id, revision, workspace)
            old = log.now_ms() - timeline.RETENTION_MS
            self._tell_floor(await in_database(timeline.compact, self._worker_id, old))
        except Exception as error:  # the log has everything; the next one makes up for it
            _log.warning("worker %s: no snapshot at revision %s: %s", self._worker_id, revision, error)
        finally:
            self._task = None

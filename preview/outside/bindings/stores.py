"""Where the data of workers lies: one folder a worker, with the live stores and, above them, those of its preview.

    <data>/<worker>/live/{kv,objects,queues}.sqlite, d1/<database>.sqlite
    <data>/<worker>/preview/…  the same: what the preview wrote; removing it resets the preview

``capability`` and ``browse`` ask for a worker's data. Everything is opened when it is first used and closed after it
was idle for a while. Nothing here knows what a request is.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import secrets
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from preview.outside.bindings import kv, objects, queues
from preview.outside.bindings.d1 import D1Store, Room
from preview.outside.bindings.database import Database
from preview.outside.bindings.kv import KVStore
from preview.outside.bindings.objects import ObjectStore
from preview.outside.bindings.queues import QueueStore

log = logging.getLogger(__name__)

MOST = 256 * 1024 * 1024
"""Bytes of each of a worker's stores: KV, R2, queues, and each D1 database."""
IDLE_AFTER = 120.0
"""Seconds without use after which a worker's files are closed."""
_THREADS = 8
_SAFE = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class WorkerData:
    """The data of one worker, live or in its preview's layer. Use from one event loop."""

    def __init__(
        self,
        folder: Path,
        pool: ThreadPoolExecutor,
        most: int,
        beneath: WorkerData | None,
        *,
        confined: bool,
        room: Room,
    ) -> None:
        self.folder = folder
        self.used = time.monotonic()
        self._pool = pool
        self._most = most
        self._beneath = beneath
        self._databases: dict[str, Database] = {}
        above = beneath is not None
        low = beneath.folder if beneath is not None else None
        views = (kv.VIEWS, objects.VIEWS, queues.VIEWS)
        if above:
            views = (kv.VIEWS_ABOVE, objects.VIEWS_ABOVE, queues.VIEWS)
        self.kv = KVStore(self._open("kv", kv.SCHEMA, views[0]), above=above)
        self.objects = ObjectStore(self._open("objects", objects.SCHEMA, views[1]), above=above)
        self.queues = QueueStore(self._open("queues", queues.SCHEMA, views[2], layered=False))
        self.d1 = D1Store(
            folder / "d1", low / "d1" if low is not None else None, most=most, confined=confined, room=room
        )

    @property
    def busy(self) -> bool:
        return any(database.busy for database in self._databases.values()) or self.d1.busy

    async def close(self) -> None:
        await asyncio.gather(self.d1.close(), *(database.close() for database in self._databases.values()))

    def _open(self, name: str, schema: str, views: str, *, layered: bool = True) -> Database:
        beneath = self._beneath._databases[name] if self._beneath is not None and layered else None
        database = Database(
            self.folder / f"{name}.sqlite", schema, self._pool, most=self._most, beneath=beneath, views=views
        )
        self._databases[name] = database
        return database


class Stores:
    """All workers' data in ``folder``. Use from one event loop; made within it."""

    def __init__(self, folder: Path, *, most: int = MOST, layered: bool = True) -> None:
        self.layered = layered
        """False for the dev server: there is one worker with one set of data, and nothing live to protect."""
        self.confined = True
        """False where workers' SQL runs without a sandbox of its own."""
        self._folder = folder
        self._most = most
        self._room = Room()
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="bindings")
        self._open: dict[tuple[str, bool], WorkerData] = {}
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep(), name="idle bindings")

    def data(self, worker: str, *, preview: bool) -> WorkerData:
        """The data of a worker, by its id. A preview's is a layer above the live one."""
        preview = preview and self.layered
        found = self._open.get((worker, preview))
        if found is None:
            beneath = self.data(worker, preview=False) if preview else None
            folder = self._folder / folder_name(worker) / ("preview" if preview else "live")
            found = WorkerData(folder, self._pool, self._most, beneath, confined=self.confined, room=self._room)
            self._open[worker, preview] = found
        found.used = time.monotonic()
        if preview:
            self.data(worker, preview=False)  # used as well
        return found

    async def with_messages(self, queue: str) -> list[str]:
        """The ids of the workers that have live messages in a queue."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _with_messages, self._folder, queue)

    async def reset(self, worker: str) -> None:
        """Throws away what a preview wrote: it shows the live data again."""
        closing = self._open.pop((worker, True), None)
        folder = self._folder / folder_name(worker) / "preview"
        aside = self._folder / f".removed-{secrets.token_hex(8)}"
        # Before anything is awaited: whoever comes meanwhile begins afresh, and not in what is about to go.
        with contextlib.suppress(FileNotFoundError):
            folder.rename(aside)
        if closing is not None:
            await closing.close()
        await asyncio.get_running_loop().run_in_executor(self._pool, lambda: shutil.rmtree(aside, ignore_errors=True))

    async def close(self) -> None:
        self._sweeper.cancel()
        for worker, preview in sorted(self._open, key=lambda key: not key[1]):
            await self._close(worker, preview)
        self._pool.shutdown(wait=False)

    async def _close(self, worker: str, preview: bool) -> None:
        data = self._open.pop((worker, preview), None)
        if data is not None:
            await data.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(IDLE_AFTER / 4)
            await self.sweep(time.monotonic() - IDLE_AFTER)

    async def sweep(self, before: float) -> None:
        """Closes what was last used before that moment, layers before what lies beneath them."""
        for (worker, preview), data in sorted(self._open.items(), key=lambda item: not item[0][1]):
            if data.used < before and not data.busy:
                await self._close(worker, preview)


def _with_messages(folder: Path, queue: str) -> list[str]:
    found = []
    for file in sorted(folder.glob("*/live/queues.sqlite")):
        try:
            with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
                if connection.execute("SELECT 1 FROM messages WHERE queue = ? LIMIT 1", (queue,)).fetchone():
                    found.append(file.parent.parent.name)
        except sqlite3.Error as error:  # one that is damaged, or just being made
            log.warning("The queues in %s cannot be read: %s", file, error)
    return found


def file_name(database: str) -> str:
    """The name of a D1 database as that of its file, where it cannot be one by itself a digest of it."""
    return database if _SAFE.fullmatch(database) else hashlib.sha256(database.encode("utf-8", "replace")).hexdigest()


def folder_name(worker: str) -> str:
    """A worker's id as the name of a folder; ids that are not plain become a digest."""
    return worker if _SAFE.fullmatch(worker) else hashlib.sha256(worker.encode("utf-8", "replace")).hexdigest()

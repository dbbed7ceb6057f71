"""One SQLite file of ours, used from the event loop: writes are committed in groups, reads never wait for them.

The stores of KV, R2 and queues are made of these. Only SQL of ours runs here (a worker's own SQL runs in
``d1_process``), so a statement is short by construction. A write is answered when it is durable: WAL with
``synchronous=FULL``, one commit for all writes that wait at that moment.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from preview.outside.bindings.errors import BindingError, Full

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]

MAX_WAITING = 4096
"""Jobs of one file that wait; above it the worker is told that it asks too much at once."""
_PAGE = 4096


@dataclass(eq=False)
class _Lane:
    """Jobs that one thread works off at a time. ``jobs`` is filled in the loop and emptied in that thread."""

    work: Callable[[_Lane], None]
    jobs: deque[tuple[Job, asyncio.Future[Any]]] = field(default_factory=deque)
    busy: bool = False


class Database:
    """A file with ``schema``, at most ``most`` bytes long. Use from one event loop.

    ``beneath`` is one of the same schema that is read, never written, through the schema name ``base``: SQLite itself
    holds it read-only. ``views`` are SQL for temporary views, made for each connection.
    """

    def __init__(
        self, path: Path, schema: str, pool: ThreadPoolExecutor, *, most: int, beneath: Database | None, views: str
    ) -> None:
        self._path = path
        self._schema = schema
        self._pool = pool
        self._pages = max(16, most // _PAGE)
        self._beneath = beneath
        self._views = views
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._writes = _Lane(self._write_all)
        self._reads = _Lane(self._read_all)
        self._opening = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._closing = False

    @property
    def busy(self) -> bool:
        return self._writes.busy or self._reads.busy

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """What ``job`` returns, seeing every write that was answered before. Raises what it raises."""
        return await self._submit(self._reads, job)  # type: ignore[no-any-return]

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """What ``job`` returns, once it is durable; where it raises, nothing of it was done. Raises Full and that."""
        return await self._submit(self._writes, job)  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Finishes what was asked for, then closes the file."""
        self._closing = True
        while self.busy:
            await asyncio.sleep(0.001)
        for connection in (self._reader, self._writer):
            if connection is not None:
                await self._loop.run_in_executor(self._pool, connection.close)
        self._reader = self._writer = None

    # The lanes

    async def _submit(self, lane: _Lane, job: Job) -> Any:
        if self._closing:
            raise BindingError("This storage is being closed. Try again.")
        if len(lane.jobs) >= MAX_WAITING:
            raise BindingError(f"More than {MAX_WAITING} operations wait for this storage. Await some of them first.")
        future: asyncio.Future[Any] = self._loop.create_future()
        lane.jobs.append((job, future))
        if not lane.busy:
            lane.busy = True
            self._pool.submit(lane.work, lane)
        return await future

    def _finish(self, lane: _Lane, done: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
        for future, result, error in done:
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)
        if lane.jobs:
            self._pool.submit(lane.work, lane)
        else:
            lane.busy = False

    # In a thread of the pool

    def make(self) -> None:
        """Makes the file where it is not there yet, so that another may lie above it."""
        with self._opening:
            if not self._path.exists():
                self._connect().close()

    def _read_all(self, lane: _Lane) -> None:
        done: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        # A few at a time: the first is not to wait for the last.
        for _ in range(min(16, len(lane.jobs))):
            job, future = lane.jobs.popleft()
            try:
                if self._reader is None:
                    self._reader = self._open()
                done.append((future, job(self._reader), None))
            except Exception as error:
                done.append((future, None, _told(error)))
        self._loop.call_soon_threadsafe(self._finish, lane, done)

    def _write_all(self, lane: _Lane) -> None:
        jobs = [lane.jobs.popleft() for _ in range(min(1000, len(lane.jobs)))]
        try:
            done = self._commit(jobs)
        except Exception as error:  # the commit itself: a full disk, an unreadable file
            told = _told(error)
            done = [(future, None, told) for _, future in jobs]
        self._loop.call_soon_threadsafe(self._finish, lane, done)

    def _commit(
        self, jobs: list[tuple[Job, asyncio.Future[Any]]]
    ) -> list[tuple[asyncio.Future[Any], Any, BaseException | None]]:
        if self._writer is None:
            self._writer = self._open()
        connection = self._writer
        done: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job, future in jobs:
                connection.execute("SAVEPOINT job")
                try:
                    done.append((future, job(connection), None))
                except Exception as error:
                    if not connection.in_transaction:  # SQLite gave all of it up: a full disk
                        raise
                    connection.execute("ROLLBACK TO job")
                    done.append((future, None, _told(error)))
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return done

    def _open(self) -> sqlite3.Connection:
        # One at a time: SQLite turns a new file to WAL without waiting for whoever has it open, and refuses one of two.
        with self._opening:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rwc",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute(f"PRAGMA max_page_count={self._pages}")
            # Without it one large value would leave a log of its size behind for ever.
            connection.execute(f"PRAGMA journal_size_limit={4 * 1024 * 1024}")
            connection.executescript(self._schema)
            if self._beneath is not None:
                self._beneath.make()
                connection.execute("ATTACH ? AS base", (f"{self._beneath._path.absolute().as_uri()}?mode=ro",))
            connection.executescript(self._views)
        except BaseException:
            connection.close()
            raise
        return connection


def _told(error: Exception) -> Exception:
    """A database's error as the worker may read it."""
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return Full("This worker's storage is full. Delete something first, or ask for a higher limit.")
    if isinstance(error, sqlite3.Error):
        return BindingError(f"The storage failed: {error}")
    return error

"""D1: SQL databases of one worker, each a SQLite file that only a confined process of its own opens (``d1_process``).

``capability`` calls it. The process starts with the first statement and ends when it was idle; a statement without end
is interrupted, and where even that does not help, the process is killed and the next statement gets another one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import math
import re
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from preview.outside.bindings.d1_sql import MAX_MIGRATION, MAX_PARAMETERS, MAX_SQL, MAX_STATEMENTS
from preview.outside.bindings.errors import BindingError, WrongType, kind, text

log = logging.getLogger(__name__)

SECONDS = 10.0
"""That one call may take; Cloudflare's limit is 30, and a request's here is 30 in all."""
_GRACE = 2.0  # seconds after that until the process is killed
IDLE_AFTER = 30.0
"""Seconds without a statement after which the process ends."""
MAX_PROCESSES = 24
"""SQL processes of one runner at once, some 15 MB each."""
_SIZE = struct.Struct("<I")
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MAX_ANSWER = 64 * 1024 * 1024
_ROOT = str(Path(__file__).resolve().parents[3])
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from preview.outside.bindings import d1_process as p;"
    " p.main(*sys.argv[1:5])"
)


class D1Error(BindingError):
    """What SQLite or the process's rules say, in D1's own form: D1_ERROR: …: SQLITE_…

    ``line`` is where the statement of a migration begins, 1-based; 0 for anything else.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class Room:
    """How many SQL processes one runner may have at once. A new one beyond that ends the one that was idle for longest."""

    def __init__(self, most: int = MAX_PROCESSES) -> None:
        self._most = most
        self._stores: dict[D1Store, None] = {}  # in the order of their last use

    def take(self, store: D1Store) -> None:
        """A place for a store's process. Raises D1Error where all others are at work."""
        self._stores.pop(store, None)
        while len(self._stores) >= self._most:
            idle = next((each for each in self._stores if not each.busy), None)
            if idle is None:
                raise D1Error("D1_ERROR: too many databases are at work at the moment. Try again.")
            idle.end()
        self._stores[store] = None

    def leave(self, store: D1Store) -> None:
        self._stores.pop(store, None)


class D1Store:
    """The databases in ``folder``; ``beneath`` are the live ones that a preview reads until it writes."""

    def __init__(self, folder: Path, beneath: Path | None, *, most: int, confined: bool, room: Room) -> None:
        self._folder = folder
        self._beneath = beneath
        self._most = most
        self._confined = confined
        self._room = room
        self._turn = asyncio.Lock()
        self._process: _Process | None = None
        self._waiting = 0
        self._idle: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        return self._waiting > 0

    async def query(self, database: str, statements: object, *, together: bool) -> dict[str, Any]:
        """Runs statements, each ``{"sql", "values"}``; ``together`` as one transaction.

        The answer has ``results``, each with ``columns``, ``rows`` and ``meta``, and ``wrote``, what changed anything,
        in words. Raises D1Error and WrongType.
        """
        if not isinstance(statements, list) or not statements:
            raise WrongType("batch() takes a list of at least one prepared statement.")
        if len(statements) > MAX_STATEMENTS:
            raise WrongType(f"batch() takes at most {MAX_STATEMENTS} statements.")
        checked = [_statement(one) for one in statements]
        return await self._ask({"op": "batch" if together else "query", "database": database, "statements": checked})

    async def exec(self, database: str, script: object) -> dict[str, Any]:
        """Runs a script: ``count`` and ``duration``, and ``wrote`` as above."""
        return await self._ask({"op": "exec", "database": database, "sql": text(script, "SQL", most=1_000_000)})

    async def migrate(self, database: str, table: str, name: str, script: str) -> bool:
        """Runs one migration and records ``name`` in ``table``, all of it or nothing, within SECONDS. False where the table
        had the name already. Raises D1Error with the line, and WrongType for a script over MAX_MIGRATION bytes."""
        sql = text(script, "A migration", most=MAX_MIGRATION, empty=True)
        asked = {"op": "migrate", "database": database, "table": table, "name": name, "sql": sql}
        return (await self._ask(asked))["applied"] is True

    def exists(self, database: str) -> bool:
        """Whether the database was ever made, here or beneath. Asking for its rows would make it."""
        folders = (self._folder, self._beneath)
        return any(folder is not None and (folder / f"{database}.sqlite").exists() for folder in folders)

    def databases(self) -> list[str]:
        """The names of the databases that exist here."""
        with contextlib.suppress(OSError):
            return sorted(path.stem for path in self._folder.glob("*.sqlite"))
        return []

    async def close(self) -> None:
        async with self._turn:
            process = self._process
            self.end()
            if process is not None:
                await process.wait()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if not _NAME.fullmatch(request["database"]):
            raise BindingError("A database's name has letters, digits, “_”, “-” and “.”, at most 64.")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask_in_turn({**request, "seconds": SECONDS})
        finally:
            self._waiting -= 1
            self._idle_from_now()

    async def _ask_in_turn(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None or self._process.ended:
            self.end()
        self._room.take(self)
        if self._process is None:
            self._process = await _Process.start(self._folder, self._beneath, self._most, confined=self._confined)
        try:
            async with asyncio.timeout(SECONDS + _GRACE):
                answer = await self._process.ask(request)
        except TimeoutError:
            self.end()
            raise D1Error("D1_ERROR: this took too long and was stopped: SQLITE_INTERRUPT") from None
        except (ConnectionError, ValueError, asyncio.IncompleteReadError) as error:
            log.warning("A D1 process ended in the middle of a request: %s", error)
            self.end()
            raise D1Error("D1_ERROR: the database's process ended while it worked on this. Try again.") from None
        except asyncio.CancelledError:
            self.end()  # its answer would be taken for that of the next request
            raise
        if "error" in answer:
            line = answer.get("line")
            raise D1Error(str(answer["error"])[:4000], line if isinstance(line, int) else 0)
        return answer

    def _idle_from_now(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_AFTER, self._end_if_idle)

    def _end_if_idle(self) -> None:
        if not self._turn.locked():
            self.end()

    def end(self) -> None:
        """Ends the process now, whatever it does; the next statement gets another one."""
        self._room.leave(self)
        if self._idle is not None:
            self._idle.cancel()
        if self._process is not None:
            self._process.end()
            self._process = None


class _Process:
    """One running process and its channel."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @staticmethod
    async def start(folder: Path, beneath: Path | None, most: int, *, confined: bool) -> _Process:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if beneath is not None:
            beneath.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours, theirs = socket.socketpair()
        try:
            low = str(beneath.resolve()) if beneath is not None else ""
            arguments = (_ROOT, str(folder.resolve()), low, str(most), "1" if confined else "0")
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", "-c", _START, *arguments,
                stdin=theirs.fileno(), stdout=asyncio.subprocess.DEVNULL, stderr=None,
                env={"SQLITE_TMPDIR": str(folder.resolve()), "PATH": "/nowhere"},
                start_new_session=True,
            )  # fmt: skip
        finally:
            theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
        return _Process(process, reader, writer)

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None or self._writer.is_closing()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises ConnectionError, IncompleteReadError or ValueError where the process is gone or talks nonsense."""
        data = json.dumps(request, separators=(",", ":")).encode()
        self._writer.write(_SIZE.pack(len(data)) + data)
        await self._writer.drain()
        (size,) = _SIZE.unpack(await self._reader.readexactly(_SIZE.size))
        if size > _MAX_ANSWER:
            raise ValueError(f"an answer of {size} bytes")
        answer = json.loads(await self._reader.readexactly(size))
        if not isinstance(answer, dict):
            raise ValueError("an answer that is no object")
        return answer

    async def wait(self) -> None:
        await self._process.wait()

    def end(self) -> None:
        self._writer.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)


def _statement(one: object) -> dict[str, Any]:
    if not isinstance(one, dict):
        raise WrongType("batch() takes prepared statements: await db.batch([db.prepare(…), …]).")
    values = one.get("values")
    if not isinstance(values, list):
        raise WrongType("A statement's values must be a list.")
    if len(values) > MAX_PARAMETERS:
        raise WrongType(f"bind() takes at most {MAX_PARAMETERS} values, not {len(values)}.")
    return {"sql": text(one.get("sql"), "SQL", most=MAX_SQL), "values": [_value(value) for value in values]}


def _value(value: object) -> object:
    """A bound value as SQLite takes it. Raises WrongType, in D1's own words."""
    if value is None or isinstance(value, str):
        return value if value is None else text(value, "A value", most=2_000_000, empty=True)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise WrongType(f"D1_TYPE_ERROR: {value} does not fit into 64 bits.")
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict) and isinstance(value.get("bytes"), str):
        with contextlib.suppress(ValueError):
            base64.b64decode(value["bytes"], validate=True)
            return {"bytes": value["bytes"]}
    raise WrongType(f"D1_TYPE_ERROR: Type '{kind(value)}' not supported for value {str(value)[:100]!r}")

"""The process that runs one worker's SQL: nothing else is in it, and it reaches nothing but that worker's databases.

``d1`` starts it with a channel as standard input and two folders: its own, and for a preview that of the live databases,
which it reads. SQL is hostile, so before the first statement the process gives up everything else: Landlock, seccomp,
limits on memory and file size. One request at a time, each a length and JSON. A preview works on the live database,
opened read-only, until a statement wants to write: then it makes a copy of its own, and that is what it uses from there.

Run as ``python -I -S -c "…main()"``: the standard library and ``preview.sandbox`` are all there is.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import socket
import sqlite3
import struct
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from preview.outside.bindings import d1_sql
from preview.sandbox import capabilities, landlock, seccomp

_SIZE = struct.Struct("<I")
MEMORY = 320 * 1024 * 1024
"""Bytes of address space."""
HEAP = 96 * 1024 * 1024
"""Bytes that SQLite may allocate."""
_LATE = "D1_ERROR: this took too long and was stopped: SQLITE_INTERRUPT"
_STEPS = 5000  # of SQLite's virtual machine between two looks at the clock


class Refused(Exception):
    """What the worker is told."""


def main(folder: str, beneath: str, most: str, confined: str) -> None:
    """Serves standard input, a socket, until it closes. ``most`` is bytes of a database; ``confined`` is "1" where the sandbox is
    on."""
    channel = socket.socket(fileno=0)
    _confine([folder, *([beneath] if beneath else [])], int(most), required=confined == "1")
    server = _Server(Path(folder), Path(beneath) if beneath else None, int(most) // 4096)
    while (request := _receive(channel)) is not None:
        try:
            answer = server.answer(request)
        except Refused as refused:
            answer = {"error": str(refused), "line": server.line}
        except MemoryError:
            answer = {"error": "D1_ERROR: out of memory: SQLITE_NOMEM"}
        data = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        channel.sendall(_SIZE.pack(len(data)) + data)


def _confine(folders: list[str], most: int, *, required: bool) -> None:
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 2 * most),  # a write-ahead log may grow beyond its database
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_AS, MEMORY),
    ):
        resource.setrlimit(kind, (value, value))
    if not required:
        return
    capabilities.no_new_privileges()
    landlock.restrict(read=["/dev/urandom"], use=folders)
    capabilities.drop_all()
    seccomp.install(seccomp.program(file_locks=True))


def _receive(channel: socket.socket) -> Any:
    head = _read(channel, _SIZE.size)
    return json.loads(_read(channel, _SIZE.unpack(head)[0])) if head else None


def _read(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = channel.recv(min(1 << 20, size - len(data)))
        if not part:
            return b""
        data += part
    return bytes(data)


class _Open:
    """An open database. ``live`` says that it is the one beneath, held read-only."""

    def __init__(self, path: Path, pages: int, *, live: bool) -> None:
        self.live = live
        self.path = path
        self.warden = d1_sql.Warden()
        mode = "ro" if live else "rwc"
        # Not Path.as_uri, which imports what it needs only now: too late, behind the walls.
        self.connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, cached_statements=0, timeout=5
        )
        if not live:
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=FULL")
            self.connection.execute(f"PRAGMA max_page_count={pages}")
        d1_sql.harden(self.connection, self.warden)

    def own(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs a statement of ours."""
        self.warden.off = True
        try:
            return self.connection.execute(sql).fetchall()
        finally:
            self.warden.off = False


class _Server:
    def __init__(self, folder: Path, beneath: Path | None, pages: int) -> None:
        self._folder = folder
        self._beneath = beneath
        self._pages = pages
        self._databases: dict[str, _Open] = {}
        self._until = 0.0
        self.line = 0
        """Of the migration's statement that is running, 1-based; 0 for anything else."""
        with contextlib.suppress(sqlite3.Error):
            limits = sqlite3.connect(":memory:")
            limits.execute(f"PRAGMA hard_heap_limit={HEAP}")
            limits.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises Refused."""
        name = request["database"]
        self._until = time.monotonic() + request["seconds"]
        self.line = 0
        try:
            return self._run(self._open(name), request)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY or self._beneath is None:
                raise Refused(_message(error)) from None
        except sqlite3.Error as error:
            raise Refused(_message(error)) from None
        # A preview wants to write: from here on it has a copy of its own. Nothing of the request was done yet.
        try:
            return self._run(self._copy(name), request)
        except sqlite3.Error as error:
            raise Refused(_message(error)) from None

    # Databases

    def _open(self, name: str) -> _Open:
        found = self._databases.get(name)
        if found is None:
            own = self._folder / f"{name}.sqlite"
            live = self._beneath / f"{name}.sqlite" if self._beneath is not None else None
            if live is not None and live.exists() and not own.exists():
                found = _Open(live, self._pages, live=True)
            else:
                found = _Open(own, self._pages, live=False)
            found.connection.set_progress_handler(self._late, _STEPS)
            self._databases[name] = found
        return found

    def _copy(self, name: str) -> _Open:
        live = self._databases.pop(name)
        own, half = self._folder / f"{name}.sqlite", self._folder / f"{name}.copying"
        half.unlink(missing_ok=True)
        target = sqlite3.connect(half, isolation_level=None)
        try:
            live.warden.off = True
            live.connection.set_progress_handler(None, 0)
            live.connection.backup(target)
        finally:
            target.close()
            live.connection.close()
        os.rename(half, own)
        return self._open(name)

    def _late(self) -> bool:
        return time.monotonic() > self._until

    # Statements

    def _run(self, database: _Open, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if request["op"] == "exec":
                return self._exec(database, request["sql"])
            if request["op"] == "migrate":
                return self._migrate(database, request["table"], request["name"], request["sql"])
            return self._batch(database, request["statements"], together=request["op"] == "batch")
        except sqlite3.OperationalError as error:
            if database.warden.reason:
                raise Refused(f"D1_ERROR: not authorized: {database.warden.reason}") from None
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise Refused(_LATE) from None
            raise
        except sqlite3.DatabaseError:
            if database.warden.reason:
                raise Refused(f"D1_ERROR: not authorized: {database.warden.reason}") from None
            raise
        finally:
            if database.connection.in_transaction:
                database.own("ROLLBACK")

    def _exec(self, database: _Open, script: str) -> dict[str, Any]:
        began = time.perf_counter()
        wrote = []
        count = 0
        for count, sql in enumerate(d1_sql.statements(script), 1):
            if count > d1_sql.MAX_STATEMENTS:
                raise Refused(f"D1_EXEC_ERROR: more than {d1_sql.MAX_STATEMENTS} statements at once.")
            result = self._one(database, sql, [], room=d1_sql.MAX_RESULT)[0]
            if result["meta"]["changed_db"]:
                wrote.append(f"{_short(sql)} ({result['meta']['changes']} rows)")
        return {"count": count, "duration": (time.perf_counter() - began) * 1000, "wrote": wrote[:20]}

    def _batch(self, database: _Open, asked: list[dict[str, Any]], *, together: bool) -> dict[str, Any]:
        if together:
            database.own("BEGIN" if database.live else "BEGIN IMMEDIATE")
        results, wrote, room = [], [], d1_sql.MAX_RESULT
        for statement in asked:
            result, used = self._one(database, statement["sql"], _values(statement["values"]), room=room)
            room -= used
            results.append(result)
            if result["meta"]["changed_db"]:
                wrote.append(f"{_short(statement['sql'])} ({result['meta']['changes']} rows)")
        if together:
            database.own("COMMIT")
        return {"results": results, "wrote": wrote[:20]}

    def _migrate(self, database: _Open, table: str, name: str, script: str) -> dict[str, Any]:
        """Runs a migration and records it, as one transaction; ``applied`` is False where the table had it already.

        The transaction is ours. The statements on the table are run as the worker's own: triggers on it are the worker's.
        """
        quoted = d1_sql.quoted(table)
        database.own("BEGIN" if database.live else "BEGIN IMMEDIATE")
        self._one(database, d1_sql.MIGRATIONS.format(table=quoted), [], room=0)
        if self._recorded(database, quoted, name):
            return {"applied": False}
        for self.line, sql in d1_sql.numbered(script):
            if self._late():  # many small statements never come to the look at the clock within one
                raise Refused(_LATE)
            self._one(database, sql, [], room=d1_sql.MAX_RESULT)
        self.line = 0
        self._one(database, f"INSERT INTO {quoted} (name) VALUES (?)", [name], room=0)
        if not self._recorded(database, quoted, name):
            raise Refused(f"D1_ERROR: the table {table} did not keep the migration's name; is there a trigger on it?")
        database.own("COMMIT")
        return {"applied": True}

    def _recorded(self, database: _Open, quoted: str, name: str) -> bool:
        found, _ = self._one(database, f"SELECT 1 FROM {quoted} WHERE name = ?", [name], room=d1_sql.MAX_RESULT)
        return bool(found["rows"])

    def _one(self, database: _Open, sql: str, values: list[Any], *, room: int) -> tuple[dict[str, Any], int]:
        began = time.perf_counter()
        connection, warden = database.connection, database.warden
        before = connection.total_changes
        warden.begin()
        cursor = connection.execute(sql, values)
        rows, used = [], 0
        for row in cursor:
            cells = [list(cell) if isinstance(cell, bytes) else cell for cell in row]
            used += sum(len(cell) + 8 if isinstance(cell, str | list) else 12 for cell in cells)
            if used > room:
                raise Refused(f"D1_ERROR: the result is over {d1_sql.MAX_RESULT:,} bytes: ask for less, with LIMIT.")
            rows.append(cells)
        changes = connection.total_changes - before
        columns = [column[0] for column in cursor.description or ()]
        meta = {
            "served_by": "quickedit",
            "duration": (time.perf_counter() - began) * 1000,
            "changes": changes,
            "last_row_id": (cursor.lastrowid or 0) if changes else 0,
            "changed_db": warden.wrote,
            "size_after": self._size(database),
            "rows_read": len(rows),
            "rows_written": changes,
        }
        return {"columns": columns, "rows": rows, "meta": meta}, used

    @staticmethod
    def _size(database: _Open) -> int:
        return int(database.own("PRAGMA page_count")[0][0]) * 4096


def _values(values: list[Any]) -> list[Any]:
    return [base64.b64decode(one["bytes"]) if isinstance(one, dict) else one for one in values]


def _message(error: sqlite3.Error) -> str:
    text = str(error)
    if isinstance(error, sqlite3.ProgrammingError):
        if "bindings" in text:
            return f"D1_ERROR: Wrong number of parameter bindings for SQL query. {text}"
        if "one statement" in text:
            return "D1_ERROR: one statement at a time; use batch(), or exec() for a script."
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    if "full" in text:
        text = "the database is full"
    return f"D1_ERROR: {text}: {name}"


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 120 else f"{line[:119]}…"


if __name__ == "__main__":
    main(*sys.argv[1:5])

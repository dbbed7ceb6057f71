"""What a worker's SQL may do to its D1 database, and how its text is taken apart. Used by ``d1_process``;
its limits and `quoted` by others too.

SQLite itself asks the authorizer for every action of every statement, so nothing here understands SQL. Limits are those
of https://developers.cloudflare.com/d1/platform/limits/ unless a line says otherwise.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

MAX_SQL = 100_000
"""Bytes of one statement."""
MAX_VALUE = 2_000_000
"""Bytes of one value or row."""
MAX_PARAMETERS = 100
MAX_COLUMNS = 100
MAX_STATEMENTS = 1000
"""Statements of one exec or batch; ours."""
MAX_RESULT = 8 * 1024 * 1024
"""Bytes of one answer; ours, because it is one frame."""
MAX_MIGRATION = 1_000_000
"""Bytes of one migration; ours. Its statements are not counted."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: MAX_SQL,
    sqlite3.SQLITE_LIMIT_COLUMN: MAX_COLUMNS,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: MAX_PARAMETERS,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 50,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

_PRAGMAS = frozenset([
    "table_list", "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo",
    "foreign_key_list", "foreign_key_check", "quick_check", "defer_foreign_keys", "optimize",
    "data_version",  # fts5 asks for it
])  # fmt: skip
"""Those that describe, and the one that puts off foreign keys within a batch. None changes the connection for others."""
_MODULES = frozenset(["fts5", "fts5vocab"])
_FUNCTIONS_DENIED = frozenset(["load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"])

MIGRATIONS = """CREATE TABLE IF NOT EXISTS {table}(
\t\tid         INTEGER PRIMARY KEY AUTOINCREMENT,
\t\tname       TEXT UNIQUE,
\t\tapplied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)"""
"""The table of the migrations that were applied, with the columns that Wrangler gives it: either reads the other's."""

_READS = frozenset([sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
                    sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_ANALYZE, sqlite3.SQLITE_TRANSACTION,
                    sqlite3.SQLITE_SAVEPOINT])  # fmt: skip
_TEMPORARY = frozenset([
    sqlite3.SQLITE_CREATE_TEMP_INDEX, sqlite3.SQLITE_CREATE_TEMP_TABLE, sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
    sqlite3.SQLITE_CREATE_TEMP_VIEW,
])  # fmt: skip


class Warden:
    """The authorizer of one connection. ``reason`` says what was refused last, ``wrote`` whether anything was to
    change; ``off`` lets our own statements pass."""

    def __init__(self) -> None:
        self.off = False
        self.reason = ""
        self.wrote = False

    def begin(self) -> None:
        """Before each of the worker's statements."""
        self.reason = ""
        self.wrote = False

    def __call__(self, action: int, one: str | None, two: str | None, schema: str | None, inner: str | None) -> int:
        if self.off:
            return sqlite3.SQLITE_OK
        self.reason = self.reason or self._refusal(action, one, two)
        if self.reason:
            return sqlite3.SQLITE_DENY
        self.wrote = self.wrote or action not in _READS
        return sqlite3.SQLITE_OK

    @staticmethod
    def _refusal(action: int, one: str | None, two: str | None) -> str:
        if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
            return "ATTACH and DETACH are not there: a database reaches no other."
        if action == sqlite3.SQLITE_PRAGMA and (one or "").lower() not in _PRAGMAS:
            return f"PRAGMA {one} is not there."
        if action in (sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT):
            return "BEGIN, COMMIT, ROLLBACK and SAVEPOINT are not there: use batch(), which is one transaction."
        if action == sqlite3.SQLITE_FUNCTION and (two or "").lower() in _FUNCTIONS_DENIED:
            return f"The function {two} is not there."
        if action == sqlite3.SQLITE_CREATE_VTABLE and (two or "").lower() not in _MODULES:
            return f"The module {two} is not there; fts5 is."
        if action in _TEMPORARY:
            return "Temporary tables are not there: nothing lasts from one statement to the next but the database."
        return ""


def harden(connection: sqlite3.Connection, warden: Warden) -> None:
    """Limits, foreign keys as D1 has them, and the authorizer."""
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA temp_store=FILE")
    connection.set_authorizer(warden)


# Each alternative consumes what it begins, ended or not, so that hostile text costs linear time.
_PIECES = re.compile(
    r"""'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|--[^\n]*|/\*.*?(?:\*/|\Z)|;|[^'"`\[;/-]+|.""",
    re.DOTALL,
)
# Comments may stand before it: Wrangler begins a new migration with one.
_TRIGGER = re.compile(
    r"(?>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))*+CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b", re.IGNORECASE | re.DOTALL
)


def statements(script: str) -> Iterator[str]:
    """The statements of a script, cut at the semicolons that end one: not those in texts, comments or triggers."""
    return (statement for _, statement in numbered(script))


def numbered(script: str) -> Iterator[tuple[int, str]]:
    """As statements, each with the 1-based line of its first word."""
    piece: list[str] = []
    line, first = 1, 0  # of this piece, and of the statement's first word: 0 before there is one
    for found in _PIECES.finditer(script):
        part = found[0]
        if part != ";":
            piece.append(part)
            if not first and not part.isspace() and not part.startswith(("--", "/*")):
                first = line + part[: len(part) - len(part.lstrip())].count("\n")
            line += part.count("\n")
            continue
        whole = "".join(piece)
        if _TRIGGER.match(whole) and not sqlite3.complete_statement(whole + ";"):
            piece.append(part)
            continue
        if first:
            yield first, whole
        piece, first = [], 0
    if first:
        yield first, "".join(piece)


def quoted(name: str) -> str:
    """A table's name as it stands in SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'

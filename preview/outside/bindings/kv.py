"""KV: values under keys, with metadata and an expiry, as Cloudflare documents Workers KV.

``capability`` calls it. Reads see writes at once, which is more than the original promises. Over a live store a
preview has a layer of its own: what it writes or deletes hides what lies beneath, and nothing reaches that.
Limits and rules are those of https://developers.cloudflare.com/kv/platform/limits/ unless a line says otherwise.
"""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from preview.outside.bindings.database import Database
from preview.outside.bindings.errors import BindingError, Full, WrongType, text, whole

MAX_KEY = 512
"""Bytes of a key."""
MAX_VALUE = 8 * 1024 * 1024
"""Bytes of a value: ours, because a value is one frame; Cloudflare's is 25 MiB."""
MAX_METADATA = 1024
"""Bytes of the metadata, as JSON."""
MIN_TTL = 60
"""Seconds that an expiry must lie ahead."""
MAX_LIST = 1000
MAX_BULK = 100
"""Keys of one get."""
MAX_BULK_BYTES = MAX_VALUE
"""Bytes of one get of several keys."""
_FAR = 1 << 40

SCHEMA = """
CREATE TABLE IF NOT EXISTS kv (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, key TEXT NOT NULL, value BLOB, metadata TEXT, expires INTEGER,
    UNIQUE (namespace, key));
CREATE INDEX IF NOT EXISTS kv_expires ON kv (expires) WHERE expires IS NOT NULL;
"""
# A row without a value says that the key was deleted here, whatever lies beneath.
VIEWS = "CREATE TEMP VIEW kv_now AS SELECT namespace, key, value, metadata, expires FROM main.kv;"
VIEWS_ABOVE = """
CREATE TEMP VIEW kv_now AS
SELECT namespace, key, value, metadata, expires FROM main.kv
UNION ALL SELECT namespace, key, value, metadata, expires FROM base.kv AS low
WHERE NOT EXISTS (SELECT 1 FROM main.kv AS top WHERE top.namespace = low.namespace AND top.key = low.key);
"""
_LIVING = "value IS NOT NULL AND (expires IS NULL OR expires > ?)"


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was stored; ``metadata`` is JSON, or None."""

    value: bytes
    metadata: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key in a list. ``expires`` is seconds since the epoch; ``size`` bytes of the value."""

    name: str
    expires: int | None
    metadata: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Page:
    """``cursor`` is "" where the list is complete."""

    keys: list[Key]
    cursor: str


class KVStore:
    """The namespaces of one worker. ``above`` says that another store lies beneath its database."""

    def __init__(self, database: Database, *, above: bool) -> None:
        self._database = database
        self._above = above

    async def get(self, namespace: str, key: object) -> Found | None:
        """None where there is none, or where it expired."""
        name = check_key(key)
        now = int(time.time())
        return await self._database.read(lambda connection: _get(connection, namespace, name, now))

    async def get_many(self, namespace: str, keys: object) -> dict[str, Found | None]:
        """Raises WrongType where there are more than MAX_BULK keys, Full where their values are too large together."""
        if not isinstance(keys, list) or not 0 < len(keys) <= MAX_BULK:
            raise WrongType(f"get() takes one key, or a list of at most {MAX_BULK}.")
        names = [check_key(key) for key in keys]
        now = int(time.time())

        def job(connection: sqlite3.Connection) -> dict[str, Found | None]:
            found: dict[str, Found | None] = {}
            size = 0
            for name in names:
                found[name] = one = _get(connection, namespace, name, now)
                size += len(one.value) if one else 0
                if size > MAX_BULK_BYTES:
                    raise Full(f"These values are over {MAX_BULK_BYTES:,} bytes together: get fewer at once.")
            return found

        return await self._database.read(job)

    async def put(self, namespace: str, key: object, value: bytes, options: dict[str, Any]) -> None:
        """``options`` are ``expiration``, ``expirationTtl`` and ``metadata``. Returns once it is durable."""
        name = check_key(key)
        if len(value) > MAX_VALUE:
            raise Full(f"A value of {len(value):,} bytes is over the limit of {MAX_VALUE:,}.")
        expires = expiry(options, int(time.time()))
        metadata = _metadata(options.get("metadata"))
        row = (namespace, name, value, metadata, expires)

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO kv (namespace, key, value, metadata, expires) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value,"
                " metadata = excluded.metadata, expires = excluded.expires",
                row,
            )
            if not self._above:
                _purge(connection)

        await self._database.write(job)

    async def delete(self, namespace: str, key: object) -> None:
        """No error where there is none, as documented."""
        name = check_key(key)

        def job(connection: sqlite3.Connection) -> None:
            if self._above:
                connection.execute(
                    "INSERT INTO kv (namespace, key) VALUES (?, ?) ON CONFLICT (namespace, key)"
                    " DO UPDATE SET value = NULL, metadata = NULL, expires = NULL",
                    (namespace, name),
                )
            else:
                connection.execute("DELETE FROM kv WHERE namespace = ? AND key = ?", (namespace, name))

        await self._database.write(job)

    async def list(self, namespace: str, options: dict[str, Any]) -> Page:
        """Keys in the order of their UTF-8 bytes. ``options`` are ``prefix``, ``limit`` and ``cursor``."""
        prefix = options.get("prefix")
        prefix = "" if prefix is None else text(prefix, "A prefix", most=MAX_KEY, empty=True)
        asked = options.get("limit")
        limit = MAX_LIST if asked is None else min(MAX_LIST, whole(asked, "limit", 1, _FAR))
        cursor = options.get("cursor")
        after = "" if cursor in (None, "") else read_cursor(cursor)
        now = int(time.time())

        def job(connection: sqlite3.Connection) -> list[tuple[str, int | None, str | None, int]]:
            where, values = between(prefix, after)
            return connection.execute(
                f"SELECT key, expires, metadata, length(value) FROM kv_now WHERE namespace = ? AND {where}"
                f" AND {_LIVING} ORDER BY key LIMIT ?",
                (namespace, *values, now, limit + 1),
            ).fetchall()

        rows = await self._database.read(job)
        keys = [Key(*row) for row in rows[:limit]]
        return Page(keys, write_cursor(keys[-1].name) if len(rows) > limit else "")


def check_key(key: object) -> str:
    """Raises WrongType for what cannot be a key."""
    name = text(key, "A key", most=MAX_KEY)
    if name in (".", ".."):
        raise WrongType(f"A key cannot be “{name}”.")
    return name


def expiry(options: dict[str, Any], now: int) -> int | None:
    """The moment, in seconds since the epoch, at which a value expires; a TTL wins over a moment, as documented."""
    ttl, moment = options.get("expirationTtl"), options.get("expiration")
    if ttl is not None:
        return now + whole(ttl, "expirationTtl", MIN_TTL, _FAR)
    if moment is None:
        return None
    moment = whole(moment, "expiration", 0, _FAR)
    if moment < now + MIN_TTL:
        raise WrongType(f"expiration must lie at least {MIN_TTL} seconds ahead: {moment} is {moment - now} s from now.")
    return moment


def _metadata(value: object) -> str | None:
    if value is None:
        return None
    encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        size = len(encoded.encode())
    except UnicodeEncodeError:
        raise WrongType("The metadata holds half of a surrogate pair.") from None
    if size > MAX_METADATA:
        raise Full(f"Metadata of {size:,} bytes is over the limit of {MAX_METADATA:,}.")
    return encoded


def _get(connection: sqlite3.Connection, namespace: str, key: str, now: int) -> Found | None:
    row = connection.execute(
        f"SELECT value, metadata FROM kv_now WHERE namespace = ? AND key = ? AND {_LIVING}", (namespace, key, now)
    ).fetchone()
    return Found(row[0], row[1]) if row else None


def _purge(connection: sqlite3.Connection) -> None:
    """Takes a few expired rows away with each write. Not in a layer: there they go on hiding what lies beneath."""
    connection.execute("DELETE FROM kv WHERE id IN (SELECT id FROM kv WHERE expires <= ? LIMIT 8)", (int(time.time()),))


def between(prefix: str, after: str) -> tuple[str, tuple[str, ...]]:
    """SQL for keys that begin with ``prefix`` and come after ``after``, with its values."""
    where, values = ["key >= ?", "key > ?"], [prefix, after]
    # The first text after all that begin so: SQLite compares text by its UTF-8 bytes, as code points do.
    for index in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[index])
        if code < 0x10FFFF:
            following = 0xE000 if code == 0xD7FF else code + 1
            where.append("key < ?")
            values.append(prefix[:index] + chr(following))
            break
    return " AND ".join(where), tuple(values)


def write_cursor(key: str) -> str:
    return urlsafe_b64encode(b"1" + key.encode()).decode().rstrip("=")


def read_cursor(cursor: object) -> str:
    """Raises WrongType on what write_cursor did not write."""
    if isinstance(cursor, str) and len(cursor) <= 2048:
        try:
            decoded = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            if decoded[:1] == b"1":
                return decoded[1:].decode()
        except ValueError:
            pass
    raise WrongType("This cursor is not one that list() gave.")


__all__ = ["SCHEMA", "VIEWS", "VIEWS_ABOVE", "BindingError", "Found", "KVStore", "Key", "Page"]

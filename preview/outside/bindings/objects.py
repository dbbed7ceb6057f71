"""R2: objects in buckets, with metadata, ranges, conditions and uploads in parts, as Cloudflare documents them.

``capability`` calls it. A body lies in chunks, so a range reads what it needs and an upload in parts is put together
without copying. Over a live store a preview has a layer of its own, as in ``kv``. Rules and limits are those of
https://developers.cloudflare.com/r2/api/workers/workers-api-reference/ unless a line says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from typing import Any

from preview.outside.bindings.conditions import HASHES, Condition, check_hashes, metadata
from preview.outside.bindings.database import Database
from preview.outside.bindings.errors import BindingError, Full, WrongType, text, whole
from preview.outside.bindings.kv import between, read_cursor, write_cursor

MAX_KEY = 1024
"""Bytes of a key."""
MAX_PART = 8 * 1024 * 1024
"""Bytes of one put, one part and one read: ours, because each is one frame. Larger objects come in parts."""
MAX_OBJECT = 100 * 1024 * 1024
MAX_PARTS = 1000
MAX_LIST = 1000
MAX_UPLOADS = 100
"""Uploads under way at once; the oldest is given up for a new one."""
_CHUNK = 1024 * 1024

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, version TEXT, size INTEGER, etag TEXT,
    uploaded INTEGER, about TEXT, UNIQUE (bucket, key));
CREATE TABLE IF NOT EXISTS chunks (object INTEGER, at INTEGER, data BLOB NOT NULL, PRIMARY KEY (object, at));
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, about TEXT NOT NULL, begun INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT, number INTEGER, md5 TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (upload, number));
"""
_COLUMNS = "id, bucket, key, version, size, etag, uploaded, about"
# A row without a version says that the object was deleted here, whatever lies beneath.
VIEWS = f"CREATE TEMP VIEW objects_now AS SELECT {_COLUMNS}, 'main' AS layer FROM main.objects;"
VIEWS_ABOVE = f"""
CREATE TEMP VIEW objects_now AS
SELECT {_COLUMNS}, 'main' AS layer FROM main.objects
UNION ALL SELECT {_COLUMNS}, 'base' AS layer FROM base.objects AS low
WHERE NOT EXISTS (SELECT 1 FROM main.objects AS top WHERE top.bucket = low.bucket AND top.key = low.key);
"""

Info = dict[str, Any]
"""An object as the worker's code sees it, without its body: the names are the documented ones."""


class ObjectStore:
    """The buckets of one worker. ``above`` says that another store lies beneath its database."""

    def __init__(self, database: Database, *, above: bool) -> None:
        self._database = database
        self._above = above

    async def head(self, bucket: str, key: object) -> Info | None:
        name = check_key(key)
        row = await self._database.read(lambda connection: _find(connection, bucket, name))
        return _info(row) if row else None

    async def get(self, bucket: str, key: object, options: dict[str, Any]) -> tuple[Info, bytes | None] | None:
        """The object with its body, or as much of it as one frame holds; None where there is none.

        ``options`` are ``range`` and ``onlyIf``. The body is None where the condition does not hold. ``range`` of the
        answer says which bytes were asked for; the body may end before they do, and ``read`` gives the rest.
        """
        name = check_key(key)
        condition = Condition.read(options.get("onlyIf"))

        def job(connection: sqlite3.Connection) -> tuple[Info, bytes | None] | None:
            row = _find(connection, bucket, name)
            if row is None:
                return None
            info = _info(row)
            if not condition.holds(info):
                return info, None
            offset, length = _range(options.get("range"), info["size"])
            info["range"] = {"offset": offset, "length": length}
            return info, _read(connection, row["layer"], row["id"], offset, min(length, MAX_PART))

        return await self._database.read(job)

    async def read(self, bucket: str, key: object, version: object, offset: object, length: object) -> bytes:
        """More of an object's body, at most MAX_PART bytes. Raises BindingError where it was replaced meanwhile."""
        name = check_key(key)
        start, size = whole(offset, "offset", 0, MAX_OBJECT), whole(length, "length", 0, MAX_PART)

        def job(connection: sqlite3.Connection) -> bytes:
            row = _find(connection, bucket, name)
            if row is None or row["version"] != version:
                raise BindingError(f"“{name}” was replaced or deleted while it was being read.")
            return _read(connection, row["layer"], row["id"], start, size)

        return await self._database.read(job)

    async def put(self, bucket: str, key: object, body: bytes, options: dict[str, Any]) -> Info | None:
        """Stores an object, durably. None where ``onlyIf`` does not hold. Raises Full and WrongType."""
        name = check_key(key)
        if len(body) > MAX_PART:
            raise Full(f"{len(body):,} bytes are over the {MAX_PART:,} of one put: upload it in parts.")
        md5 = check_hashes(options, body)
        about = metadata(options) | {"checksums": {"md5": md5}}
        about["checksums"] |= {name: options[name] for name in HASHES if options.get(name) is not None}
        condition = Condition.read(options.get("onlyIf"))

        def job(connection: sqlite3.Connection) -> Info | None:
            row = _find(connection, bucket, name)
            if not condition.holds(_info(row) if row else None):
                return None
            return _store(connection, bucket, name, [body], md5, about)

        return await self._database.write(job)

    async def delete(self, bucket: str, keys: object) -> None:
        """One key, or a list of at most 1,000. No error where there is none, as documented."""
        asked = keys if isinstance(keys, list) else [keys]
        if len(asked) > MAX_LIST:
            raise WrongType(f"delete() takes at most {MAX_LIST:,} keys at once.")
        names = [check_key(key) for key in asked]

        def job(connection: sqlite3.Connection) -> None:
            for name in names:
                _remove(connection, bucket, name)
                if self._above:
                    connection.execute("INSERT INTO objects (bucket, key) VALUES (?, ?)", (bucket, name))

        await self._database.write(job)

    async def list(self, bucket: str, options: dict[str, Any]) -> dict[str, Any]:
        """``objects``, ``truncated``, ``cursor`` and ``delimitedPrefixes``, in the order of the keys' UTF-8 bytes."""
        limit = MAX_LIST if options.get("limit") is None else whole(options["limit"], "limit", 1, MAX_LIST)
        prefix = text(options.get("prefix") or "", "A prefix", most=MAX_KEY, empty=True)
        delimiter = text(options.get("delimiter") or "", "A delimiter", most=MAX_KEY, empty=True)
        after = text(options.get("startAfter") or "", "startAfter", most=MAX_KEY, empty=True)
        if options.get("cursor"):
            after = read_cursor(options["cursor"])
        wanted = options.get("include")
        wanted = ["httpMetadata", "customMetadata"] if wanted is None else wanted
        rows, prefixes, last = await self._database.read(
            lambda connection: _list(connection, bucket, prefix, delimiter, after, limit)
        )
        found = [_info(row) for row in rows]
        for info in found:
            for part in ("httpMetadata", "customMetadata"):
                if part not in wanted:
                    info[part] = {}
        answer: dict[str, Any] = {"objects": found, "delimitedPrefixes": prefixes, "truncated": bool(last)}
        return answer | ({"cursor": write_cursor(last)} if last else {})

    # Uploads in parts

    async def begin(self, bucket: str, key: object, options: dict[str, Any]) -> str:
        """The id of a new upload."""
        name = check_key(key)
        upload, about, now = secrets.token_hex(16), json.dumps(metadata(options)), int(time.time() * 1000)

        def job(connection: sqlite3.Connection) -> str:
            old = "SELECT id FROM uploads ORDER BY begun DESC LIMIT -1 OFFSET ?"
            for (one,) in connection.execute(old, (MAX_UPLOADS - 1,)).fetchall():
                _forget(connection, one)
            connection.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", (upload, bucket, name, about, now))
            return upload

        return await self._database.write(job)

    async def part(self, bucket: str, key: object, upload: object, number: object, body: bytes) -> dict[str, Any]:
        """One part; the same number again replaces it. Returns ``partNumber`` and ``etag``."""
        name, count = check_key(key), whole(number, "A part's number", 1, MAX_PARTS)
        if len(body) > MAX_PART:
            raise Full(f"A part of {len(body):,} bytes is over the limit of {MAX_PART:,}.")
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()

        def job(connection: sqlite3.Connection) -> None:
            _upload(connection, bucket, name, upload)
            size = connection.execute("SELECT sum(length(data)) FROM parts WHERE upload = ?", (upload,)).fetchone()[0]
            if (size or 0) + len(body) > MAX_OBJECT:
                raise Full(f"An object can be at most {MAX_OBJECT:,} bytes large.")
            connection.execute("REPLACE INTO parts VALUES (?, ?, ?, ?)", (upload, count, md5, body))

        await self._database.write(job)
        return {"partNumber": count, "etag": md5}

    async def complete(self, bucket: str, key: object, upload: object, parts: object) -> Info:
        """Makes an object of the named parts, in the order of their numbers."""
        name = check_key(key)
        if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
            raise WrongType("complete() takes the list of parts that uploadPart() gave.")
        chosen = sorted((whole(p.get("partNumber"), "partNumber", 1, MAX_PARTS), str(p.get("etag"))) for p in parts)

        def job(connection: sqlite3.Connection) -> Info:
            about = _upload(connection, bucket, name, upload)
            bodies = []
            for number, etag in chosen:
                row = connection.execute(
                    "SELECT data FROM parts WHERE upload = ? AND number = ? AND md5 = ?", (upload, number, etag)
                ).fetchone()
                if row is None:
                    raise BindingError(f"There is no part {number} with that etag in this upload.")
                bodies.append(row[0])
            joined = hashlib.md5(b"".join(bytes.fromhex(etag) for _, etag in chosen), usedforsecurity=False)
            _forget(connection, str(upload))
            etag = f"{joined.hexdigest()}-{len(chosen)}"
            return _store(connection, bucket, name, bodies, etag, json.loads(about) | {"checksums": {}})

        return await self._database.write(job)

    async def abort(self, bucket: str, key: object, upload: object) -> None:
        name = check_key(key)

        def job(connection: sqlite3.Connection) -> None:
            _upload(connection, bucket, name, upload)
            _forget(connection, str(upload))

        await self._database.write(job)


def check_key(key: object) -> str:
    return text(key, "A key", most=MAX_KEY)


def _find(connection: sqlite3.Connection, bucket: str, key: str) -> dict[str, Any] | None:
    found = connection.execute(
        f"SELECT {_COLUMNS}, layer FROM objects_now WHERE bucket = ? AND key = ? AND version IS NOT NULL", (bucket, key)
    ).fetchone()
    return _row(found) if found else None


def _row(values: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((*_COLUMNS.split(", "), "layer"), values, strict=True))


def _info(row: dict[str, Any]) -> Info:
    about = json.loads(row["about"])
    return {
        **{name: row[name] for name in ("key", "version", "size", "etag", "uploaded")},
        "httpEtag": f'"{row["etag"]}"',
        "httpMetadata": about.get("httpMetadata", {}),
        "customMetadata": about.get("customMetadata", {}),
        "checksums": about.get("checksums", {}),
        "storageClass": about.get("storageClass", "Standard"),
    }


def _range(asked: object, size: int) -> tuple[int, int]:
    """(offset, length) of what a range means for an object. Raises WrongType where it lies outside."""
    if asked is None:
        return 0, size
    if not isinstance(asked, dict):
        raise WrongType("range must be an object with offset, length or suffix.")
    if asked.get("suffix") is not None:
        length = min(size, whole(asked["suffix"], "range.suffix", 1, MAX_OBJECT))
        return size - length, length
    offset = whole(asked.get("offset") or 0, "range.offset", 0, MAX_OBJECT)
    if offset > size or (offset == size and size):
        raise WrongType(f"The range begins at {offset:,}, and the object has {size:,} bytes.")
    length = size - offset
    if asked.get("length") is not None:
        length = min(length, whole(asked["length"], "range.length", 1, MAX_OBJECT))
    return offset, length


def _read(connection: sqlite3.Connection, layer: str, number: int, offset: int, length: int) -> bytes:
    end = offset + length
    rows = connection.execute(
        f"SELECT at, data FROM {layer}.chunks WHERE object = ? AND at < ? AND at + length(data) > ? ORDER BY at",
        (number, end, offset),
    )
    return b"".join(data[max(0, offset - at) : end - at] for at, data in rows)


def _store(
    connection: sqlite3.Connection, bucket: str, key: str, bodies: list[bytes], etag: str, about: dict[str, Any]
) -> Info:
    _remove(connection, bucket, key)
    values = (bucket, key, secrets.token_hex(16), sum(map(len, bodies)), etag, int(time.time() * 1000))
    number = connection.execute(
        "INSERT INTO objects (bucket, key, version, size, etag, uploaded, about) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*values, json.dumps(about)),
    ).lastrowid
    at = 0
    for body in bodies:
        for start in range(0, len(body), _CHUNK):
            chunk = body[start : start + _CHUNK]
            connection.execute("INSERT INTO chunks VALUES (?, ?, ?)", (number, at, chunk))
            at += len(chunk)
    row = _find(connection, bucket, key)
    assert row is not None
    return _info(row)


def _remove(connection: sqlite3.Connection, bucket: str, key: str) -> None:
    old = "SELECT id FROM main.objects WHERE bucket = ? AND key = ?"
    connection.execute(f"DELETE FROM main.chunks WHERE object IN ({old})", (bucket, key))
    connection.execute("DELETE FROM main.objects WHERE bucket = ? AND key = ?", (bucket, key))


def _upload(connection: sqlite3.Connection, bucket: str, key: str, upload: object) -> str:
    row = None
    if isinstance(upload, str):
        row = connection.execute(
            "SELECT about FROM uploads WHERE id = ? AND bucket = ? AND key = ?", (upload, bucket, key)
        ).fetchone()
    if row is None:
        raise BindingError("There is no such upload: it was completed, aborted, or given up as too old.")
    return str(row[0])


def _forget(connection: sqlite3.Connection, upload: str) -> None:
    connection.execute("DELETE FROM parts WHERE upload = ?", (upload,))
    connection.execute("DELETE FROM uploads WHERE id = ?", (upload,))


def _list(
    connection: sqlite3.Connection, bucket: str, prefix: str, delimiter: str, after: str, limit: int
) -> tuple[list[dict[str, Any]], list[str], str]:
    """The rows, the prefixes that stand for several keys, and the last key looked at ("" where there is no more)."""
    rows: list[dict[str, Any]] = []
    prefixes: list[str] = []
    while True:
        where, values = between(prefix, after)
        batch = connection.execute(
            f"SELECT {_COLUMNS}, layer FROM objects_now WHERE bucket = ? AND {where} AND version IS NOT NULL"
            " ORDER BY key LIMIT ?",
            (bucket, *values, limit + 1),
        ).fetchall()
        for values_of in batch:
            row = _row(values_of)
            if after and row["key"] <= after:  # within a prefix that was passed
                continue
            if len(rows) + len(prefixes) == limit:
                return rows, prefixes, after
            end = row["key"].find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                rows.append(row)
                after = row["key"]
                continue
            folder = row["key"][: end + len(delimiter)]
            # Past all of the folder; a key that begins with the last of all characters is past that again.
            after = max(folder + "\U0010ffff", row["key"])
            if folder not in prefixes[-1:]:
                prefixes.append(folder)
        if len(batch) <= limit:
            return rows, prefixes, ""

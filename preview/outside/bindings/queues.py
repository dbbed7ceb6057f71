"""Queues: messages that a worker sends and gets back in batches, at least once, as Cloudflare documents them.

``capability`` sends; ``consumers`` takes batches and says what became of each message. A message that is out with a
consumer comes back by itself when its lease ends, so that a runner that dies loses nothing. Rules and limits are those
of https://developers.cloudflare.com/queues/platform/limits/ unless a line says otherwise.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from dataclasses import dataclass

from preview.outside.bindings.database import Database
from preview.outside.bindings.errors import Full, WrongType, text, whole

MAX_MESSAGE = 128_000
"""Bytes of one message."""
MAX_BATCH = 100
"""Messages of one sendBatch, and of one batch for a consumer."""
MAX_BATCH_BYTES = 256_000
MAX_DELAY = 43_200
"""Seconds: twelve hours."""
RETENTION = 4 * 86_400
"""Seconds after which a message that nobody consumed is deleted."""
MAX_BACKLOG = 100_000
"""Messages of one queue; ours."""
COUNT = 1000
"""Up to which a backlog is counted."""
CONTENT_TYPES = ("json", "text", "bytes", "v8")

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, uid TEXT NOT NULL, type TEXT NOT NULL,
    body BLOB NOT NULL, sent INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS messages_due ON messages (queue, due);
"""
VIEWS = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send; ``delay`` in seconds."""

    body: bytes
    content_type: str
    delay: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message with a consumer. ``sent`` is in milliseconds since the epoch, ``attempts`` counts from 1."""

    id: int
    uid: str
    content_type: str
    body: bytes
    sent: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A message on its way to another worker's queue; ``due`` in milliseconds since the epoch."""

    id: int
    uid: str
    content_type: str
    body: bytes
    sent: int
    due: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """How a queue stands: what can be taken now and what waits for its time, each counted up to COUNT, since when the
    first is due, and when the next becomes due (ms)."""

    ready: int
    waiting: int
    oldest: int | None
    next_due: int | None


class QueueStore:
    """The queues of one worker, live or of its preview: a preview's messages are its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, queue: str, messages: list[Outgoing]) -> None:
        """Returns once all of them are durable, or none is. Raises Full."""
        now = int(time.time() * 1000)
        rows = [
            (queue, secrets.token_hex(16), one.content_type, one.body, now, now + one.delay * 1000) for one in messages
        ]

        def job(connection: sqlite3.Connection) -> None:
            _insert(connection, queue, rows)

        await self._database.write(job)

    async def movable(self, queue: str, most: int) -> list[Moved]:
        """Up to ``most`` messages that no handler has just now, the oldest first."""
        now = int(time.time() * 1000)
        return await self._database.read(
            lambda connection: [
                Moved(*row)
                for row in connection.execute(
                    "SELECT id, uid, type, body, sent, due FROM messages WHERE queue = ? AND (attempts = 0 OR due <= ?)"
                    " ORDER BY id LIMIT ?",
                    (queue, now, most),
                )
            ]
        )

    async def accept(self, queue: str, messages: list[Moved]) -> None:
        """Takes over messages of another worker, none delivered yet. Durable when it returns. Raises Full."""
        rows = [(queue, one.uid, one.content_type, one.body, one.sent, one.due) for one in messages]
        await self._database.write(lambda connection: _insert(connection, queue, rows))

    async def remove(self, ids: list[int]) -> None:
        """Deletes messages."""
        await self._database.write(
            lambda connection: connection.executemany("DELETE FROM messages WHERE id = ?", [(one,) for one in ids])
        )

    async def take(self, queue: str, most: int, lease: float) -> list[Message]:
        """Up to ``most`` messages that are due; each comes back after ``lease`` seconds unless it is settled."""
        now = int(time.time() * 1000)

        def job(connection: sqlite3.Connection) -> list[Message]:
            rows = connection.execute(
                "SELECT id, uid, type, body, sent, attempts + 1 FROM messages WHERE queue = ? AND due <= ?"
                " ORDER BY due, id LIMIT ?",
                (queue, now, most),
            ).fetchall()
            found = [Message(*row) for row in rows]
            old = [one.id for one in found if one.sent < now - RETENTION * 1000]
            connection.executemany("DELETE FROM messages WHERE id = ?", [(one,) for one in old])
            connection.executemany(
                "UPDATE messages SET due = ?, attempts = attempts + 1 WHERE id = ?",
                [(now + int(lease * 1000), one.id) for one in found if one.id not in old],
            )
            return [one for one in found if one.id not in old]

        return await self._database.write(job)

    async def settle(
        self, done: list[int], again: list[tuple[int, int]], *, max_retries: int, dead_letters: str
    ) -> tuple[int, int]:
        """``done`` are deleted; ``again`` (id, delay in seconds) come back, or die where they were retried enough.

        Returns how many were retried and how many died; the dead go to the queue ``dead_letters`` where it is not "".
        """
        now = int(time.time() * 1000)

        def job(connection: sqlite3.Connection) -> tuple[int, int]:
            connection.executemany("DELETE FROM messages WHERE id = ?", [(one,) for one in done])
            retried = died = 0
            for one, delay in again:
                row = connection.execute("SELECT attempts FROM messages WHERE id = ?", (one,)).fetchone()
                if row is None:
                    continue
                if row[0] <= max_retries:
                    retried += 1
                    connection.execute("UPDATE messages SET due = ? WHERE id = ?", (now + delay * 1000, one))
                    continue
                died += 1
                if dead_letters:
                    connection.execute(
                        "UPDATE messages SET queue = ?, attempts = 0, due = ?, sent = ? WHERE id = ?",
                        (dead_letters, now, now, one),
                    )
                else:
                    connection.execute("DELETE FROM messages WHERE id = ?", (one,))
            return retried, died

        return await self._database.write(job)

    async def backlog(self, queue: str) -> Backlog:
        now = int(time.time() * 1000)

        def job(connection: sqlite3.Connection) -> Backlog:
            some = "SELECT count(*), min(due) FROM (SELECT due FROM messages WHERE queue = ? AND due {} ? ORDER BY due LIMIT ?)"
            ready, oldest = connection.execute(some.format("<="), (queue, now, COUNT)).fetchone()
            waiting, following = connection.execute(some.format(">"), (queue, now, COUNT)).fetchone()
            return Backlog(ready, waiting, oldest, following)

        return await self._database.read(job)

    async def peek(self, queue: str, most: int) -> list[Message]:
        """The oldest messages as they lie there, for a person to look at."""
        return await self._database.read(
            lambda connection: [
                Message(*row)
                for row in connection.execute(
                    "SELECT id, uid, type, body, sent, attempts FROM messages WHERE queue = ? ORDER BY id LIMIT ?",
                    (queue, most),
                )
            ]
        )


def _insert(connection: sqlite3.Connection, queue: str, rows: list[tuple[str, str, str, bytes, int, int]]) -> None:
    # The ids of a queue's first and last message bound its length, and cost two look-ups.
    first, last = connection.execute("SELECT min(id), max(id) FROM messages").fetchone()
    if first is not None and last - first > MAX_BACKLOG:
        count = connection.execute("SELECT count(*) FROM messages WHERE queue = ?", (queue,)).fetchone()[0]
        if count + len(rows) > MAX_BACKLOG:
            raise Full(f"The queue “{queue}” holds {count:,} messages; {MAX_BACKLOG:,} are the most.")
    connection.executemany("INSERT INTO messages (queue, uid, type, body, sent, due) VALUES (?, ?, ?, ?, ?, ?)", rows)


def outgoing(body: bytes, content_type: object, delay: object, default_delay: int = 0) -> Outgoing:
    """One message, checked. Raises WrongType and Full."""
    if content_type not in CONTENT_TYPES:
        raise WrongType(f"contentType is one of {', '.join(CONTENT_TYPES)}, not {content_type!r:.80}.")
    seconds = default_delay if delay is None else whole(delay, "delaySeconds", 0, MAX_DELAY)
    if len(body) > MAX_MESSAGE:
        raise Full(f"A message of {len(body):,} bytes is over the limit of {MAX_MESSAGE:,}.")
    return Outgoing(body, str(content_type), seconds)


def check_batch(messages: list[Outgoing]) -> list[Outgoing]:
    """Raises WrongType and Full where these cannot be one sendBatch."""
    if not messages:
        raise WrongType("sendBatch() takes a list of at least one message.")
    if len(messages) > MAX_BATCH:
        raise Full(f"sendBatch() takes at most {MAX_BATCH} messages, not {len(messages)}.")
    if (size := sum(len(one.body) for one in messages)) > MAX_BATCH_BYTES:
        raise Full(f"These messages are {size:,} bytes together; {MAX_BATCH_BYTES:,} are the most.")
    return messages


def check_name(name: object) -> str:
    return text(name, "A queue's name", most=63)

"""Appending to the logs, the only way in which a revision comes to be: one transaction for the batches of many
workspaces.

Synchronous. The rooms' writer thread calls it between a keystroke and its acknowledgement, so the statements are
written out (Django's ORM costs as much again as the disk); they are the same for SQLite and PostgreSQL. It computes
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction

from quickedit import failpoints
from quickedit.wire import codec
from quickedit.wire.messages import INLINE_LIMIT
from quickedit.workspaces import blobs
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.models import Client, Head, LogEntry

_Row = tuple[int | str, ...]
_MOVE = f"""UPDATE {Head._meta.db_table} SET revision = %s, at = %s, "by" = %s WHERE worker_id = %s AND revision = %s"""
_ENTRY = f"""INSERT INTO {LogEntry._meta.db_table} (worker_id, revision, client, seq, "by", at, ops, blob)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_CLIENT = f"""INSERT INTO {Client._meta.db_table} (worker_id, client, seq, revision, "by") VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (worker_id, client) DO UPDATE SET seq = excluded.seq, revision = excluded.revision"""


@dataclass(frozen=True, slots=True)
class Write:
    """Batches of one workspace, in order, the first of which makes ``expected + 1``; each with the JSON of its ops."""

    worker_id: int
    expected: int
    batches: Sequence[tuple[Batch, bytes]]


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def make(batch: Batch) -> tuple[Batch, bytes]:
    """The batch with its weight, and with a digest where it is over INLINE_LIMIT; and the JSON of its operations."""
    data = codec.encode_operations(batch.ops)
    blob = blobs.digest_of(data) if len(data) > INLINE_LIMIT else ""
    fields = (batch.revision, batch.client, batch.seq, batch.by, batch.at, batch.ops, batch.before)
    return Batch(*fields, blob, len(data)), data


def append(writes: Sequence[Write]) -> list[bool]:
    """Appends all in one transaction; durable when it returns. False for a workspace whose head is not where expected:
    another process was first, and nothing of that write is done. Raises django.db.Error, and then nothing is done.
    """
    with transaction.atomic():
        # Always in the same order, so that two processes never hold each other's row.
        order = sorted(range(len(writes)), key=lambda index: writes[index].worker_id)
        moved = {index: _move_head(writes[index]) for index in order}
        won = [moved[index] for index in range(len(writes))]
        taken = [write for write, ok in zip(writes, won, strict=True) if ok]
        for write in taken:
            large = {batch.blob: data for batch, data in write.batches if batch.blob}
            if large:
                blobs.store_many(write.worker_id, large)
        rows = [_row(write.worker_id, batch, data) for write in taken for batch, data in write.batches]
        with connection.cursor() as cursor:
            cursor.executemany(_ENTRY, rows)
            failpoints.reach("transaction")
            cursor.executemany(_CLIENT, _clients(taken))
    return won


def _move_head(write: Write) -> bool:
    """Takes the workspace's row, in PostgreSQL its lock too, if the head is where the writer thinks."""
    newest = write.batches[-1][0]
    at = connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(newest.at / 1000, UTC))
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [newest.revision, at, newest.by, write.worker_id, write.expected])
        moved: bool = cursor.rowcount == 1
    return moved


def _row(worker_id: int, batch: Batch, data: bytes) -> _Row:
    ops = "" if batch.blob else data.decode()
    return worker_id, batch.revision, batch.client, batch.seq, batch.by, batch.at, ops, batch.blob


def _clients(writes: Iterable[Write]) -> list[_Row]:
    last = {(write.worker_id, batch.client): batch for write in writes for batch, _ in write.batches}
    return [(worker_id, client, b.seq, b.revision, b.by) for (worker_id, client), b in last.items()]

"""The log of every workspace on disk: making one, reading one back, and appending batches so that they survive power
loss.

Synchronous: called in threads, by the rooms and by others through ``in_database``. Nothing here changes a revision that
exists.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from django.db import transaction
from django.db.models import Max

from quickedit.errors import NotFound, Stale, Unavailable
from quickedit.wire import codec
from quickedit.wire.messages import AnyOperation, Create
from quickedit.workspaces import blobs, log, snapshots
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.models import Client, Head, LogEntry, Snapshot
from quickedit.workspaces.paths import Tree
from quickedit.workspaces.tree import File, Workspace, split_text

TAIL = 200
"""Revisions behind the head that ``load`` gives at least, where there are as many: reconnecting clients need them."""
_AUTHOR = "quickedit"
"""The client of the batch that a new workspace begins with."""


@dataclass(frozen=True, slots=True)
class Known:
    """The last durable batch of a client."""

    seq: int
    revision: int
    by: int


@dataclass(frozen=True, slots=True)
class Edited:
    """How far a workspace is: for lists of workers."""

    revision: int
    at: datetime
    by: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A workspace as a room needs it: ``tail`` holds the newest batches, in order, without gaps."""

    workspace: Workspace
    revision: int
    floor: int
    tail: list[Batch]
    clients: dict[str, Known]
    snapshot: int
    """The revision of the newest snapshot, or 0."""
    contents: dict[str, bytes]
    """The contents of the binary files, by digest."""


def create(worker_id: int, files: Mapping[str, str], by: int) -> None:
    """The workspace of a new worker: revision 1 holds the files (text by path; line ends and byte order marks become
    attributes), without files it is at revision 0. Raises BadPath, Conflict, TooLarge and BadInput.
    """
    ops: list[AnyOperation] = []
    for path, content in files.items():
        text, eol, bom = split_text(content)
        ops.append(
            Create(file=secrets.token_hex(10), path=path, text=text, eol="crlf" if eol == "crlf" else "lf", bom=bom)
        )
    begin(worker_id, ops, {}, by)


def copy(worker_id: int, source: Loaded, by: int) -> None:
    """The workspace of a new worker, with the files of another as they are: line ends and byte order marks too."""
    begin(worker_id, [_create(file) for file in source.workspace.files.values()], source.contents, by)


def _create(file: File) -> Create:
    if file.digest:
        return Create(file=file.id, path=file.path, digest=file.digest, size=file.size)
    eol: Literal["lf", "crlf"] = "crlf" if file.eol == "crlf" else "lf"
    return Create(file=file.id, path=file.path, text=file.text, eol=eol, bom=file.bom)


def begin(worker_id: int, ops: Sequence[AnyOperation], contents: Mapping[str, bytes], by: int) -> None:
    """The workspace of a new worker: revision 1 does the operations; ``contents`` are what they name by digest."""
    workspace = Workspace()
    for op in ops:
        workspace = workspace.apply(op)
    with transaction.atomic():
        Head.objects.create(worker_id=worker_id, at=_now(), by=by)
        blobs.store_many(worker_id, dict(contents))
        if ops:
            write = log.make(Batch(1, _AUTHOR, 1, by, log.now_ms(), tuple(ops), Tree()))
            log.append([log.Write(worker_id, 0, [write])])


def _now() -> datetime:
    return datetime.now(UTC)


def heads(worker_ids: Iterable[int]) -> dict[int, Edited]:
    """How far each of the workspaces is."""
    rows = Head.objects.filter(worker_id__in=list(worker_ids))
    return {row.worker_id: Edited(row.revision, row.at, row.by) for row in rows}


def load_room(worker_id: int) -> Loaded:
    """The workspace with the newest part of its log. Raises NotFound, and Unavailable where the log is damaged."""
    # No transaction: it would hold the write lock. The log only grows, so reading it up to a head seen before is exact;
    # clients are read first, so that none is ahead of that head, and completed from the log.
    clients = {row.client: Known(row.seq, row.revision, row.by) for row in Client.objects.filter(worker_id=worker_id)}
    head = Head.objects.filter(worker_id=worker_id).first()
    if head is None:
        raise NotFound("There is no such workspace.", code="no-such-workspace")
    start, workspace = _start(worker_id, max(head.floor, head.revision - TAIL))
    workspace, tail = _replay(worker_id, start, workspace, head.revision)
    if start + len(tail) != head.revision:
        raise _damaged(worker_id, start + len(tail))
    for batch in tail:
        clients[batch.client] = Known(batch.seq, batch.revision, batch.by)
    newest = Snapshot.objects.filter(worker_id=worker_id).aggregate(revision=Max("revision"))["revision"] or 0
    contents = need_contents(worker_id, workspace.digests)
    return Loaded(workspace, head.revision, head.floor, tail, clients, newest, contents)


def load(worker_id: int) -> tuple[Workspace, int]:
    """The workspace at its head, and the head's revision. Raises as ``load_room`` does."""
    loaded = load_room(worker_id)
    return loaded.workspace, loaded.revision


def export(worker_id: int) -> dict[str, bytes]:
    """The bytes of every file by path."""
    loaded = load_room(worker_id)
    return loaded.workspace.modules(loaded.contents)


def need_contents(worker_id: int, digests: set[str]) -> dict[str, bytes]:
    """The contents of binary files, by digest. Raises Unavailable where one is missing."""
    found = blobs.get_many(worker_id, digests)
    if len(found) < len(digests):
        raise Unavailable("The content of a binary file is missing.", code="damaged", hint="Restore from a backup.")
    return found


def history(worker_id: int, since: int, until: int) -> list[Batch]:
    """The batches after ``since`` up to ``until``. Raises Stale where the log no longer reaches back that far."""
    floor = Head.objects.values_list("floor", flat=True).get(worker_id=worker_id)
    if since < floor:
        raise Stale(f"The log begins at revision {floor}.")
    start, workspace = _start(worker_id, since)
    _, batches = _replay(worker_id, start, workspace, until)
    return [batch for batch in batches if batch.revision > since]


def at(worker_id: int, revision: int) -> Workspace:
    """The workspace as it was at a revision. Raises Stale below the floor, and NotFound past the head."""
    head = Head.objects.filter(worker_id=worker_id).first()
    if head is None or revision > head.revision:
        raise NotFound(f"There is no revision {revision}.", code="no-such-revision")
    if revision < head.floor:
        raise Stale(f"The log begins at revision {head.floor}.")
    start, workspace = _start(worker_id, revision)
    return _replay(worker_id, start, workspace, revision)[0]


def steps(worker_id: int, start: int, workspace: Workspace, until: int) -> Iterator[tuple[Batch, Workspace]]:
    """The batches after ``start``, where the workspace is that one, up to ``until``; each with the workspace after it."""
    return _steps(worker_id, start, workspace, until)


def newer(worker_id: int, since: int, workspace: Workspace) -> list[tuple[Batch, Workspace]]:
    """What another process has appended after ``since``: each batch with the workspace after it."""
    return list(_steps(worker_id, since, workspace))


def _start(worker_id: int, revision: int) -> tuple[int, Workspace]:
    """The newest snapshot that is not past the revision, or the empty workspace at 0."""
    found = Snapshot.objects.filter(worker_id=worker_id, revision__lte=revision).order_by("-revision").first()
    return (0, Workspace()) if found is None else (found.revision, snapshots.read(found))


def _replay(
    worker_id: int, start: int, workspace: Workspace, until: int | None = None
) -> tuple[Workspace, list[Batch]]:
    """The workspace after the batches that follow ``start``, and these."""
    steps = list(_steps(worker_id, start, workspace, until))
    return (steps[-1][1] if steps else workspace), [batch for batch, _ in steps]


def _steps(
    worker_id: int, start: int, workspace: Workspace, until: int | None = None
) -> Iterator[tuple[Batch, Workspace]]:
    rows = LogEntry.objects.filter(worker_id=worker_id, revision__gt=start).order_by("revision")
    if until is not None:
        rows = rows.filter(revision__lte=until)
    for row, data in _with_blobs(worker_id, list(rows)):
        if row.revision != start + 1:
            raise _damaged(worker_id, start)
        ops = tuple(codec.decode_operations(data))
        batch = Batch(row.revision, row.client, row.seq, row.by, row.at, ops, workspace.tree, row.blob, len(data))
        for op in ops:
            workspace = workspace.apply(op)
        yield batch, workspace
        start = row.revision


def _with_blobs(worker_id: int, rows: Sequence[LogEntry]) -> Iterator[tuple[LogEntry, bytes]]:
    large = blobs.get_many(worker_id, {row.blob for row in rows if row.blob})
    for row in rows:
        if row.blob and row.blob not in large:
            raise _damaged(worker_id, row.revision)
        yield row, large[row.blob] if row.blob else row.ops.encode()


def _damaged(worker_id: int, revision: int) -> Unavailable:
    message = f"The history of this worker is damaged after revision {revision}."
    return Unavailable(message, code="damaged", hint=f"Restore the database from a backup (worker {worker_id}).")


def answer(worker_id: int, client: str, seq: int) -> Batch | None:
    """The batch that a client's seq became; None where the log no longer has it."""
    row = LogEntry.objects.filter(worker_id=worker_id, client=client, seq=seq).first()
    if row is None:
        return None
    found = history(worker_id, row.revision - 1, row.revision)
    return found[0] if found else None


def take_snapshot(worker_id: int, revision: int, workspace: Workspace) -> None:
    """Keeps the workspace as of a revision, so that reading it starts there. Twice changes nothing."""
    with transaction.atomic():
        snapshots.write(worker_id, revision, workspace)

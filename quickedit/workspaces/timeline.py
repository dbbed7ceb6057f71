"""The log as people see it: entries of what somebody did in one go, the workspace as it was at any of them, and compaction.

Batches that one person made within GAP_MS of each other are one entry. An entry also ends at every multiple of CHUNK, at
every milestone (a deployment) and around a restore, so that its ends are the same whoever computes them and when.
Compaction turns old batches into stored entries with a snapshot at the end of each: what the timeline shows stays.
Synchronous, called in threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
from django.db import transaction

from quickedit.errors import NotFound
from quickedit.wire.messages import AnyOperation, Create, Delete, Edit, Rename, SetAttributes, SetContent
from quickedit.workspaces import changes, snapshots, store
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.models import Entry, Head, LogEntry, Milestone, Snapshot
from quickedit.workspaces.paths import moved
from quickedit.workspaces.tree import Workspace

GAP_MS = 2 * 60 * 1000
"""Milliseconds without a batch after which a person's next one begins a new entry."""
CHUNK = 1000
"""Revisions after which an entry ends in any case."""
MAX_CHUNKS = 10
"""Chunks of the log that one page of the timeline looks at; the next page goes on."""
MAX_ENTRIES = 200
RETENTION_MS = 30 * 24 * 60 * 60 * 1000
"""Milliseconds that every single batch is kept; what is older is kept by entries."""
_RESTORE = re.compile(r"restore-(\d{1,15})-[0-9a-f]+")


class Touched(msgspec.Struct):
    """What an entry did to a file. ``change`` is created, edited, renamed, deleted or content; ``plus`` and ``minus`` count
    UTF-16 units; ``was`` is the old path where it is another one now."""

    id: str
    path: str
    change: str
    was: str | None = None
    plus: int = 0
    minus: int = 0


@dataclass(slots=True)
class Shown:
    """One entry: from after revision ``since`` to ``revision``. ``at`` is when it ended, in milliseconds since the epoch."""

    since: int
    revision: int
    at: int
    by: int
    restored: int | None = None
    files: dict[str, Touched] = field(default_factory=dict)
    milestone: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """``next`` is the ``before`` of the page that follows, None at the beginning of everything."""

    entries: list[Shown]
    next: int | None


def client_of_restore(revision: int, random: str) -> str:
    """The client id of a batch that restores a revision: how the timeline knows it."""
    return f"restore-{revision}-{random}"


def mark(worker_id: int, revision: int) -> None:
    """A revision that stays readable for ever, as something was made of it. Twice changes nothing."""
    Milestone.objects.get_or_create(worker_id=worker_id, revision=revision)


def page(worker_id: int, before: int | None = None, file: str | None = None, limit: int = 50) -> Page:
    """The newest entries that end before a revision, newest first; with ``file`` those that touched it."""
    head = _head(worker_id)
    limit = max(1, min(limit, MAX_ENTRIES))
    last = head.revision if before is None else min(before - 1, head.revision)
    found: list[Shown] = []
    for _ in range(MAX_CHUNKS):
        if last <= head.floor or len(found) >= limit:
            break
        start = max(head.floor, (last - 1) // CHUNK * CHUNK)
        entries = [entry for entry, _ in _entries(worker_id, start, last)]
        found += [entry for entry in reversed(entries) if file is None or file in entry.files]
        last = start
    if last <= head.floor and len(found) < limit:
        stored, last = _stored(worker_id, last, file, limit - len(found))
        found += stored
    if len(found) >= limit:
        found = found[:limit]
        last = found[-1].since
    return Page(found, last + 1 if last > 0 else None)


def workspace_at(worker_id: int, revision: int) -> Workspace:
    """The workspace at a revision. Raises NotFound ahead of the head and for what compaction folded into an entry."""
    head = _head(worker_id)
    if not 0 <= revision <= head.revision:
        raise NotFound(f"There is no revision {revision}.", code="no-such-revision")
    if revision == 0:
        return Workspace()
    if revision <= head.floor:
        kept = Snapshot.objects.filter(worker_id=worker_id, revision=revision).first()
        if kept is None:
            hint = "Choose the end of an entry of the timeline."
            raise NotFound(f"Revision {revision} is folded into an entry.", code="no-such-revision", hint=hint)
        return snapshots.read(kept)
    return store.at(worker_id, revision)


# --- entries of the log ---------------------------------------------------------------------------------------------


def _head(worker_id: int) -> Head:
    found = Head.objects.filter(worker_id=worker_id).first()
    if found is None:
        raise NotFound("There is no such workspace.", code="no-such-workspace")
    return found


def _entries(worker_id: int, start: int, until: int) -> Iterator[tuple[Shown, Workspace]]:
    """The entries after a revision at which one ends, up to another, each with the workspace at its end."""
    cuts = set(
        Milestone.objects.filter(worker_id=worker_id, revision__gt=start, revision__lte=until).values_list(
            "revision", flat=True
        )
    )
    workspace = store.at(worker_id, start) if start else Workspace()
    entry: Shown | None = None
    for batch, after in store.steps(worker_id, start, workspace, until):
        restored = _restored(batch)
        if entry is not None and _ends(entry, batch, restored):
            yield entry, workspace
            entry = None
        if entry is None:
            entry = Shown(batch.revision - 1, batch.revision, batch.at, batch.by, restored)
        entry.revision, entry.at, entry.milestone = batch.revision, batch.at, batch.revision in cuts
        for index, op in enumerate(batch.ops):
            _touch(entry.files, op, workspace)
            workspace = workspace.apply(op) if index < len(batch.ops) - 1 else after
        workspace = after
    if entry is not None:
        yield entry, workspace


def _ends(entry: Shown, batch: Batch, restored: int | None) -> bool:
    """Whether the batch begins another entry."""
    return (
        entry.milestone
        or entry.by != batch.by
        or batch.at - entry.at > GAP_MS
        or entry.revision % CHUNK == 0
        or restored is not None
        or entry.restored is not None
    )


def _restored(batch: Batch) -> int | None:
    found = _RESTORE.fullmatch(batch.client)
    return int(found[1]) if found else None


def _touch(files: dict[str, Touched], op: AnyOperation, before: Workspace) -> None:
    """Adds what an operation does on that workspace."""
    match op:
        case Edit():
            plus = minus = 0
            for length, inserted, _ in changes.parse(op.changes).sections:
                if inserted != changes.KEEP:
                    plus, minus = plus + inserted, minus + length
            _add(files, op.file, before.files[op.file].path, "edited", plus, minus)
        case Create():
            files[op.file] = Touched(op.file, op.path, "created", None, changes.units(op.text) or op.size)
        case SetContent():
            _add(files, op.file, before.files[op.file].path, "content", op.size, before.files[op.file].size)
        case SetAttributes():
            _add(files, op.file, before.files[op.file].path, "edited")
        case Rename():
            for path in before.tree.within(op.path):
                if path in before.tree.ids:
                    _rename(files, before.tree.ids[path], path, moved(path, op.path, op.to))
        case Delete():
            for path in before.tree.within(op.path):
                if path in before.tree.ids:
                    _delete(files, before, path)


def _add(files: dict[str, Touched], id: str, path: str, change: str, plus: int = 0, minus: int = 0) -> None:
    known = files.setdefault(id, Touched(id, path, change))
    known.plus, known.minus = known.plus + plus, known.minus + minus


def _rename(files: dict[str, Touched], id: str, path: str, to: str) -> None:
    known = files.setdefault(id, Touched(id, path, "renamed"))
    if known.change != "created":
        known.change, known.was = "renamed", known.was or path
    known.path = to


def _delete(files: dict[str, Touched], before: Workspace, path: str) -> None:
    file = before.files[before.tree.ids[path]]
    known = files.get(file.id)
    if known is not None and known.change == "created":
        del files[file.id]  # came and went within the entry
        return
    old = path if known is None else known.was or known.path
    files[file.id] = Touched(file.id, old, "deleted", None, 0, file.units or file.size)


# --- stored entries ---------------------------------------------------------------------------------------------------


def _stored(worker_id: int, last: int, file: str | None, limit: int) -> tuple[list[Shown], int]:
    """So many stored entries from that revision down, and where the next page goes on (0: nowhere)."""
    found: list[Shown] = []
    rows = Entry.objects.filter(worker_id=worker_id, revision__lte=last).order_by("-revision")
    for row in rows.iterator(500):
        files = {each.id: each for each in msgspec.json.decode(row.files, type=list[Touched])}
        if file is None or file in files:
            found.append(Shown(row.since, row.revision, row.at, row.by, row.restored, files))
            if len(found) == limit:
                return found, row.since
    return found, 0


def compact(worker_id: int, before_ms: int) -> int:
    """Folds the batches older than that into entries, whole entries only; returns the floor. Nothing that the timeline shows
    goes: the description of each entry stays, and the workspace at its end. One transaction a chunk."""
    while True:
        floor = _compact_chunk(worker_id, before_ms)
        if floor is None:
            return _head(worker_id).floor


def _compact_chunk(worker_id: int, before_ms: int) -> int | None:
    with transaction.atomic():
        head = Head.objects.select_for_update().get(worker_id=worker_id)
        until = min(head.revision, (head.floor // CHUNK + 1) * CHUNK)
        log = LogEntry.objects.filter(worker_id=worker_id)
        if not log.filter(revision=head.floor + 1, at__lt=before_ms).exists():
            return None
        done = head.floor
        for entry, workspace in _entries(worker_id, head.floor, until):
            # The newest entry may still grow, unless that much time has passed.
            if entry.at >= before_ms - (GAP_MS if entry.revision == head.revision else 0):
                break
            files = msgspec.json.encode(list(entry.files.values())).decode()
            values = {"since": entry.since, "by": entry.by, "at": entry.at, "restored": entry.restored, "files": files}
            Entry.objects.update_or_create(worker_id=worker_id, revision=entry.revision, defaults=values)
            snapshots.write(worker_id, entry.revision, workspace)
            done = entry.revision
        if done == head.floor:
            return None
        ends = Entry.objects.filter(worker_id=worker_id, revision__lte=done).values("revision")
        Snapshot.objects.filter(worker_id=worker_id, revision__lte=done).exclude(revision__in=ends).delete()
        log.filter(revision__lte=done).delete()
        Head.objects.filter(worker_id=worker_id).update(floor=done)
        return done

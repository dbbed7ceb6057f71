"""The timeline, compaction and restoring over logs that seeds make: nothing that is shown ever goes (rules H1–H5)."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import pytest

import tests.with_django  # noqa: F401  # isort: skip

from quickedit.errors import NotFound, Stale
from quickedit.wire.messages import Create
from quickedit.workers.models import Worker
from quickedit.workspaces import blobs, log, restoring, store, timeline
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.log import Write
from quickedit.workspaces.models import Entry, LogEntry, Snapshot
from quickedit.workspaces.tree import Workspace
from tests.support import over_both_databases
from tests.unit.rooms.model_client import ModelClient

MINUTE = 60_000
START = 1_700_000_000_000


def make_log(seed: int, revisions: int, step: int = MINUTE // 2) -> tuple[int, list[Workspace]]:
    """A worker whose log holds so many batches of two people; the workspace at each revision."""
    rng = random.Random(seed)
    letters = (chr(code) for code in count(0x4E00))
    worker = Worker.objects.create(name=f"line{seed}")
    store.create(worker.pk, {"a.py": "a\n", "lib/b.py": "b\n"}, by=1)
    LogEntry.objects.filter(worker_id=worker.pk).update(at=START)
    workspace, revision = store.load(worker.pk)
    states, at, by = [Workspace(), workspace], START, 1
    while revision < revisions:
        typist = ModelClient(f"c{revision}", 1, rng, lambda: next(letters), workspace, revision)
        for _ in range(rng.randint(1, 2)):
            typist.edit() if rng.random() < 0.7 else typist.change_tree()
        ops = tuple(typist.buffer)
        after = workspace
        for op in ops:
            after = after.apply(op)
        revision += 1
        at += rng.randint(1, step) * (10 if rng.random() < 0.1 else 1)
        by = rng.choice([1, 2]) if rng.random() < 0.1 else by
        batch = log.make(Batch(revision, f"c{by}", revision, by, at, ops, workspace.tree))
        assert log.append([Write(worker.pk, revision - 1, [batch])]) == [True]
        workspace = after
        states.append(workspace)
        if rng.random() < 0.05:
            store.take_snapshot(worker.pk, revision, workspace)
        if rng.random() < 0.05:
            timeline.mark(worker.pk, revision)
    return worker.pk, states


def everything(worker_id: int, limit: int, **wanted: Any) -> list[timeline.Shown]:
    """All pages, one after the other."""
    found: list[timeline.Shown] = []
    before: int | None = None
    while True:
        page = timeline.page(worker_id, before, limit=limit, **wanted)
        found += page.entries
        if page.next is None:
            return found
        before = page.next


def plain(entries: list[timeline.Shown]) -> list[Any]:
    return [(e.since, e.revision, e.at, e.by, e.restored, e.files) for e in entries]


@over_both_databases
@pytest.mark.parametrize("seed", [1, 2])
def test_H1_H2_H5_compaction_drops_nothing_that_the_timeline_shows(
    database: None, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(timeline, "CHUNK", 40)
    worker_id, states = make_log(seed, 130)
    before = everything(worker_id, 7)
    assert [entry.revision for entry in before[1:]] == [entry.since for entry in before[:-1]], "a gap in the timeline"
    assert (before[0].revision, before[-1].since) == (130, 0)
    assert len({entry.by for entry in before}) == 2 and len(before) > 10
    file = next(iter(states[1].files))
    of_file = everything(worker_id, 3, file=file)
    assert plain(of_file) == [each for each in plain(before) if file in each[5]]
    middle = LogEntry.objects.get(worker_id=worker_id, revision=75).at
    floors = [timeline.compact(worker_id, when) for when in (START, middle, middle, START + 10**12)]
    assert 0 == floors[0] < floors[1] == floors[2] <= 75 < floors[3] == 130
    assert plain(everything(worker_id, 7)) == plain(before)
    assert plain(everything(worker_id, 3, file=file)) == plain(of_file)
    for entry in before:
        assert timeline.workspace_at(worker_id, entry.revision) == states[entry.revision]
        assert timeline.workspace_at(worker_id, entry.since) == states[entry.since]
    assert store.load(worker_id) == (states[130], 130)
    assert LogEntry.objects.filter(worker_id=worker_id).count() == 0
    assert Snapshot.objects.filter(worker_id=worker_id).count() == Entry.objects.filter(worker_id=worker_id).count()
    inside = next(entry for entry in before if entry.revision > entry.since + 1)
    with pytest.raises(NotFound):
        timeline.workspace_at(worker_id, inside.revision - 1)
    with pytest.raises(Stale):
        store.history(worker_id, 3, 9)


def test_H5_the_newest_entry_is_left_alone_while_it_may_grow(database: None) -> None:
    worker_id, _ = make_log(5, 20)
    newest = LogEntry.objects.get(worker_id=worker_id, revision=20).at
    timeline.compact(worker_id, newest + 1)
    last = everything(worker_id, 1)[0]
    assert Entry.objects.filter(worker_id=worker_id, revision=20).count() == 0 and last.revision == 20
    timeline.compact(worker_id, newest + timeline.GAP_MS + 1)
    assert Entry.objects.filter(worker_id=worker_id, revision=20).count() == 1


@pytest.mark.parametrize("seed", range(10, 22))
def test_H3_restoring_gives_back_exactly_what_was_and_is_an_ordinary_batch(database: None, seed: int) -> None:
    _, states = make_log(seed, 40)
    rng = random.Random(seed)
    for _ in range(12):
        now, then = rng.choice(states[1:]), rng.choice(states[1:])
        after = now
        for op in restoring.restore(now, then):
            after = after.apply(op)
        assert after.modules({}) == then.modules({})
        assert after.folders == then.folders
        kept = {id for id in now.files if id in then.files}
        assert {id: after.files[id] for id in kept} == {id: then.files[id] for id in kept}


def test_H3_two_files_that_have_each_others_names_change_back(database: None) -> None:
    one = Workspace().apply(Create(file="a", path="a.py", text="a")).apply(Create(file="b", path="b.py", text="b"))
    two = Workspace().apply(Create(file="a", path="b.py", text="a")).apply(Create(file="b", path="a.py", text="b"))
    after = two
    for op in restoring.restore(two, one):
        after = after.apply(op)
    assert after == one


def test_an_entry_says_what_became_of_each_file(database: None) -> None:
    worker_id, _ = make_log(7, 1)
    shown = everything(worker_id, 5)[0]
    assert sorted((each.path, each.change, each.plus, each.minus) for each in shown.files.values()) == [
        ("a.py", "created", 2, 0), ("lib/b.py", "created", 2, 0),
    ]  # fmt: skip


def test_a_difference_is_what_stands_between_the_common_ends() -> None:
    rng = random.Random(3)
    for _ in range(500):
        old, new = ("".join(rng.choice("ab\n😀") for _ in range(rng.randint(0, 9))) for _ in range(2))
        changes = restoring.difference(old, new)
        if changes is None:
            assert old == new
        else:
            parsed = restoring.changes.parse(changes)
            assert restoring.changes.apply(old, parsed, restoring.changes.units(old)) == new


def test_what_is_text_and_what_is_not() -> None:
    assert restoring.is_text("é😀".encode()) and restoring.is_text(b"")
    assert not restoring.is_text(b"\xff") and not restoring.is_text(b"a\0b")
    found = restoring.bring_in(Workspace(), {"a": b"\0", "b": b"text"})
    assert found.contents == {blobs.digest_of(b"\0"): b"\0"}

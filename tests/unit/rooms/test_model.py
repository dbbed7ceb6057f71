"""The invariants I1–I7 under thousands of seeded schedules, and proof that the test would notice their loss.

``SYNC_SCHEDULES`` sets how many (1,000 unless told; ``make soak`` 20,000), ``SYNC_SEED`` the first seed; a failure prints its
own.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable

import pytest

import tests.with_django  # noqa: F401
from quickedit.rooms.room import Room
from quickedit.rooms.writer import Writer
from quickedit.workers.models import Worker
from quickedit.workspaces import store
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.log import make
from quickedit.workspaces.models import LogEntry
from quickedit.workspaces.tree import Workspace
from tests.unit.rooms.model import Schedule
from tests.unit.rooms.model_client import ModelClient

SCHEDULES = int(os.environ.get("SYNC_SCHEDULES", "1000"))
FIRST_SEED = int(os.environ.get("SYNC_SEED", "1"))
TOGETHER = 200
FILES = {"a.py": "", "lib/b.py": "", "src/c.py": ""}


class Broken(Exception):
    """An invariant does not hold. The message names it and the seed."""


def run_schedules(
    seeds: range, make_room: Callable[..., Room] = Room, client_type: type[ModelClient] = ModelClient
) -> Counter[str]:
    """Runs and checks them; what happened, counted. Raises Broken."""
    writer, seen = Writer(), Counter[str]()
    for start in range(seeds.start, seeds.stop, TOGETHER):
        group = range(start, min(start + TOGETHER, seeds.stop))
        workers = Worker.objects.bulk_create([Worker(name=f"model-{seed}") for seed in group])
        for worker in workers:
            store.create(worker.pk, FILES, by=0)
        schedules = [
            Schedule(seed, worker.pk, writer, make_room, client_type)
            for seed, worker in zip(group, workers, strict=True)
        ]
        ended = asyncio.run(_run(schedules))
        for seed, schedule, error in zip(group, schedules, ended, strict=True):
            if error is not None:
                raise Broken(f"seed {seed}: {error!r}") from error
            check(seed, schedule, seen)
    return seen


async def _run(schedules: list[Schedule]) -> list[BaseException | None]:
    return await asyncio.gather(*(schedule.run() for schedule in schedules), return_exceptions=True)


def check(seed: int, schedule: Schedule, seen: Counter[str]) -> None:
    def holds(invariant: str, condition: bool, why: object = "") -> None:
        if not condition:
            raise Broken(f"seed {seed}: {invariant} does not hold: {why}")

    rows = list(LogEntry.objects.filter(worker_id=schedule.worker_id).order_by("revision"))
    disk, revision = store.load(schedule.worker_id)
    for server in schedule.servers:
        holds("I1", server.room.workspace == disk and server.room.revision == revision, "a room differs from the log")
    for client in schedule.clients:
        holds("I1", client.confirmed == disk, f"{client.name} differs from the server")
        holds("I1", client.visible == disk, f"{client.name} shows something else")
    names = Counter((row.client, row.seq) for row in rows)
    holds("I2", max(names.values()) == 1, "a batch is in the log twice")
    for server in schedule.servers:
        holds("I3", all(name in names for name in server.shown), "what was shown as saved is not in the log")
    for client in schedule.clients:
        done = {seq for name, seq in names if name == client.name}
        holds("I3", client.acknowledged <= done, "an acknowledged batch is not in the log")
        holds("I4", done == set(range(1, client.seq + 1)), f"{client.name}: batches {sorted(done)} of {client.seq}")
    states = replay(rows)
    holds("I5", states[-1] == disk, "replaying the log gives another workspace")
    for number, modules in schedule.previews:
        holds("I7", modules == states[number].modules({}), f"a preview of revision {number} ran something else")
    present = Counter(character for file in disk.files.values() for character in file.text)
    where = {character: file.id for file in disk.files.values() for character in file.text}
    holds("I2", not present or max(present.values()) == 1, "a character is there twice")
    condemned = set().union(*(client.condemned for client in schedule.clients))
    for client in schedule.clients:
        for character, file in client.typed.items():
            if character in present:
                holds("I6", where[character] == file, "a character moved to another file")
            else:
                excused = character in condemned or character in client.aside or file in disk.gone
                holds("I6", excused, f"{character!r} of {client.name} vanished from {file}")
        seen["set aside"] += len(client.aside)
        seen["typed"] += len(client.typed)
    seen["revisions"] += revision
    seen["previews"] += len(schedule.previews)
    seen["schedules"] += 1
    seen["two processes"] += len(schedule.servers) > 1


def replay(rows: list[LogEntry]) -> list[Workspace]:
    """The workspace at each revision, from the log alone."""
    states = [Workspace()]
    for row in rows:
        workspace = states[-1]
        for op in store.codec.decode_operations(row.ops.encode()):
            workspace = workspace.apply(op)
        states.append(workspace)
    return states


@pytest.mark.slow
def test_I1_I2_I3_I4_I5_I6_I7_hold_under_every_schedule(database: None) -> None:
    seen = run_schedules(range(FIRST_SEED, FIRST_SEED + SCHEDULES))
    print(dict(seen))
    assert seen["schedules"] == SCHEDULES
    assert seen["revisions"] > 3 * SCHEDULES and seen["typed"] > 5 * SCHEDULES
    assert SCHEDULES < 100 or (seen["two processes"] > SCHEDULES // 10 and seen["previews"] > SCHEDULES // 2)


# --- planted bugs: each must be noticed -----------------------------------------------------------------------------


class NoDedupe(Room):
    """Takes every batch as new, under a number of its own so that the database does not object."""

    _extra = 1_000_000

    def _repeated(self, client: str, by: int, seq: int) -> None:
        return None

    def _prepare(self, submission: object) -> None:
        super()._prepare(submission)  # type: ignore[arg-type]
        waiting = self._waiting[-1]
        assert waiting.batch is not None
        known = self._clients.get(waiting.client)
        taken = {(w.client, w.seq) for w in self._waiting[:-1]}
        if (known is not None and waiting.seq <= known.seq) or (waiting.client, waiting.seq) in taken:
            NoDedupe._extra += 1
            old = waiting.batch
            batch = Batch(old.revision, "again", NoDedupe._extra, old.by, old.at, old.ops, old.before)
            waiting.batch, waiting.data = make(batch)


class AnswersFirst(Room):
    """Shows a batch as saved before it is."""

    def _launch(self) -> None:
        for waiting in self._waiting:
            if not waiting.answer.done() and waiting.batch is not None:
                self._listeners.tell(waiting.batch.committed)
                waiting.settle(waiting.batch.committed)
        super()._launch()


class NoGapCheck(ModelClient):
    """Applies whatever comes."""

    checks_gaps = False


class RunsTooMuch(Room):
    """Shows a preview what is not on disk yet."""

    def modules(self) -> dict[str, bytes]:
        return self._contents.modules(self._ahead)


class ForgetsToMap(Room):
    """Puts an edit where it was meant on the client's revision, not where that is now."""

    def _prepare(self, submission: object) -> None:
        submission.base = self.revision  # type: ignore[attr-defined]
        super()._prepare(submission)  # type: ignore[arg-type]


PLANTED = [
    (NoDedupe, ModelClient),
    (AnswersFirst, ModelClient),
    (ForgetsToMap, ModelClient),
    (RunsTooMuch, ModelClient),
    (Room, NoGapCheck),
]


@pytest.mark.parametrize(("make_room", "client_type"), PLANTED)
def test_the_model_test_notices_a_planted_bug(
    database: None, make_room: Callable[..., Room], client_type: type[ModelClient]
) -> None:
    with pytest.raises(Broken) as noticed:
        run_schedules(range(1, 401), make_room, client_type)
    print(noticed.value)

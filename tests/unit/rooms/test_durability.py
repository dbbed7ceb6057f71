"""What the disk may do to a room: power loss (kill -9), locked, full, other processes. I3, F3, R1, R9."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, connections

from quickedit.errors import Conflict, Unavailable
from quickedit.rooms.room import Room
from quickedit.rooms.writer import Flight, Outcome, Writer
from quickedit.threads import in_database
from quickedit.wire.messages import Committed, Create, Delete, Edit
from quickedit.workers.models import Worker
from quickedit.workspaces import log, store
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.log import Write
from quickedit.workspaces.models import LogEntry
from quickedit.workspaces.paths import Tree
from quickedit.workspaces.tree import Workspace
from tests.support import ROOT, over_both_databases
from tests.unit.rooms.conftest import append, on_disk, rows, submit

OpenRoom = Callable[..., Awaitable[Room]]
ACKER = Path(__file__).with_name("acker.py")


# --- kill -9 --------------------------------------------------------------------------------------------------------


def start_acker(worker_id: int, failpoint: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ACKER), str(worker_id), "5"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QUICKEDIT_FAILPOINT": failpoint}
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment)


def acknowledged(output: bytes) -> dict[tuple[str, int], int]:
    """The complete lines: each was written after its batch was acknowledged."""
    lines = [line.split() for line in output.decode().splitlines() if re.fullmatch(r"t\d+ \d+ \d+", line)]
    return {(name, int(seq)): int(revision) for name, seq, revision in lines}


def check_log(worker_id: int, told: dict[tuple[str, int], int]) -> None:
    stored = {(row.client, row.seq): row.revision for row in LogEntry.objects.filter(worker_id=worker_id)}
    for name, revision in told.items():
        assert stored.get(name) == revision, f"{name} was acknowledged as revision {revision}"
    workspace, revision = store.load(worker_id)
    assert revision == len(stored)
    replayed = Workspace()
    for row in LogEntry.objects.filter(worker_id=worker_id).order_by("revision"):
        for op in store.codec.decode_operations(row.ops.encode()):
            replayed = replayed.apply(op)
    assert replayed == workspace
    marks = Counter(re.findall(r"<(t\d+\.\d+)>", next(f.text for f in workspace.files.values() if f.path == "main.py")))
    assert set(marks) == {f"{name}.{seq}" for name, seq in stored if name.startswith("t")}
    assert not marks or max(marks.values()) == 1


KILLED = [("sqlite", point) for point in ("arrived", "prepared", "transaction", "committed", "told")]


@pytest.mark.parametrize(("database", "point"), [*KILLED, ("postgresql", "transaction")], indirect=["database"])
def test_I3_what_was_acknowledged_survives_kill_9_at_every_point(worker_id: int, point: str) -> None:
    told: dict[tuple[str, int], int] = {}
    for count in (1, 9):
        with start_acker(worker_id, f"{point}:{count}") as process:
            output, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        told |= acknowledged(output)
        check_log(worker_id, told)
    assert told


def test_I3_Y3_what_was_acknowledged_survives_kill_9_at_any_moment_and_nothing_is_doubled(worker_id: int) -> None:
    told: dict[tuple[str, int], int] = {}
    for lines in (1, 40, 90, 150):
        with start_acker(worker_id) as process:
            assert process.stdout is not None
            output = b"".join(process.stdout.readline() for _ in range(lines))
            process.kill()
            rest, _ = process.communicate(timeout=60)
        told |= acknowledged(output + rest)
        check_log(worker_id, told)
    assert len(told) > 250


# --- the disk says no -----------------------------------------------------------------------------------------------


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections opened from now on wait for a lock for a tenth of a second only."""
    options = connections.settings["default"]["OPTIONS"]
    monkeypatch.setitem(options, "timeout", 0.1)


async def test_R9_a_locked_database_gives_no_acknowledgement_and_shows_nothing(
    worker_id: int, open_room: OpenRoom, short_timeout: None
) -> None:
    room = await open_room()
    before, heard = room.workspace, list[Committed]()
    room.subscribe(heard.append)
    edit = append(room, "!")
    locker = sqlite3.connect(connections.settings["default"]["NAME"])
    locker.execute("BEGIN IMMEDIATE")
    try:
        ended = await asyncio.gather(
            *(submit(room, 1, [edit], client=name, base=1) for name in "ab"), return_exceptions=True
        )
    finally:
        locker.close()
    assert all(isinstance(each, Unavailable) and each.code == "not-durable" for each in ended)
    assert (room.workspace, room.revision, heard) == (before, 1, [])
    assert len(await rows(worker_id)) == 1
    answer = await submit(room, 1, [edit], client="a", base=1)
    assert heard == [answer] and room.modules()["main.py"] == b"hello!"


class Full:
    """The real writer's work on a database that may not grow, as on a full disk."""

    def __init__(self) -> None:
        self.full = True

    def append(self, writes: list[Write]) -> list[bool]:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {1 if self.full else 2**30}")
        return log.append(writes)


async def test_F3_R9_a_full_disk_gives_no_acknowledgement_and_the_room_goes_on_when_there_is_space(
    worker_id: int, open_room: OpenRoom
) -> None:
    def without_free_pages() -> None:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")

    disk = Full()
    await in_database(without_free_pages)
    room = await open_room(Writer(disk.append))
    heard: list[Committed] = []
    room.subscribe(heard.append)
    create = Create(file="n", path="n.txt", text="x" * 200_000)
    with pytest.raises(Unavailable) as refusal:
        await submit(room, 1, [create])
    assert refusal.value.code == "not-durable" and refusal.value.hint
    assert (room.revision, heard, len(await rows(worker_id))) == (1, [], 1)
    disk.full = False
    assert (await submit(room, 1, [create])).revision == 2
    assert await on_disk(worker_id) == (room.workspace, 2)


async def test_R9_what_waits_on_top_of_a_batch_that_failed_fails_with_it(worker_id: int, open_room: OpenRoom) -> None:
    fail = threading.Event()
    fail.set()

    def append_or_fail(writes: list[Write]) -> list[bool]:
        if fail.is_set():
            raise OperationalError("disk I/O error")
        return log.append(writes)

    room = await open_room(Writer(append_or_fail))
    first = asyncio.ensure_future(submit(room, 1, [Create(file="n", path="n.py", text="n")], client="a"))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(submit(room, 1, [Create(file="m", path="m.py")], client="b"))
    ended = await asyncio.gather(first, second, return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in ended)
    fail.clear()
    await submit(room, 1, [Create(file="m", path="m.py")], client="b", base=1)
    assert set(room.modules()) == {"main.py", "lib/util.py", "m.py"}
    assert await on_disk(worker_id) == (room.workspace, 2)


async def test_R9_a_commit_that_reports_an_error_after_it_was_done_is_found_and_not_done_twice(
    worker_id: int, open_room: OpenRoom
) -> None:
    broken = threading.Event()
    broken.set()

    def append_then_fail(writes: list[Write]) -> list[bool]:
        won = log.append(writes)
        if broken.is_set():
            raise OperationalError("connection lost")
        return won

    room = await open_room(Writer(append_then_fail))
    heard: list[Committed] = []
    room.subscribe(heard.append)
    edit = append(room, "!")
    with pytest.raises(Unavailable):
        await submit(room, 1, [edit], base=1)
    broken.clear()
    answer = await submit(room, 1, [edit], base=1)
    assert heard == [answer] and room.modules()["main.py"] == b"hello!"
    assert len(await rows(worker_id)) == 2


async def test_R9_a_log_that_cannot_be_read_refuses_for_now(
    worker_id: int, open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await open_room()
    room._doubt = True

    def fail(*_: object) -> None:
        raise OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(store, "newer", fail)
        with pytest.raises(Unavailable):
            await submit(room, 1, [append(room, "!")])
    assert (await submit(room, 1, [append(room, "!")])).revision == 2


# --- several rooms, several processes -------------------------------------------------------------------------------


async def test_one_bad_flight_does_not_take_the_others_with_it(database: None) -> None:
    workers = await in_database(lambda: [Worker.objects.create(name=name) for name in ("good", "bad")])
    for worker in workers:
        await in_database(store.create, worker.pk, {}, 1)

    def append_all(writes: list[Write]) -> list[bool]:
        if any(write.worker_id == workers[1].pk for write in writes):
            raise IntegrityError("planted")
        return log.append(writes)

    writer = Writer(append_all)
    loop = asyncio.get_running_loop()
    ended: dict[int, asyncio.Future[Outcome]] = {worker.pk: loop.create_future() for worker in workers}
    flights = []
    for worker in workers:
        batch = log.make(Batch(1, "c", 1, 1, 1, (), Tree()))
        flights.append(Flight(Write(worker.pk, 0, [batch]), loop, ended[worker.pk].set_result))
    outcomes = await in_database(writer._commit, flights)
    assert [outcome for _, outcome in outcomes] == [Outcome.DURABLE, Outcome.OVERTAKEN]
    assert (await in_database(store.load, workers[0].pk))[1] == 1


@over_both_databases
async def test_W1_I1_I2_two_processes_write_one_workspace_and_agree(worker_id: int, open_room: OpenRoom) -> None:
    one, other = await open_room(), await open_room()
    heard: dict[int, list[Committed]] = {1: [], 2: []}
    one.subscribe(heard[1].append)
    other.subscribe(heard[2].append)

    async def type_in(room: Room, name: str) -> None:
        for seq in range(1, 16):
            await submit(room, seq, [append(room, f"<{name}{seq}>")], client=name)

    await asyncio.gather(type_in(one, "a"), type_in(other, "b"), type_in(one, "c"), type_in(other, "d"))
    await one.refresh()
    await other.refresh()
    assert heard[1] == heard[2] and [message.revision for message in heard[1]] == list(range(2, 62))
    assert one.workspace == other.workspace == (await on_disk(worker_id))[0]
    marks = Counter(re.findall("<(.+?)>", one.modules()["main.py"].decode()))
    assert len(marks) == 60 and set(marks.values()) == {1}


async def test_I2_a_batch_sent_again_to_another_process_is_done_once(open_room: OpenRoom) -> None:
    one, other = await open_room(), await open_room()
    edit = append(one, "!")
    first = await submit(one, 1, [edit], base=1)
    assert await submit(other, 1, [edit], base=1) == first
    assert other.workspace == one.workspace


async def test_I2_a_refusal_rests_on_what_other_processes_have_committed(open_room: OpenRoom) -> None:
    """Found by the model test: the second process knew of the delete and not of the edit before it."""
    one, other = await open_room(), await open_room()
    edit = append(one, "!")
    first = await submit(one, 1, [edit], base=1)
    third = await open_room()
    await submit(third, 1, [Delete(path="main.py")], client="d")
    assert await submit(other, 1, [edit], base=1) == first
    assert (await submit(other, 2, [Create(file="n", path="n.py")], base=3)).revision == 4
    with pytest.raises(Conflict):
        await submit(other, 3, [Edit(file=edit.file, changes=edit.changes)], base=1)


async def test_a_client_may_know_more_than_the_process_it_comes_to(open_room: OpenRoom) -> None:
    one, other = await open_room(), await open_room()
    await submit(one, 1, [append(one, "!")])
    assert (await submit(other, 2, [append(one, "?")], base=2)).revision == 3
    assert other.modules()["main.py"] == b"hello!?"


def test_appending_to_a_head_that_moved_is_not_done(worker_id: int) -> None:
    batch: Any = log.make(Batch(2, "c", 1, 1, 1, (), Tree()))
    assert log.append([Write(worker_id, 1, [batch])]) == [True]
    assert log.append([Write(worker_id, 1, [batch])]) == [False]
    assert LogEntry.objects.filter(worker_id=worker_id).count() == 2
    again: Any = log.make(Batch(3, "c", 1, 1, 1, (), Tree()))
    with pytest.raises(IntegrityError):
        log.append([Write(worker_id, 2, [again])])
    assert store.load(worker_id)[1] == 2

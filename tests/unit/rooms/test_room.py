"""A room and its promises: order, durability, repetition, refusal. Rules R1–R9 of docs/protocol.md."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from preview.bundle import MAX_MODULE
from quickedit.errors import BadInput, BadPath, Conflict, Forbidden, NotFound, Stale, TooLarge, Unavailable
from quickedit.rooms import room as room_module
from quickedit.rooms import tail
from quickedit.rooms.listeners import SNAPSHOT_EVERY
from quickedit.rooms.room import Room
from quickedit.threads import in_database
from quickedit.wire import codec
from quickedit.wire.messages import INLINE_LIMIT, Committed, Create, Delete, Edit, Rename
from quickedit.workspaces import blobs, store, timeline
from quickedit.workspaces.models import Snapshot
from tests.support import over_both_databases
from tests.unit.rooms.conftest import append, file_id, on_disk, rows, submit

OpenRoom = Callable[..., Awaitable[Room]]
pytestmark = over_both_databases


async def test_R1_a_batch_is_one_revision_and_is_on_disk_when_it_is_answered(
    open_room: OpenRoom, worker_id: int
) -> None:
    room = await open_room()
    answer = await submit(room, 1, [append(room, "!"), Create(file="n", path="new.py", text="n")])
    assert (answer.revision, answer.client, answer.seq, answer.by) == (2, "c1", 1, 1)
    assert await on_disk(worker_id) == (room.workspace, 2)
    assert room.modules() == {"main.py": b"hello!", "lib/util.py": b"x = 1\n", "new.py": b"n"}
    assert json.loads(json.dumps(room.snapshot()))["folders"] == ["lib"]


async def test_R1_a_batch_is_atomic(open_room: OpenRoom, worker_id: int) -> None:
    room = await open_room()
    with pytest.raises(NotFound):
        await submit(room, 1, [append(room, "!"), Delete(path="zap")])
    assert room.modules()["main.py"] == b"hello" and room.revision == 1
    assert await on_disk(worker_id) == (room.workspace, 1)


async def test_R2_everybody_hears_every_revision_in_order_the_author_too(open_room: OpenRoom) -> None:
    room = await open_room()
    heard: list[Committed] = []
    unsubscribe = room.subscribe(heard.append)
    edits = [submit(room, 1, [append(room, letter)], client=letter) for letter in "abcdefgh"]
    answers = await asyncio.gather(*edits)
    assert heard == sorted(answers, key=lambda answer: answer.revision)
    assert [message.revision for message in heard] == list(range(2, 10))
    assert room.modules()["main.py"] == b"helloabcdefgh"
    unsubscribe()
    unsubscribe()
    await submit(room, 2, [append(room, "!")], client="a")
    assert len(heard) == 8


async def test_R2_a_listener_that_fails_keeps_nothing_from_the_others(open_room: OpenRoom) -> None:
    room = await open_room()
    heard: list[Committed] = []

    def fail(_: Committed) -> None:
        raise RuntimeError("planted")

    room.subscribe(fail)
    room.subscribe(heard.append)
    assert heard == [await submit(room, 1, [append(room, "!")])]


async def test_R2_catch_up_gives_what_followed_a_revision_exactly_as_it_was_broadcast(open_room: OpenRoom) -> None:
    room = await open_room()
    heard: list[Committed] = []
    room.subscribe(heard.append)
    for seq in range(1, 6):
        await submit(room, seq, [append(room, str(seq))])
    assert room.catch_up(1) == heard
    assert room.catch_up(4) == heard[3:]
    assert room.catch_up(6) == []
    assert (await open_room()).catch_up(1) == heard, "after a restart too"
    with pytest.raises(BadInput):
        room.catch_up(7)


async def test_I2_R3_a_batch_that_comes_again_gets_its_first_answer_and_is_done_once(open_room: OpenRoom) -> None:
    room = await open_room()
    edit = append(room, "!")
    first = await submit(room, 1, [edit], base=1)
    assert await submit(room, 1, [edit], base=1) == first
    assert await submit(room, 1, [append(room, "!")], base=2) == first, "brought up by the client meanwhile"
    assert (room.revision, room.modules()["main.py"], room.last_seq("c1")) == (2, b"hello!", 1)
    again = await open_room()
    assert await submit(again, 1, [edit], base=1) == first, "after a restart too"
    await submit(again, 2, [append(again, "?")])
    assert await submit(again, 1, [edit], base=1) == first, "an older one than the last too"


async def test_I2_R3_a_batch_that_comes_again_while_it_is_being_written_is_done_once(open_room: OpenRoom) -> None:
    room = await open_room()
    edit = append(room, "!")
    answers = await asyncio.gather(*(submit(room, 1, [edit], base=1) for _ in range(5)))
    assert len(set(map(repr, answers))) == 1 and room.revision == 2


async def test_R3_a_repeated_batch_that_left_memory_is_answered_from_the_log(open_room: OpenRoom) -> None:
    room = await open_room()
    first = await submit(room, 1, [append(room, "!")])
    await submit(room, 2, [append(room, "?")])
    room._tail._batches.clear()
    room._tail.start = room.revision
    assert await submit(room, 1, []) == first


async def test_R4_seqs_follow_each_other_without_gaps(open_room: OpenRoom) -> None:
    room = await open_room()
    for seq in (2, 5, 2**53 - 1):
        with pytest.raises(BadInput) as refusal:
            await submit(room, seq, [append(room, "!")])
        assert refusal.value.code == "seq-gap"
    await submit(room, 1, [append(room, "!")])
    with pytest.raises(BadInput):
        await submit(room, 3, [append(room, "!")])
    with pytest.raises(Stale):
        await submit(room, 0, [append(room, "!")])
    assert room.revision == 2


async def test_R4_a_refused_batch_does_not_use_up_its_seq(open_room: OpenRoom) -> None:
    room = await open_room()
    with pytest.raises(NotFound):
        await submit(room, 1, [Delete(path="zap")])
    assert (await submit(room, 1, [append(room, "!")])).revision == 2


async def test_R5_a_base_ahead_of_the_head_is_refused(open_room: OpenRoom) -> None:
    room = await open_room()
    with pytest.raises(BadInput) as refusal:
        await submit(room, 1, [append(room, "!")], base=2)
    assert refusal.value.code == "base-ahead"


async def test_R5_a_base_below_the_floor_is_stale_and_the_floor_is_told(open_room: OpenRoom, worker_id: int) -> None:
    room = await open_room()
    edit = append(room, "!")
    for seq in range(1, 4):
        await submit(room, seq, [append(room, str(seq))])
    assert await in_database(timeline.compact, worker_id, 2**62) == 4
    late = await open_room()
    assert (late.floor, late.revision) == (4, 4)
    for base in (0, 1, 2, 3):
        with pytest.raises(Stale):
            await submit(late, 1, [edit], client="c2", base=base)
        with pytest.raises(Stale):
            await late.reach_back(base)
    assert (await submit(late, 1, [append(late, "!")], client="c2", base=4)).revision == 5
    # What was done long ago is still known to be done.
    assert late.last_seq("c1") == 3
    with pytest.raises(Stale):
        await submit(late, 1, [edit], base=1)


async def test_R5_a_base_that_left_memory_is_read_from_the_log(
    open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MAX_BATCHES", 100)
    room = await open_room()
    edit = append(room, "!")
    for seq in range(1, 102):
        await submit(room, seq, [append(room, ".")])
    assert room._tail.start > 1
    with pytest.raises(Stale):
        room.catch_up(1)
    answer = await submit(room, 1, [edit], client="late", base=1)
    assert answer.ops == [Edit(file=edit.file, changes=[5 + 101, [0, "!"]])]
    await room.reach_back(1)
    assert [message.revision for message in room.catch_up(1)] == list(range(2, room.revision + 1))


async def test_R5_a_base_too_far_behind_is_stale(open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_REACH", 2)
    room = await open_room()
    for seq in range(1, 6):
        await submit(room, seq, [append(room, ".")])
    room._tail._batches.clear()
    room._tail.start = room.revision
    with pytest.raises(Stale):
        await submit(room, 1, [], client="late", base=1)


async def test_R6_a_client_id_belongs_to_one_person(open_room: OpenRoom) -> None:
    room = await open_room()
    await submit(room, 1, [append(room, "!")], by=1)
    for seq in (1, 2):
        with pytest.raises(Forbidden) as refusal:
            await submit(room, seq, [append(room, "!")], by=2)
        assert refusal.value.code == "not-your-client"


async def test_R7_a_large_batch_is_told_by_its_digest_and_read_again_after_a_restart(
    open_room: OpenRoom, worker_id: int
) -> None:
    room = await open_room()
    text = "é" * (INLINE_LIMIT // 2)
    heard: list[Committed] = []
    room.subscribe(heard.append)
    answer = await submit(room, 1, [Create(file="big", path="big.txt", text=text)])
    assert answer.ops is None and answer.blob is not None and heard == [answer]
    ops = codec.decode_operations(await in_database(blobs.get, worker_id, answer.blob))
    assert ops == [Create(file="big", path="big.txt", text=text)]
    again = await open_room()
    assert again.workspace == room.workspace and again.catch_up(1) == heard
    late = await submit(again, 1, [append(again, "!"), Create(file="n", path="big.txt")], client="late", base=1)
    assert late.ops is not None and late.ops[1] == Create(file="n", path="big-2.txt")


@pytest.mark.parametrize(
    ("ops", "error", "code"),
    [
        ([Create(file="n", path="../n.py")], BadPath, "bad-path"),
        ([Create(file="n", path="MAIN.py")], Conflict, "path-taken"),
        ([Create(file="n", path="big.txt", text="x" * (MAX_MODULE + 1))], TooLarge, "too-large"),
        ([Create(file=f"n{n}", path=f"{n}.txt", text="x" * MAX_MODULE) for n in range(11)], TooLarge, "too-large"),
        ([Create(file=f"n{n}", path=f"{n}.py") for n in range(511)], TooLarge, "too-large"),
        ([Create(file="n", path="n.py", text="a\r\n")], BadInput, "line-ends"),
        ([Edit(file="zap", changes=[])], NotFound, "unknown-file"),
        ([Rename(path="lib", to="lib/lib")], Conflict, "into-itself"),
        ([Delete(path="main.py"), Delete(path="main.py")], NotFound, "no-such-path"),
    ],
    ids=["path", "case", "module", "worker", "modules", "carriage return", "file", "move", "delete"],
)
async def test_R8_B1_what_cannot_be_done_is_refused_by_a_code_and_a_sentence_and_nothing_changes(
    open_room: OpenRoom, worker_id: int, ops: list[object], error: type[Exception], code: str
) -> None:
    room = await open_room()
    before = room.workspace
    with pytest.raises(error) as refusal:
        await submit(room, 1, ops)  # type: ignore[arg-type]
    assert getattr(refusal.value, "code", "") == code
    assert str(refusal.value).endswith(".")
    assert room.workspace is before and await on_disk(worker_id) == (before, 1)
    assert (await submit(room, 1, [append(room, "!")])).revision == 2


async def test_R8_an_edit_off_the_end_or_through_half_a_character_is_refused(open_room: OpenRoom) -> None:
    room = await open_room()
    main = file_id(room)
    await submit(room, 1, [append(room, "😀")])
    for changes, code in (([8], "off-the-end"), ([6, [0, "x"], 1], "half-character"), ([7, ["x"]], "bad-changes")):
        with pytest.raises(BadInput) as refusal:
            await submit(room, 2, [Edit(file=main, changes=changes)])
        assert refusal.value.code == code


async def test_R8_too_many_waiting_batches_are_refused_for_now(
    open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "MAX_WAITING", 3)
    room = await open_room()
    ended = await asyncio.gather(
        *(submit(room, 1, [append(room, "!")], client=f"c{n}") for n in range(6)), return_exceptions=True
    )
    done = [each for each in ended if isinstance(each, Committed)]
    assert len(done) >= 3 and all(isinstance(each, Committed | Unavailable) for each in ended)
    assert room.revision == 1 + len(done)


async def test_I6_two_typists_at_one_place_both_keep_their_text(open_room: OpenRoom) -> None:
    room = await open_room()
    await asyncio.gather(*(submit(room, 1, [append(room, name)], client=name, base=1) for name in ("Ann", "Bob")))
    assert room.modules()["main.py"] == b"helloAnnBob"


async def test_I5_the_log_replayed_gives_the_live_text_with_and_without_snapshots(
    open_room: OpenRoom, worker_id: int
) -> None:
    room = await open_room()
    for seq in range(1, 2 * SNAPSHOT_EVERY + 20):
        ops = [append(room, "é😀"[seq % 2])]
        if seq % 50 == 0:
            await submit(room, seq, [*ops, Rename(path="lib", to="lib2"), Rename(path="lib2", to="lib")])
        else:
            await submit(room, seq, ops)
    for _ in range(2000):
        if await in_database(Snapshot.objects.filter(worker_id=worker_id).count) >= 2:
            break
        await asyncio.sleep(0.01)
    assert await on_disk(worker_id) == (room.workspace, room.revision)
    loaded = await in_database(store.load_room, worker_id)
    assert loaded.snapshot >= SNAPSHOT_EVERY and loaded.tail[0].revision > 1, "it did not start from a snapshot"
    await in_database(Snapshot.objects.all().delete)
    assert await on_disk(worker_id) == (room.workspace, room.revision)


async def test_I3_what_is_in_the_log_is_what_was_told(open_room: OpenRoom, worker_id: int) -> None:
    room = await open_room()
    answers = [await submit(room, seq, [append(room, str(seq))]) for seq in range(1, 4)]
    stored = await rows(worker_id)
    assert [(row.revision, row.client, row.seq, row.by, row.at) for row in stored[1:]] == [
        (answer.revision, answer.client, answer.seq, answer.by, answer.at) for answer in answers
    ]
    assert [codec.decode_operations(row.ops.encode()) for row in stored[1:]] == [answer.ops for answer in answers]

"""Messages that are another worker's: what happens while they cannot be moved, and who gets them."""

from __future__ import annotations

import asyncio

import pytest

from preview.exchange import PeerAway
from preview.outside.bindings import forwarding, permissions, queues
from preview.outside.bindings.forwarding import Forwarding
from preview.outside.bindings.permissions import Permissions
from preview.outside.bindings.queues import Outgoing
from preview.outside.bindings.stores import Stores


class People:
    """Web, as far as it says whose workers these are."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, str]] = []
        self.strangers: set[str] = set()

    async def may_call(self, caller: str, called: str) -> bool:
        self.asked.append((caller, called))
        if self.away:
            raise PeerAway("away")
        return not {caller, called} & self.strangers


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def consuming() -> dict[str, list[str]]:
    return {"q": ["30", "4"]}


@pytest.fixture
def moving(
    stores: Stores, people: People, consuming: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> Forwarding:
    monkeypatch.setattr(forwarding, "_BACK_OFF", (0.01, 0.02))
    permitted = Permissions()
    permitted.ask = people.may_call
    return Forwarding(stores, permitted, lambda queue: consuming.get(queue, []), lambda worker, queue: None)


async def send(stores: Stores, *bodies: bytes) -> None:
    await stores.data("7", preview=False).queues.send("q", [Outgoing(body, "text", 0) for body in bodies])


async def held(stores: Stores, worker: str) -> list[bytes]:
    return [one.body for one in await stores.data(worker, preview=False).queues.peek("q", 1000)]


async def until(stores: Stores, worker: str, bodies: list[bytes]) -> None:
    async with asyncio.timeout(20):
        while await held(stores, worker) != bodies:
            await asyncio.sleep(0.005)


async def test_the_oldest_worker_of_the_same_people_gets_them_in_order(
    stores: Stores, moving: Forwarding, people: People
) -> None:
    bodies = [b"%d" % number for number in range(queues.MAX_BATCH + 50)]
    await send(stores, *bodies)
    moving.sent("7", "q")
    await until(stores, "4", bodies)
    await until(stores, "7", [])
    people.strangers.add("5")
    await stores.data("5", preview=False).queues.send("q", [Outgoing(b"foreign", "text", 0)])
    moving.consumed("q")
    await asyncio.sleep(0.1)
    assert await held(stores, "5") == [b"foreign"]


async def test_while_whose_they_are_cannot_be_told_they_stay(
    stores: Stores, moving: Forwarding, people: People
) -> None:
    people.away = True
    await send(stores, b"a")
    moving.sent("7", "q")
    async with asyncio.timeout(20):
        while len(people.asked) < 3:
            await asyncio.sleep(0.005)
    assert (await held(stores, "7"), await held(stores, "4")) == ([b"a"], [])
    people.away = False
    await until(stores, "4", [b"a"])


async def test_where_the_other_queue_is_full_they_stay_until_there_is_room(
    stores: Stores, moving: Forwarding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MAX_BACKLOG", 2)
    theirs = stores.data("4", preview=False).queues
    for body in (b"1", b"2", b"3", b"4"):  # ids 1 to 4: a span above 2 has them counted
        await theirs.send("q", [Outgoing(body, "text", 0)])
    with pytest.raises(queues.Full):
        await theirs.send("q", [Outgoing(b"5", "text", 0)])
    await send(stores, b"a")
    moving.sent("7", "q")
    await asyncio.sleep(0.1)
    assert await held(stores, "7") == [b"a"]
    await theirs.remove([1, 2, 3, 4])
    await until(stores, "4", [b"a"])


async def test_a_message_that_a_handler_has_is_not_moved_before_it_is_back(stores: Stores, moving: Forwarding) -> None:
    await send(stores, b"a", b"b")
    ours = stores.data("7", preview=False).queues
    [out] = await ours.take("q", 1, 1.5)
    assert out.body == b"a"
    moving.sent("7", "q")
    await until(stores, "4", [b"b"])
    await until(stores, "7", [b"a"])  # a moved one is there first, and then not here any more
    await until(stores, "4", [b"b", b"a"])


async def test_while_one_is_out_with_a_handler_new_ones_are_moved_at_once(stores: Stores, moving: Forwarding) -> None:
    await send(stores, b"a", b"b")
    await stores.data("7", preview=False).queues.take("q", 1, 600)
    moving.sent("7", "q")
    await until(stores, "4", [b"b"])
    await asyncio.sleep(0.05)  # it waits for the one that is out
    await send(stores, b"c")
    moving.sent("7", "q")
    await until(stores, "4", [b"b", b"c"])
    moving.close()


async def test_what_is_sent_as_the_last_look_ends_is_looked_at(
    moving: Forwarding, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def nobody(worker: str, queue: str) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:  # comes after the look and before its task is known to have ended
            asyncio.get_running_loop().call_soon(moving.sent, worker, queue)

    monkeypatch.setattr(moving, "_target", nobody)
    moving.sent("7", "q")
    async with asyncio.timeout(20):
        while looks < 2 or moving._under_way:
            await asyncio.sleep(0.005)
    assert looks == 2 and not moving._wakes


async def test_what_web_said_is_remembered_for_some_seconds_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    people = People()
    permitted = Permissions()
    assert not await permitted.may_call("1", "2"), "nobody to ask"
    permitted.ask = people.may_call
    assert [await permitted.may_call("1", "2") for _ in range(3)] == [True] * 3
    assert people.asked == [("1", "2")]
    monkeypatch.setattr(permissions, "ASK_AGAIN", -1.0)
    people.strangers.add("3")
    assert not await permitted.may_call("1", "3")
    people.away = True
    assert not await permitted.may_call("1", "3"), "as it said last"
    with pytest.raises(PeerAway):
        await permitted.may_call("2", "3")

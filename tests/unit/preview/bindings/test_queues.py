"""Queues against their documented behaviour: https://developers.cloudflare.com/queues/."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from preview.outside.bindings import queues
from preview.outside.bindings.errors import BindingError, Full, WrongType
from preview.outside.bindings.queues import MAX_MESSAGE, Outgoing, check_batch, outgoing
from preview.outside.bindings.stores import Stores, WorkerData


def message(text: str, delay: int = 0) -> Outgoing:
    return outgoing(text.encode(), "text", delay)


async def take(data: WorkerData, most: int = 10, queue: str = "q") -> list[str]:
    return [one.body.decode() for one in await data.queues.take(queue, most, 30)]


async def test_messages_come_in_order_once_while_they_are_out(live: WorkerData) -> None:
    await live.queues.send("q", [message("a"), message("b"), message("c")])
    assert await take(live, 2) == ["a", "b"]
    assert await take(live) == ["c"]
    assert await take(live) == []
    assert await take(live, queue="other") == []


async def test_an_acknowledged_message_is_gone_and_an_unsettled_one_comes_back(live: WorkerData) -> None:
    await live.queues.send("q", [message("a"), message("b")])
    first, _ = await live.queues.take("q", 10, 0)
    await live.queues.settle([first.id], [], max_retries=3, dead_letters="")
    (again,) = await live.queues.take("q", 10, 30)
    assert again.body == b"b" and again.attempts == 2 and first.attempts == 1


async def test_a_retried_message_waits_for_its_delay_and_dies_after_its_retries(live: WorkerData) -> None:
    await live.queues.send("q", [message("a")])
    for attempt in range(1, 4):
        (one,) = await live.queues.take("q", 10, 30)
        assert one.attempts == attempt
        outcome = await live.queues.settle([], [(one.id, 0)], max_retries=2, dead_letters="dead")
    assert outcome == (0, 1)
    assert await take(live) == []
    (dead,) = await live.queues.take("dead", 10, 30)
    assert dead.body == b"a" and dead.attempts == 1
    await live.queues.settle([], [(dead.id, 500)], max_retries=2, dead_letters="")
    backlog = await live.queues.backlog("dead")
    assert (backlog.ready, backlog.waiting) == (0, 1) and backlog.next_due is not None


async def test_a_dead_message_without_a_dead_letter_queue_is_deleted(live: WorkerData) -> None:
    await live.queues.send("q", [message("a")])
    (one,) = await live.queues.take("q", 10, 30)
    assert await live.queues.settle([], [(one.id, 0)], max_retries=0, dead_letters="") == (0, 1)
    assert await live.queues.peek("q", 10) == []


async def test_a_delayed_message_is_not_due_yet(live: WorkerData) -> None:
    await live.queues.send("q", [message("later", 600), message("now")])
    assert await take(live) == ["now"]


async def test_a_message_nobody_took_for_four_days_is_deleted(
    live: WorkerData, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.queues.send("q", [message("old")])
    later = queues.time.time() + queues.RETENTION + 10
    monkeypatch.setattr("preview.outside.bindings.queues.time.time", lambda: later)
    assert await take(live) == [] and await live.queues.peek("q", 10) == []


@pytest.mark.parametrize(
    ("body", "kind", "delay"),
    [
        (b"", "xml", 0), (b"", "text", -1), (b"", "text", 43_201), (b"", "text", 1.5), (b"", "text", "1"), (b"", None, 0),
        (bytes(MAX_MESSAGE + 1), "bytes", 0),
    ],
)  # fmt: skip
def test_a_message_that_cannot_be_is_refused(body: bytes, kind: object, delay: object) -> None:
    with pytest.raises(BindingError):
        outgoing(body, kind, delay)


def test_a_batch_has_at_most_a_hundred_messages_and_256_kb() -> None:
    check_batch([message("x")] * 100)
    for wrong in ([], [message("x")] * 101, [outgoing(bytes(100_000), "bytes", 0)] * 3):
        with pytest.raises((Full, WrongType)):
            check_batch(wrong)


async def test_a_runner_that_dies_with_messages_out_loses_none(tmp_path: Path) -> None:
    first = Stores(tmp_path)
    await first.data("7", preview=False).queues.send("q", [message(f"{n}") for n in range(20)])
    await first.data("7", preview=False).queues.take("q", 10, 0.01)
    second = Stores(tmp_path)
    queue = second.data("7", preview=False).queues
    async with asyncio.timeout(10):
        seen: set[str] = set()
        while len(seen) < 20:
            seen |= {one.body.decode() for one in await queue.take("q", 100, 30)}
    await first.close()
    await second.close()


async def test_a_previews_messages_are_its_own(live: WorkerData, preview: WorkerData) -> None:
    await live.queues.send("q", [message("live")])
    await preview.queues.send("q", [message("draft")])
    assert await take(preview) == ["draft"] and await take(live) == ["live"]

"""Consumers of queues: batches, trouble with the storage, and what a handler's outcome means for each message."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from preview.declared import Consumer
from preview.outside.bindings import consumers
from preview.outside.bindings.consumers import Consumers, settled
from preview.outside.bindings.errors import BindingError
from preview.outside.bindings.events import Decision, Events, Outcome
from preview.outside.bindings.permissions import Permissions
from preview.outside.bindings.queues import Message, outgoing
from preview.outside.bindings.stores import Stores
from preview.outside.programs import Programs


def message(number: int) -> Message:
    return Message(number, f"m{number}", "text", b"", 0, 1)


def test_what_a_handler_left_unsaid_is_done_when_it_returned_and_comes_again_when_it_failed() -> None:
    messages = [message(n) for n in range(3)]
    decided = {"m0": Decision(ack=True), "m1": Decision(retry=True, delay=7)}
    assert settled(messages, Outcome(1.0, "", decided), 5) == ([0, 2], [(1, 7)])
    assert settled(messages, Outcome(1.0, "ValueError: x", decided), 5) == ([0], [(1, 7), (2, 5)])
    assert settled(messages, Outcome(1.0, "", decided, Decision(retry=True)), 5) == ([0], [(1, 7), (2, 5)])


def test_a_delay_out_of_range_is_brought_within_it() -> None:
    outcome = Outcome(1.0, "", {"m1": Decision(retry=True, delay=10**9)}, Decision(retry=True, delay=-5))
    assert settled([message(1), message(2)], outcome, 0) == ([], [(1, 43_200), (2, 0)])


class Ready:
    """Programs that run at once."""

    async def acquire(self, key: str) -> object:
        return self

    def release(self, run: object) -> None:
        pass


class Recorder(Events):
    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.came = asyncio.Event()

    async def queue(self, key: str, queue: str, messages: list[Message]) -> Outcome:
        self.batches.append([one.body for one in messages])
        self.came.set()
        return Outcome(1.0)


async def test_a_consumer_goes_on_after_its_storage_failed(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_BACK_OFF", (0.01, 0.02))
    events = Recorder()
    running = Consumers(stores, cast(Programs, Ready()), events, Permissions())
    queues = stores.data("7", preview=False).queues
    failed = asyncio.Event()
    whole = queues.backlog

    async def broken(queue: str) -> Any:
        failed.set()
        raise BindingError("The storage failed: disk I/O error")

    monkeypatch.setattr(queues, "backlog", broken)
    running.update("live:7", False, (Consumer("q", max_batch_timeout=0),))
    await failed.wait()
    await queues.send("q", [outgoing(b"a", "text", 0)])
    monkeypatch.setattr(queues, "backlog", whole)
    async with asyncio.timeout(20):
        await events.came.wait()
    assert events.batches == [[b"a"]]
    running.close()

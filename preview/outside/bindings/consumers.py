"""Takes messages out of queues and hands them to the worker's ``queue`` handler, in batches, as its consumer says.

One loop for each queue that a loaded program consumes. A batch goes out when it is full, or when its first message has
waited long enough; what the handler neither acknowledged nor asked for again is done, and where it failed, comes again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field

from preview.declared import Consumer
from preview.outside.bindings.errors import BindingError
from preview.outside.bindings.events import Events, Outcome
from preview.outside.bindings.forwarding import Forwarding
from preview.outside.bindings.permissions import Permissions
from preview.outside.bindings.queues import MAX_DELAY, Backlog, Message
from preview.outside.bindings.stores import Stores
from preview.outside.loading import Unavailable
from preview.outside.programs import Programs

log = logging.getLogger(__name__)

LEASE = 60.0
"""Seconds after which a message that is out comes back by itself: above the wall limit of an event."""
CONCURRENCY = 4
"""Batches of one consumer at once, where its configuration does not say less."""
_LOOK_AGAIN = 60.0  # seconds between two looks at a queue that nothing was sent to
_BACK_OFF = (1.0, 30.0)  # seconds, first and most, while the program cannot run


@dataclass(eq=False)
class _Running:
    consumer: Consumer
    task: asyncio.Task[None]
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Consumers:
    """All consumers of one runner. Use from one event loop."""

    def __init__(self, stores: Stores, programs: Programs, events: Events, permissions: Permissions) -> None:
        self._stores = stores
        self._programs = programs
        self._events = events
        self._running: dict[tuple[str, str], _Running] = {}
        self._forwarding = Forwarding(
            stores, permissions, self._consuming, lambda to, queue: self.sent(f"live:{to}", queue)
        )

    def update(self, key: str, preview: bool, consumers: tuple[Consumer, ...]) -> None:
        """The queues that a program consumes from now on."""
        wanted = {consumer.queue: consumer for consumer in consumers}
        for of, queue in list(self._running):
            if of == key and self._running[of, queue].consumer != wanted.get(queue):
                self._running.pop((of, queue)).task.cancel()
                if queue not in wanted and not preview:
                    self.sent(key, queue)
        for queue, consumer in wanted.items():
            if (key, queue) not in self._running:
                task = asyncio.get_running_loop().create_task(
                    self._consume(key, preview, consumer), name=f"consumer of {queue}"
                )
                self._running[key, queue] = _Running(consumer, task)
                if not preview:
                    self._forwarding.consumed(queue)

    def sent(self, key: str, queue: str) -> None:
        """A queue got messages. Those of a deployed worker that does not consume it may be another one's; a draft's never are,
        as a preview does nothing to what is live."""
        kind, _, worker = key.partition(":")
        if (running := self._running.get((key, queue))) is not None:
            running.wake.set()
        elif kind == "live":
            self._forwarding.sent(worker, queue)

    def _consuming(self, queue: str) -> list[str]:
        return [key.partition(":")[2] for key, each in self._running if each == queue and key.startswith("live:")]

    def close(self) -> None:
        self._forwarding.close()
        for running in self._running.values():
            running.task.cancel()
        self._running.clear()

    async def _consume(self, key: str, preview: bool, consumer: Consumer) -> None:
        await asyncio.sleep(0)  # until it is in the table
        limit = min(consumer.max_concurrency or CONCURRENCY, CONCURRENCY)
        under_way: set[asyncio.Task[None]] = set()
        wake = self._running[key, consumer.queue].wake
        pause = _BACK_OFF[0]
        while True:
            wake.clear()
            try:
                messages = await self._next_batch(key, preview, consumer, wake)
            except BindingError as error:  # a full disk, or files in a bad state: that may pass
                log.warning("The queue %s of %s cannot be read: %s", consumer.queue, key, error)
                messages = None
            if messages is None:
                await asyncio.sleep(pause)
                pause = min(_BACK_OFF[1], pause * 2)
                continue
            pause = _BACK_OFF[0]
            if messages:
                task = asyncio.get_running_loop().create_task(self._deliver(key, preview, consumer, messages))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            if len(under_way) >= limit:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _next_batch(
        self, key: str, preview: bool, consumer: Consumer, wake: asyncio.Event
    ) -> list[Message] | None:
        """A batch, [] after a wait for one, None where the program cannot run now. Raises BindingError."""
        queues = self._stores.data(key.partition(":")[2], preview=preview).queues
        if (wait := _wait(await queues.backlog(consumer.queue), consumer)) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await wake.wait()
            return []
        if not await self._can_run(key):
            return None
        return await queues.take(consumer.queue, consumer.max_batch_size, LEASE)

    async def _can_run(self, key: str) -> bool:
        try:
            run = await self._programs.acquire(key)
        except Unavailable:
            return False
        if run is None:
            return False
        self._programs.release(run)
        return True

    async def _deliver(self, key: str, preview: bool, consumer: Consumer, messages: list[Message]) -> None:
        outcome = await self._events.queue(key, consumer.queue, messages)
        done, again = settled(messages, outcome, consumer.retry_delay)
        queues = self._stores.data(key.partition(":")[2], preview=preview).queues
        dead = consumer.dead_letter_queue
        try:
            _, died = await queues.settle(done, again, max_retries=consumer.max_retries, dead_letters=dead)
        except BindingError as error:  # they come back when their lease ends
            log.warning("What became of messages of %s could not be kept: %s", key, error)
            return
        if died and dead:
            self.sent(key, dead)
        if again:
            self.sent(key, consumer.queue)


def settled(messages: list[Message], outcome: Outcome, delay: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Which messages are done, and which come again after how many seconds."""
    done: list[int] = []
    again: list[tuple[int, int]] = []
    for one in messages:
        decision = outcome.of(one.uid)
        if decision.retry:
            chosen = delay if decision.delay is None else decision.delay
            again.append((one.id, max(0, min(MAX_DELAY, chosen))))
        else:
            done.append(one.id)
    return done, again


def _wait(backlog: Backlog, consumer: Consumer) -> float:
    """Seconds until there is a batch, 0 where there is one."""
    now = time.time() * 1000
    if backlog.ready >= consumer.max_batch_size:
        return 0.0
    if backlog.oldest is not None:
        return max(0.0, consumer.max_batch_timeout - (now - backlog.oldest) / 1000)
    if backlog.next_due is not None:
        return min(_LOOK_AGAIN, max(0.001, (backlog.next_due - now) / 1000))
    return _LOOK_AGAIN

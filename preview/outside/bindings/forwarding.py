"""Takes the messages of a queue from the deployed worker that sent them to the deployed worker that consumes the queue.

A worker's messages are durable in its own data first; where it does not consume the queue itself and another worker does,
they go there, as at Cloudflare, where a queue belongs to the account. Only between workers that the same people may change:
what a handler gets is as good as a call. Committed there before they are deleted here, so that none is lost; a runner that
dies in between delivers one twice. ``consumers`` says that messages came and that a queue has a consumer now.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from preview.exchange import PeerAway
from preview.outside.bindings.errors import BindingError
from preview.outside.bindings.permissions import Permissions
from preview.outside.bindings.queues import MAX_BATCH
from preview.outside.bindings.stores import Stores

log = logging.getLogger(__name__)

_BACK_OFF = (1.0, 60.0)  # seconds, first and most, while messages cannot be moved

Consuming = Callable[[str], Iterable[str]]
"""A queue's name → the ids of the deployed workers that consume it."""
Arrived = Callable[[str, str], None]
"""Hears (worker's id, queue) where messages were moved to."""


class Forwarding:
    """Use from one event loop."""

    def __init__(self, stores: Stores, permissions: Permissions, consuming: Consuming, arrived: Arrived) -> None:
        self._stores = stores
        self._permissions = permissions
        self._consuming = consuming
        self._arrived = arrived
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._wakes: dict[tuple[str, str], asyncio.Event] = {}
        self._scans: set[asyncio.Task[None]] = set()

    def sent(self, worker: str, queue: str) -> None:
        """A deployed worker has messages in a queue that it does not consume itself."""
        if (worker, queue) in self._under_way:
            self._wakes[worker, queue].set()
            return
        self._wakes[worker, queue] = wake = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._move(worker, queue, wake), name=f"forwarding of {queue}")
        self._under_way[worker, queue] = task
        task.add_done_callback(lambda ended: self._ended(worker, queue, ended))

    def consumed(self, queue: str) -> None:
        """A queue has a consumer that it did not have: whoever kept messages for one gives them now."""
        task = asyncio.get_running_loop().create_task(self._gather(queue), name=f"gathering of {queue}")
        self._scans.add(task)
        task.add_done_callback(self._scans.discard)

    def close(self) -> None:
        for task in [*self._under_way.values(), *self._scans]:
            task.cancel()

    def _ended(self, worker: str, queue: str, task: asyncio.Task[None]) -> None:
        del self._under_way[worker, queue]
        wake = self._wakes.pop((worker, queue))
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("Messages of the queue %s of worker %s are not moved", queue, worker, exc_info=error)
        elif wake.is_set():  # between the task's last look and its end
            self.sent(worker, queue)

    async def _gather(self, queue: str) -> None:
        for worker in await self._stores.with_messages(queue):
            if worker not in self._consuming(queue):
                self.sent(worker, queue)

    async def _move(self, worker: str, queue: str, wake: asyncio.Event) -> None:
        """Until nothing is left, or nobody takes it."""
        pause = _BACK_OFF[0]
        while True:
            wake.clear()
            try:
                target = await self._target(worker, queue)
                wait = None if target is None else await self._move_some(worker, queue, target)
                pause = _BACK_OFF[0]
            except (BindingError, PeerAway) as error:  # the other one's queue is full, say: that may pass
                log.warning("Messages of the queue %s of worker %s wait to be moved: %s", queue, worker, error)
                await asyncio.sleep(pause)
                pause = min(_BACK_OFF[1], pause * 2)
                continue
            if wait is None and not wake.is_set():
                return
            if wait:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await wake.wait()

    async def _target(self, worker: str, queue: str) -> str | None:
        """The worker that gets the messages: of several, the oldest. Raises PeerAway."""
        consuming = list(self._consuming(queue))
        if worker in consuming:
            return None
        for other in sorted(consuming, key=lambda each: (len(each), each)):
            if await self._permissions.same_people(worker, other):
                return other
        return None

    async def _move_some(self, worker: str, queue: str, target: str) -> float | None:
        """Moves a batch; the seconds after which there is more, None where there is not. Raises BindingError."""
        source = self._stores.data(worker, preview=False).queues
        messages = await source.movable(queue, MAX_BATCH)
        if messages:
            await self._stores.data(target, preview=False).queues.accept(queue, messages)
            await source.remove([one.id for one in messages])
            self._arrived(target, queue)
            return 0.0
        # What a handler of this worker had when the worker ceased to consume: it comes back if that says nothing of it.
        following = (await source.backlog(queue)).next_due
        return None if following is None else min(_BACK_OFF[1], max(0.1, following / 1000 - time.time()))

"""Hints between web processes, through the channel layer: «worker 7 has moved», never what is in it.

Nothing depends on a hint. One that is lost, doubled or late is made up for by the registry's pulse, so this keeps only the
newest of each kind, drops what it cannot send, and goes on when Redis comes back. Without Redis there is nobody to tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings

PREFIX = "quickedit"
"""Of our own in every name and message type: the layer may be shared, and its messages name methods."""
MAX_WAITING = 10_000
"""Hints that may wait while Redis is away."""
SEND_SECONDS = 5.0
RETRY = 1.0
"""Seconds until a layer that failed is tried again."""
_TYPE = f"{PREFIX}.hint"
_ME = secrets.token_hex(8)
"""This process: what it said itself it does not heed."""

Heed = Callable[[str, dict[str, Any]], None]
_log = logging.getLogger(__name__)


class Hints:
    """Those of one event loop. ``worker_id`` 0 stands for all workers."""

    def __init__(self, layer: Any | None) -> None:
        self._layer = layer
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[int, list[Heed]] = {}
        self._joined: set[int] = set()
        self._waiting: dict[tuple[int, str, str], dict[str, Any]] = {}
        self._channel = ""
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._failed = False

    def listen(self, worker_id: int, heed: Heed) -> Callable[[], None]:
        """Calls back with what other processes say of a worker (kind, data). Returns what ends it. Must not raise."""
        self._listeners.setdefault(worker_id, []).append(heed)
        self._work()

        def stop() -> None:
            found = self._listeners.get(worker_id, [])
            if heed in found:
                found.remove(heed)
            if not found:
                self._listeners.pop(worker_id, None)
                self._work()

        return stop

    def tell(self, worker_id: int, kind: str, about: str = "", **data: Any) -> None:
        """Tells the other processes, soon. A newer one of the same kind about the same takes the place of one that waits."""
        if self._layer is not None and len(self._waiting) < MAX_WAITING:
            self._waiting[worker_id, kind, about] = data
            self._work()

    def tell_from_thread(self, worker_id: int, kind: str, **data: Any) -> None:
        """``tell``, from any thread."""
        self._loop.call_soon_threadsafe(lambda: self.tell(worker_id, kind, **data))

    def _work(self) -> None:
        if self._layer is None:
            return
        self._wake.set()
        if not self._tasks:
            self._tasks = [self._loop.create_task(self._send_and_join()), self._loop.create_task(self._receive())]

    async def _send_and_join(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._settle()
                self._failed = False
            except Exception as error:
                if not self._failed:
                    _log.warning("hints between processes wait for Redis: %s", error)
                self._failed = True
                self._wake.set()
                await asyncio.sleep(RETRY)

    async def _settle(self) -> None:
        """Joins and leaves groups, and sends what waits."""
        assert self._layer is not None
        if not self._channel:
            self._channel = await self._layer.new_channel(f"{PREFIX}.")
        for worker_id in self._listeners.keys() - self._joined:
            await self._layer.group_add(_group(worker_id), self._channel)
            self._joined.add(worker_id)
        for worker_id in self._joined - self._listeners.keys():
            await self._layer.group_discard(_group(worker_id), self._channel)
            self._joined.discard(worker_id)
        while self._waiting:
            (worker_id, kind, about), data = next(iter(self._waiting.items()))
            del self._waiting[worker_id, kind, about]
            message = {"type": _TYPE, "from": _ME, "worker": worker_id, "kind": kind, "data": data}
            await self._layer.group_send(_group(worker_id), message)

    async def _receive(self) -> None:
        assert self._layer is not None
        while True:
            if not self._channel:
                await asyncio.sleep(0.05)
                continue
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:
                _log.warning("no hints from other processes: %s", error)
                await asyncio.sleep(RETRY)
                continue
            self._heed(message)

    def _heed(self, message: Any) -> None:
        """Takes a message for what it may be: anybody who reaches Redis may have written it."""
        if not isinstance(message, dict) or message.get("type") != _TYPE or message.get("from") == _ME:
            return
        worker_id, kind, data = message.get("worker"), message.get("kind"), message.get("data")
        if not isinstance(worker_id, int) or not isinstance(kind, str) or not isinstance(data, dict):
            return
        for heed in tuple(self._listeners.get(worker_id, ())):
            try:
                heed(kind, data)
            except Exception:
                _log.exception("a hint %r failed", kind)


def _group(worker_id: int) -> str:
    return f"{PREFIX}.worker.{worker_id}" if worker_id else f"{PREFIX}.all"


_hints: WeakKeyDictionary[asyncio.AbstractEventLoop, Hints] = WeakKeyDictionary()


def hints() -> Hints:
    """Those of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hints:
        _hints[loop] = Hints(get_channel_layer() if settings.REDIS_URL else None)
    return _hints[loop]


def tell_everybody(worker_id: int, kind: str, **data: Any) -> None:
    """From a thread of a web process (a signal of a saved row): tells the other processes."""
    for found in tuple(_hints.values()):
        with contextlib.suppress(RuntimeError):  # its loop is closed
            found.tell_from_thread(worker_id, kind, **data)

"""What waits to be sent to one client: bounded, in order, sent as fast as the client reads and not faster.

The bridge's sessions put frames in; one task takes them out. Logs are a courtesy and are dropped first, everything else
ends the connection when it does not fit: the client comes back and catches up from its revision.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

NOW = "quickedit.now"
"""The extension of the ASGI scope by which our server writes a frame without waiting; it says whether it did."""
MAX_WAITING = 4 * 1024 * 1024
"""Bytes that may wait for a slow client before it is closed."""
MAX_COURTESY = 512 * 1024
"""Bytes waiting beyond which courtesy frames (logs) are dropped."""


class Outbox:
    """``send`` returns when the transport took the frame; ``overflow`` is called once, when a frame did not fit. ``now`` sends
    one without waiting, or says that it cannot: a frame for many then costs no task a turn for each."""

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        overflow: Callable[[], None],
        now: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._send = send
        self._now = now
        self._overflow = overflow
        self._frames: deque[str] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._pump())

    def put(self, frame: str, *, courtesy: bool = False) -> bool:
        """Queues a frame. False where it was dropped: a courtesy that came too thick, or the outbox is closed."""
        if self._closed:
            return False
        if self._idle.is_set() and self._now(frame):
            return True
        size = len(frame)
        if courtesy and self._waiting + size > MAX_COURTESY:
            return False
        if self._waiting + size > MAX_WAITING:
            self._overflow()
            self._closed = True
            return False
        self._frames.append(frame)
        self._waiting += size
        self._idle.clear()
        self._wake.set()
        return True

    def clear(self) -> None:
        """Drops what waits, but for the frame that the transport has already."""
        self._waiting -= sum(map(len, self._frames))
        self._frames.clear()

    async def flush(self, timeout: float) -> None:
        """Waits until everything queued was taken by the transport, at most so many seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        """Sends nothing more."""
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._frames:
                frame = self._frames.popleft()
                try:
                    await self._send(frame)
                finally:
                    self._waiting -= len(frame)
            self._idle.set()

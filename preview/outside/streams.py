"""One request's frames beyond its first, as the supervisor holds them: bounded both ways by credit.

`requests` makes a Stream for each request that needs one; `front` reads the answer's pieces from it and puts a WebSocket's
messages into it. What the child sends beyond its window is a violation; what it does not read waits at the visitor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from preview import protocol
from preview.protocol import GRANT, MAX_CHUNK, WINDOW, Kind, ProtocolError, WsOp


class BrokenOff(Exception):
    """The answer ended before it was whole. ``report`` is the error report that says why."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__(str(report.get("message", "")))
        self.report = report


class Stream:
    """``send`` writes a frame of this request to the child; ``room`` waits until the child's channel takes more."""

    def __init__(
        self, send: Callable[[Kind, bytes], None], room: Callable[[], Awaitable[None]], close: Callable[[], None]
    ) -> None:
        self._send = send
        self._room = room
        self._close = close
        self._window = WINDOW
        self._granted: asyncio.Future[None] | None = None
        self._arrived: deque[bytes] = deque()
        self._held = 0  # cost of what arrived and was not granted again
        self._owed = 0  # the part of it that was handed out
        self._waiter: asyncio.Future[None] | None = None
        self._over = False
        self._failure: dict[str, Any] | None = None

    # To the child

    async def put(self, kind: Kind, payload: bytes) -> None:
        """Sends a TO_BODY or TO_WS frame once the child has room for it. Nothing happens once the request is over."""
        while self._window <= 0 and not self._over:
            self._granted = asyncio.get_running_loop().create_future()
            await self._granted
        await self._room()
        if not self._over:
            self._window -= protocol.cost(len(payload))
            self._send(kind, payload)

    def end(self, kind: Kind, payload: bytes = b"") -> None:
        """Sends a TO_BODY_END, or the CLOSE of a TO_WS: these need no room."""
        if not self._over:
            self._send(kind, payload)

    # What `front` reads

    async def pieces(self) -> bytes | None:
        """What has arrived of a body, at least a byte; None at its end. Raises BrokenOff."""
        if not await self._wait():
            return None
        data = self._arrived[0] if len(self._arrived) == 1 else b"".join(self._arrived)
        count = len(self._arrived)
        self._arrived.clear()
        self._owed += len(data) + count * protocol.cost(0)
        return data

    async def message(self) -> tuple[WsOp, bytes] | None:
        """A WebSocket's next message; CLOSE is the last. None where it ended without one. Raises BrokenOff."""
        if not await self._wait():
            return None
        payload = self._arrived.popleft()
        self._owed += protocol.cost(len(payload))
        return WsOp(payload[0]), payload[1:]

    def close(self) -> None:
        """The visitor is gone, or wants no more: cancels the request in the child, unless it is over."""
        if not self._over:
            self._close()

    def close_with(self, code: int, reason: str) -> None:
        """Closes a WebSocket towards both sides: its client reads the code, and so does the worker, which answers it."""
        if not self._over:
            payload = protocol.pack_close(code, reason)
            self._send(Kind.TO_WS, payload)
            self._arrived.append(payload)
            _wake(self._waiter)

    async def over(self, seconds: float) -> None:
        """Returns once the child has ended the request, or after that time."""
        end = asyncio.get_running_loop().time() + seconds
        while not self._over and (left := end - asyncio.get_running_loop().time()) > 0:
            self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._waiter}, timeout=left)

    async def _wait(self) -> bool:
        if self._owed >= GRANT and not self._over:  # what was handed out before has been taken
            self._held -= self._owed
            self._send(Kind.TO_CREDIT, protocol.pack_credit(self._owed))
            self._owed = 0
        while not self._arrived:
            if self._failure is not None:
                raise BrokenOff(self._failure)
            if self._over:
                return False
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return True

    # What `requests` hears from the child

    def body(self, payload: bytes) -> None:
        if not 0 < len(payload) <= MAX_CHUNK:
            raise ProtocolError(f"a piece of a body of {len(payload)} bytes")
        self._arrive(payload)

    def said(self, payload: bytes) -> bool:
        """A message of a WebSocket; whether it was its last, the close."""
        op, data = protocol.unpack_message(payload)
        if op == WsOp.CLOSE and not protocol.may_close_with(protocol.unpack_close(data)[0]):
            raise ProtocolError("a WebSocket closed with a code that no program may send")
        self._arrive(payload)
        return op == WsOp.CLOSE

    def _arrive(self, payload: bytes) -> None:
        if self._held >= WINDOW:
            raise ProtocolError("more of a stream than it was asked for")
        self._held += protocol.cost(len(payload))
        self._arrived.append(payload)
        _wake(self._waiter)

    def grant(self, payload: bytes) -> None:
        # A child that grants more than it was sent gains nothing.
        self._window = min(WINDOW, self._window + protocol.unpack_credit(payload))
        _wake(self._granted)

    def finish(self, failure: dict[str, Any] | None = None) -> None:
        """The request is over: what has arrived can still be read, and nothing goes to the child any more."""
        self._over, self._failure = True, failure
        _wake(self._waiter)
        _wake(self._granted)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)

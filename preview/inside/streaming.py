"""Requests that take more than one frame each way: streamed bodies and WebSockets, and the credit that bounds them.

Runs beside untrusted code; the child makes one Exchange for each request that needs one. What a frame of each kind holds,
and what credit is, stands in preview.protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from preview import protocol
from preview.inside import entry
from preview.inside.outbox import Outbox
from preview.protocol import GRANT, MAX_CHUNK, WINDOW, Kind, WsOp

if TYPE_CHECKING:
    from preview.inside import workers

_START_AFTER = 0.05
"""Seconds that the head of a streamed answer waits for its first chunk: what fails before that gets an error page."""
_LOST = 1006
"""The code that says that there was no close (RFC 6455 §7.4.1)."""


class Exchange:
    """The frames of one request beyond its first. ``body`` is what came with the first, where ``more`` is to follow."""

    def __init__(self, outbox: Outbox, request: int, body: bytes, *, more: bool) -> None:
        self._outbox = outbox
        self._request = request
        self._window = WINDOW
        self._granted: asyncio.Future[None] | None = None
        self._owed = -protocol.cost(len(body)) if body else 0
        self.incoming: workers.ByteStream | None = None
        if more:
            self.incoming = entry.workers.ByteStream(body, self._taken)
        self._socket: workers.WebSocket | None = None
        self._context: contextvars.Context | None = None
        self._said: deque[bytes] = deque()
        self._something: asyncio.Future[None] | None = None
        self._client_closed: asyncio.Future[None]
        self._over = False

    def finish(self) -> None:
        """The last frame is about to go out: nothing may follow it, whatever still runs."""
        self._over = True
        if self.incoming is not None and not self.incoming._ended:
            self.incoming._end("the request was answered before its body was read")

    # What the supervisor sends

    def heard(self, kind: int, payload: bytes) -> None:
        if kind == Kind.TO_CREDIT:
            self._window += protocol.unpack_credit(payload)
            _wake(self._granted)
        elif kind == Kind.TO_WS:
            self._from_client(*protocol.unpack_message(payload))
        elif self.incoming is not None:
            if kind == Kind.TO_BODY:
                self.incoming._feed(payload)
            else:
                self.incoming._end(payload.decode("utf-8", "replace"))

    def _taken(self, size: int) -> None:
        self._owed += protocol.cost(size)
        if self._owed >= GRANT and not self._over:
            self._send(Kind.CREDIT, protocol.pack_credit(self._owed))
            self._owed = 0

    # A streamed answer

    async def send_body(
        self, status: int, headers: list[tuple[str, str]], chunks: AsyncIterator[bytes], *, empty: bool
    ) -> None:
        """Sends all of an answer but its BODY_END, as fast as the client takes it. Raises what the chunks raise.

        ``empty`` is for an answer to HEAD: its body is not made.
        """
        start = protocol.json_payload({"status": status, "headers": headers})
        started = False

        def begin() -> None:
            nonlocal started
            if not started:
                started = True
                self._send(Kind.RESPONSE_START, start)

        timer = asyncio.get_running_loop().call_later(_START_AFTER, begin)
        try:
            async with contextlib.aclosing(chunks):  # type: ignore[type-var]
                if empty:
                    begin()
                    return
                async for chunk in chunks:
                    begin()
                    for offset in range(0, len(chunk), MAX_CHUNK):
                        piece = chunk[offset : offset + MAX_CHUNK]
                        await self._spend(len(piece))
                        self._send(Kind.BODY, piece)
            begin()
        finally:
            timer.cancel()

    async def _spend(self, size: int) -> None:
        while self._window <= 0:
            self._granted = asyncio.get_running_loop().create_future()
            await self._granted
        self._window -= protocol.cost(size)

    # A WebSocket

    async def carry(self, headers: list[tuple[str, str]], socket: workers.WebSocket) -> bytes:
        """Accepts the WebSocket and carries its messages both ways until both sides have closed it. Returns the last frame
        to send, where it was the client that closed first. Where it is cancelled, the worker hears that its client is gone."""
        self._context = contextvars.copy_context()
        self._client_closed = asyncio.get_running_loop().create_future()
        socket._carry(self._to_client, lambda size: self._taken(size + 1))
        self._send(Kind.RESPONSE_START, protocol.json_payload({"status": 101, "headers": headers}))
        self._socket = socket
        try:
            payload = await self._carry_to_client()
        except asyncio.CancelledError:
            self._over = True
            self._hear(entry.workers.CloseEvent(_LOST, ""))
            raise
        self._over = True
        if self._client_closed.done():
            return protocol.encode(Kind.WS, self._request, payload)
        self._send(Kind.WS, payload)
        await self._client_closed
        return b""

    async def _carry_to_client(self) -> bytes:
        """Until the worker's close, which is returned and not sent."""
        while True:
            while not self._said:
                self._something = asyncio.get_running_loop().create_future()
                await self._something
            payload = self._said.popleft()
            if payload[0] == WsOp.CLOSE:
                return payload
            await self._spend(len(payload))
            self._send(Kind.WS, payload)

    def _to_client(self, said: Any) -> None:
        if isinstance(said, str):
            self._said.append(bytes([WsOp.TEXT]) + said.encode("utf-8", "replace"))
        elif isinstance(said, bytes):
            self._said.append(bytes([WsOp.BINARY]) + said)
        else:
            self._said.append(protocol.pack_close(said.code, said.reason))
        _wake(self._something)

    def _from_client(self, op: WsOp, data: bytes) -> None:
        message: Any = data
        if op == WsOp.TEXT:
            message = data.decode()
        elif op == WsOp.CLOSE:
            message = entry.workers.CloseEvent(*protocol.unpack_close(data))
        self._hear(message)

    def _hear(self, message: Any) -> None:
        if self._socket is None or self._context is None or self._client_closed.done():
            return
        if isinstance(message, entry.workers.CloseEvent):
            self._client_closed.set_result(None)
        # As the handler's own: what a listener prints belongs to its request.
        self._context.run(self._socket._from_client, message)
        _wake(self._something)

    def _send(self, kind: Kind, payload: bytes) -> None:
        self._outbox.send(protocol.encode(kind, self._request, payload))


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)

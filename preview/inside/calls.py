"""What a worker may do outside itself, as the child sees it: CALL frames out, TO_RESULT frames in, matched by number.

Runs beside untrusted code; the supervisor's end is `preview.outside.calls`, which decides. The child makes one Calls
and gives its two methods to `workers._outside`, through which `fetch` and every binding go.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from preview import protocol
from preview.inside import logs
from preview.inside.outbox import Outbox
from preview.protocol import Kind

Failed = Callable[[str, str], Exception]
"""Makes the exception of a refused call: (code, message)."""


class Channel(Protocol):
    """How a blocking call gets at frames while it keeps the event loop from running."""

    def read_blocking(self) -> None:
        """Reads once and handles what came: results at once, everything else later in the loop."""


class Calls:
    """The calls of one child. ``refused`` makes the exception that a worker sees."""

    def __init__(self, outbox: Outbox, loop: asyncio.AbstractEventLoop, channel: Channel, refused: Failed) -> None:
        self._outbox = outbox
        self._loop = loop
        self._channel = channel
        self._refused = refused
        self._thread = threading.get_ident()
        self._next = 1
        self._bytes = 0
        self._waiting: dict[int, asyncio.Future[tuple[Any, bytes]]] = {}
        self._room: deque[asyncio.Future[None]] = deque()

    async def call(self, capability: str, method: str, args: Any = None, body: bytes = b"") -> tuple[Any, bytes]:
        """The supervisor's answer: a JSON value and bytes. Waits its turn where many calls are under way.

        Raises what ``refused`` makes where the supervisor refuses, and TypeError or ValueError where ``args`` is not
        JSON or the call is too large. Works from any thread's event loop; being cancelled cancels the call.
        """
        payload = _payload(capability, method, args, body)
        if threading.get_ident() != self._thread:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._call(payload), self._loop))
        return await self._call(payload)

    def call_blocking(self, capability: str, method: str, args: Any = None, body: bytes = b"") -> tuple[Any, bytes]:
        """As ``call``, for code that cannot await. On the loop's own thread nothing else of the worker runs meanwhile."""
        payload = _payload(capability, method, args, body)
        if threading.get_ident() != self._thread:
            return asyncio.run_coroutine_threadsafe(self._call(payload), self._loop).result()
        while not self._has_room(len(payload)):
            self._channel.read_blocking()
        number, answer = self._send(payload)
        try:
            while not answer.done():
                self._channel.read_blocking()
        finally:
            self._end(number, len(payload))
        return answer.result()

    def run_sync(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine, for code that cannot await.

        In a thread of the worker's, of any; on the loop's own thread only of one that waits for calls and nothing else,
        as the loop stands still meanwhile. Raises RuntimeError for another one there.
        """
        if threading.get_ident() != self._thread:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        try:
            while True:
                awaited = coroutine.send(None)
                if not any(awaited is answer for answer in self._waiting.values()):
                    coroutine.close()
                    raise RuntimeError(
                        "run_sync() in an async handler can wait only for fetch() and bindings, one at a time; "
                        "await it instead, or run this code in asyncio.to_thread()"
                    )
                awaited._asyncio_future_blocking = False  # as a task does when it takes over the waiting
                while not awaited.done():
                    self._channel.read_blocking()
        except StopIteration as end:
            return end.value

    def answered(self, number: int, payload: bytes) -> None:
        """A TO_RESULT frame has come."""
        answer = self._waiting.get(number)
        if answer is None or answer.done():  # cancelled while the result was under way
            return
        head, body = protocol.split_payload(payload, max_head=protocol.MAX_FRAME)
        if error := head.get("error"):
            answer.set_exception(self._refused(error["code"], error["message"]))
        else:
            answer.set_result((head.get("value"), body))

    async def _call(self, payload: bytes) -> tuple[Any, bytes]:
        while not self._has_room(len(payload)):
            turn: asyncio.Future[None] = self._loop.create_future()
            self._room.append(turn)
            await turn
        number, answer = self._send(payload)
        try:
            return await answer
        finally:
            self._end(number, len(payload))

    def _has_room(self, size: int) -> bool:
        return len(self._waiting) < protocol.MAX_CALLS and self._bytes + size <= protocol.MAX_CALLS_BYTES

    def _send(self, payload: bytes) -> tuple[int, asyncio.Future[tuple[Any, bytes]]]:
        number, self._next = self._next, self._next % 0xFFFFFFFF + 1
        answer = self._waiting[number] = self._loop.create_future()
        self._bytes += len(payload)
        self._outbox.send(protocol.encode(Kind.CALL, number, payload))
        return number, answer

    def _end(self, number: int, size: int) -> None:
        answer = self._waiting.pop(number)
        self._bytes -= size
        if not answer.done() or answer.cancelled():
            self._outbox.send(protocol.encode(Kind.CALL_CANCEL, number))
        while self._room:
            turn = self._room.popleft()
            if not turn.done():
                turn.set_result(None)
                break


def _payload(capability: str, method: str, args: Any, body: bytes) -> bytes:
    if len(body) > protocol.MAX_CALL_BODY:
        raise ValueError(f"{len(body):,} bytes are too many for one call; {protocol.MAX_CALL_BODY:,} are the limit")
    head = {"request": logs.current.get(), "capability": capability, "method": method, "args": args}
    payload = protocol.join_payload(head, body)
    if len(payload) - len(body) - 4 > protocol.MAX_CALL_HEAD:
        raise ValueError(f"the arguments are over {protocol.MAX_CALL_HEAD:,} bytes, the limit of one call")
    return payload


class BlockingReader:
    """Channel over the child's socket, for `call_blocking`. ``handle`` is the child's; it takes one frame."""

    channel: socket.socket
    """Set once it is there, before any call."""

    def __init__(
        self,
        decoder: protocol.Decoder,
        loop: asyncio.AbstractEventLoop,
        handle: Callable[[int, int, bytes], None],
    ) -> None:
        self._decoder = decoder
        self._loop = loop
        self._handle = handle

    def read_blocking(self) -> None:
        data = self.channel.recv(65536)
        if not data:
            raise ConnectionError("the supervisor is gone")
        for kind, number, payload in list(self._decoder.feed(data)):
            if kind == Kind.TO_RESULT:
                self._handle(kind, number, payload)
            else:
                self._loop.call_soon(self._handle, kind, number, payload)

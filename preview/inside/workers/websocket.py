"""WebSockets in the form that Cloudflare documents: a pair of ends, one for the client, one for the worker.

    client, server = WebSocketPair.new().object_values()
    server.accept()
    server.addEventListener("message", lambda event: server.send(event.data))
    return Response(None, status=101, web_socket=client)

`async for message in server` is an addition of Quick Edit. The runtime carries what the client's end says and hears.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

Data: TypeAlias = "str | bytes"
Listener: TypeAlias = "Callable[[Any], Any]"

MAX_MESSAGE = 1024 * 1024
"""Bytes of one message, as on Cloudflare."""

_log = logging.getLogger("workers")


class MessageEvent:
    """What a `message` listener gets: `event.data` is str or bytes."""

    type = "message"

    def __init__(self, data: Data) -> None:
        self.data = data


class CloseEvent:
    """What a `close` listener gets. `wasClean` is False where the connection was lost."""

    type = "close"

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        self.wasClean = code != 1006


class WebSocketError(ConnectionError):
    """The WebSocket is not open (any more)."""


class WebSocket:
    """One end of a WebSocket. `accept()` it, listen to it, `send()` to it, `close()` it."""

    CONNECTING, OPEN, CLOSING, CLOSED = 0, 1, 2, 3

    def __init__(self) -> None:
        self._other: WebSocket | None = None
        self._state = self.CONNECTING
        self._listeners: dict[str, list[Listener]] = {}
        self._inbox: deque[MessageEvent | CloseEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._reading = False
        self._closed: tuple[int, str] | None = None
        self._sent_close = False
        self._tasks: set[asyncio.Future[Any]] = set()
        self._heard: Callable[[Data | CloseEvent], None] | None = None
        self._taken: Callable[[int], None] | None = None

    @property
    def readyState(self) -> int:
        """CONNECTING before `accept()`, then OPEN, CLOSING after `close()`, and CLOSED once both sides have closed."""
        return self._state

    ready_state = readyState

    def accept(self) -> None:
        """Begins to listen. Call it on the end that the worker keeps."""
        if self._state != self.CONNECTING:
            raise WebSocketError("this WebSocket was accepted already")
        if self._heard is not None:
            raise WebSocketError("this end was given to the client: accept() the other end of the pair")
        self._state = self.OPEN
        # Listeners may be added right after accept(): what waits is delivered once this turn of the loop is over.
        asyncio.get_running_loop().call_soon(self._deliver)

    def send(self, message: Data | bytearray | memoryview) -> None:
        """Sends a text (str) or binary (bytes) message.

        Raises WebSocketError before `accept()` and after `close()`, ValueError for more than a MiB.
        """
        if self._state == self.CONNECTING:
            raise WebSocketError("accept() the WebSocket before the first send()")
        if isinstance(message, bytearray | memoryview):
            message = bytes(message)
        if not isinstance(message, str | bytes):
            raise TypeError(f"a message is str or bytes, not {type(message).__name__}; for JSON write json.dumps(…)")
        size = len(message) if isinstance(message, bytes) else len(message.encode("utf-8", "replace"))
        if size > MAX_MESSAGE:
            raise ValueError(f"the message is {size:,} bytes; a WebSocket message can be at most {MAX_MESSAGE:,}")
        if self._state != self.OPEN:
            raise WebSocketError("the WebSocket is closed")
        assert self._other is not None
        self._other._arrive(MessageEvent(message))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes it; a second time does nothing. Raises ValueError for a code that no program may send."""
        if not (code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code <= 4999):
            raise ValueError(f"{code} is not a code to close with: use 1000, or 3000–4999")
        if len(reason.encode("utf-8", "replace")) > 123:
            raise ValueError("the reason of a close can be at most 123 bytes")
        if self._sent_close:
            return
        self._sent_close = True
        self._state = self.CLOSED if self._closed else self.CLOSING
        assert self._other is not None
        self._other._arrive(CloseEvent(code, reason))

    def addEventListener(self, type: str, listener: Listener) -> None:
        """Calls `listener(event)` for each "message", "close" or "error"; it may be async."""
        self._listeners.setdefault(type, []).append(listener)
        if self._state == self.OPEN and self._inbox:
            asyncio.get_running_loop().call_soon(self._deliver)

    add_event_listener = addEventListener

    def removeEventListener(self, type: str, listener: Listener) -> None:
        """The inverse of addEventListener."""
        if listener in (listeners := self._listeners.get(type, [])):
            listeners.remove(listener)

    remove_event_listener = removeEventListener

    def __aiter__(self) -> AsyncIterator[Data]:
        """Each message, until the other side closes. Quick Edit only; on Cloudflare listen to "message"."""
        self._reading = True
        return self

    async def __anext__(self) -> Data:
        event = await self._next()
        if isinstance(event, CloseEvent):
            raise StopAsyncIteration
        return event.data

    async def receive(self) -> MessageEvent | CloseEvent:
        """The next event. After a CloseEvent none follows. Quick Edit only."""
        self._reading = True
        return await self._next()

    async def _next(self) -> MessageEvent | CloseEvent:
        while not self._inbox:
            if self._closed:
                return CloseEvent(*self._closed)
            if self._waiter is not None:
                raise RuntimeError("the WebSocket is being read by two tasks at once")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._take()

    # What arrives from the other end

    def _arrive(self, event: MessageEvent | CloseEvent) -> None:
        if self._heard is not None:  # the client's end: the runtime carries it
            self._heard(event.data if isinstance(event, MessageEvent) else event)
            return
        if self._closed or (self._inbox and isinstance(self._inbox[-1], CloseEvent)):
            return
        self._inbox.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        elif self._state != self.CONNECTING:
            self._deliver()

    def _deliver(self) -> None:
        while self._inbox and not self._reading and (self._listeners or isinstance(self._inbox[0], CloseEvent)):
            event = self._take()
            for listener in list(self._listeners.get(event.type, [])):
                self._call(listener, event)

    def _take(self) -> MessageEvent | CloseEvent:
        event = self._inbox.popleft()
        if isinstance(event, CloseEvent):
            self._closed = event.code, event.reason
            self.close(event.code if event.code not in (1005, 1006, 1015) else 1000)
            self._state = self.CLOSED
        elif self._taken is not None:
            self._taken(len(event.data) if isinstance(event.data, bytes) else len(event.data.encode()))
        return event

    def _call(self, listener: Listener, event: MessageEvent | CloseEvent) -> None:
        try:
            result = listener(event)
        except Exception:
            self._failed("a WebSocket listener failed")
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(result)
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed("a WebSocket listener failed", error)

    def _failed(self, message: str, error: BaseException | None = None) -> None:
        _log.error(message, exc_info=error or True)
        self.close(1011, "the worker failed")

    # The runtime's side, at the client's end

    def _carry(self, heard: Callable[[Data | CloseEvent], None], taken: Callable[[int], None]) -> None:
        """``heard`` gets what goes to the client, from what was already said on; ``taken`` the bytes that were read."""
        if self._heard is not None or self._state != self.CONNECTING:
            raise WebSocketError("the response's web_socket must be the end that the worker did not accept()")
        assert self._other is not None
        self._heard, self._other._taken = heard, taken
        waiting, self._inbox = self._inbox, deque()
        for event in waiting:
            self._arrive(event)

    def _from_client(self, message: Data | CloseEvent) -> None:
        if self._other is not None:
            self._other._arrive(message if isinstance(message, CloseEvent) else MessageEvent(message))


class WebSocketPair:
    """Two connected ends: `client, server = WebSocketPair()`."""

    def __init__(self) -> None:
        client, server = WebSocket(), WebSocket()
        client._other, server._other = server, client
        self._ends = client, server

    @classmethod
    def new(cls) -> WebSocketPair:
        """As `WebSocketPair()`: how Python says JavaScript's `new WebSocketPair()` on Cloudflare."""
        return cls()

    def object_values(self) -> list[WebSocket]:
        """The two ends, the client's first."""
        return list(self._ends)

    def __iter__(self) -> Iterator[WebSocket]:
        return iter(self._ends)

    def __getitem__(self, index: int | str) -> WebSocket:
        return self._ends[int(index)]

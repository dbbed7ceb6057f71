"""The requests that one child holds: what was asked, who waits for it, and what has come of the answer.

`child` owns one table and `link` tells it what the child said, checked as to its shape; whether it fits what was asked is
checked here. A request is *waiting* until the head of its answer is there and *streaming* from then on to its last frame.
One whose visitor went away is *abandoned* until the child has confirmed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from preview.outside.calls import Origin
from preview.outside.streams import Stream
from preview.protocol import MAX_CHUNK, Kind, ProtocolError

OnLog = Callable[[list[dict[str, Any]], int], None]
Send = Callable[[Kind, int, bytes], None]

_MAX_ABANDONED = 1024
"""Requests whose cancellation a child may have left unconfirmed; the oldest are forgotten."""


class Answer(msgspec.Struct, frozen=True):
    """A response, fit to be sent: no line breaks in headers, a sane status, and none of HTTP's own framing headers.

    The body is whole, or in ``stream``. ``length`` is the Content-Length that the worker gave where we cannot count: of a
    stream, and of an empty answer, which to a HEAD request may tell how long that to GET would be.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    stream: Stream | None = None
    length: int | None = None


@dataclass(frozen=True)
class Failure:
    """In place of an answer: an error report, as preview.inside.report describes it."""

    report: dict[str, Any]


class Asker(Protocol):
    """Who waits for an outcome: a future, or what takes it in the same moment and raises nothing."""

    def done(self) -> bool: ...
    def set_result(self, outcome: Answer | Failure, /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...


class Pending(msgspec.Struct, eq=False):
    """A request that the child holds. ``signalled`` is when its wall limit was signalled, 0 before."""

    asker: Asker
    deadline: float
    on_log: OnLog | None
    origin: Origin | None = None
    websocket: bool = False
    signalled: float = 0.0
    stream: Stream | None = None
    upload: asyncio.Task[None] | None = None


class Requests:
    """``on_fewer`` is called whenever one has ended."""

    def __init__(self, send: Send, room: Callable[[], Awaitable[None]], on_fewer: Callable[[], None]) -> None:
        self.waiting: dict[int, Pending] = {}
        self.streaming: dict[int, Pending] = {}
        self._abandoned: dict[int, Pending] = {}
        self._send = send
        self._room = room
        self._on_fewer = on_fewer
        self._next = 1

    def __bool__(self) -> bool:
        return bool(self.waiting or self.streaming)

    def next_number(self) -> int:
        number, self._next = self._next, self._next % 0xFFFFFFFF + 1
        return number

    @property
    def newest(self) -> int:
        """The last number that was given."""
        return self._next - 1

    def begin(self, number: int, asker: Asker, deadline: float, on_log: OnLog | None) -> Pending:
        pending = self.waiting[number] = Pending(asker, deadline, on_log)
        return pending

    def upload(self, number: int, pending: Pending, more: AsyncIterator[bytes], wall_s: float) -> None:
        """Sends the rest of a request's body, as fast as the child reads it. What ``more`` raises, the asker gets."""
        stream = pending.stream = self._stream(number)
        pending.upload = asyncio.get_running_loop().create_task(self._upload(stream, pending, more, wall_s))

    async def _upload(self, stream: Stream, pending: Pending, more: AsyncIterator[bytes], wall_s: float) -> None:
        try:
            async with contextlib.aclosing(more):  # type: ignore[type-var]
                async for chunk in more:
                    for start in range(0, len(chunk), MAX_CHUNK):
                        await stream.put(Kind.TO_BODY, chunk[start : start + MAX_CHUNK])
                    # A slow visitor's time is not the worker's; one that the worker keeps waiting is.
                    pending.deadline = time.monotonic() + wall_s
            stream.end(Kind.TO_BODY_END)
        except Exception as error:
            stream.end(Kind.TO_BODY_END, str(error).encode()[:1024] or b"The body did not arrive.")
            if not pending.asker.done():
                pending.asker.set_exception(error)

    def abandon(self, number: int) -> None:
        """The visitor is gone: the child is told, and what it still says about the request is not held against it."""
        if (pending := self._pop(number)) is None:
            return
        self._abandoned[number] = pending
        while len(self._abandoned) > _MAX_ABANDONED:
            del self._abandoned[next(iter(self._abandoned))]
        if pending.stream is not None:
            pending.stream.finish()
        self._send(Kind.TO_CANCEL, number, b"")
        self._on_fewer()

    def fail_all(self, report: dict[str, Any]) -> None:
        """Ends all of them; for a child that is no more."""
        for number in [*self.waiting, *self.streaming]:
            if (pending := self._pop(number)) is not None:
                _conclude(pending, Failure(report))

    def held(self, number: int) -> Pending | None:
        """A request that the child holds, or has not confirmed the end of."""
        return self.waiting.get(number) or self.streaming.get(number) or self._abandoned.get(number)

    def websockets(self) -> list[Stream]:
        return [one.stream for one in self.streaming.values() if one.websocket and one.stream is not None]

    # What the child says

    def finish(self, number: int, outcome: Answer | Failure) -> None:
        """The answer, whole, or what came in its place. Raises ProtocolError where nobody asked."""
        if isinstance(outcome, Answer) and number in self.streaming:
            raise ProtocolError("a second answer to one request")
        pending = self._pop(number)
        if pending is None:
            self._confirm(number)
            return
        _conclude(pending, outcome)
        self._on_fewer()

    def started(self, number: int, status: int, headers: list[tuple[str, str]], length: int | None) -> None:
        pending = self.waiting.get(number)
        if pending is None:
            self._tolerate(number)
            return
        # It is taken from those that wait only once nothing can be wrong: who waits hears of a violation, too.
        if status == 101 and not pending.websocket:
            raise ProtocolError("a WebSocket that nobody asked for")
        if status in (204, 205, 304):
            raise ProtocolError("a body where none may be")
        del self.waiting[number]
        pending.websocket = status == 101
        stream = pending.stream = pending.stream or self._stream(number)
        self.streaming[number] = pending
        if not pending.asker.done():
            pending.asker.set_result(Answer(status, headers, b"", stream, length))

    def body(self, number: int, payload: bytes) -> None:
        if stream := self._streamed(number, websocket=False):
            stream.body(payload)

    def body_ended(self, number: int) -> None:
        pending = self.streaming.get(number)
        if pending is None:
            self._confirm(number)
        elif pending.websocket:
            raise ProtocolError("the end of a body of a WebSocket")
        else:
            self._pop(number)
            _conclude(pending, None)
            self._on_fewer()

    def said(self, number: int, payload: bytes) -> None:
        stream = self._streamed(number, websocket=True)
        if stream is not None and stream.said(payload):
            # The child waits for our CLOSE, which ends it there: nothing more comes.
            self._send(Kind.TO_WS, number, payload)
            self._pop(number)
            stream.finish()
            self._on_fewer()

    def credited(self, number: int, payload: bytes) -> None:
        pending = self.waiting.get(number) or self.streaming.get(number)
        if pending is None:
            self._tolerate(number)
        elif pending.stream is None:
            raise ProtocolError("credit for what is no stream")
        else:
            pending.stream.grant(payload)

    def _streamed(self, number: int, *, websocket: bool) -> Stream | None:
        pending = self.streaming.get(number)
        if pending is None:
            self._tolerate(number)
            return None
        if pending.websocket != websocket:
            raise ProtocolError("a frame of the wrong kind of stream")
        return pending.stream

    def _tolerate(self, number: int) -> None:
        if number not in self._abandoned:
            raise ProtocolError("an answer to what nobody asked")

    def _confirm(self, number: int) -> None:
        self._tolerate(number)
        del self._abandoned[number]

    def _pop(self, number: int) -> Pending | None:
        pending = self.waiting.pop(number, None) or self.streaming.pop(number, None)
        if pending is not None and pending.upload is not None:
            pending.upload.cancel()
        return pending

    def _stream(self, number: int) -> Stream:
        return Stream(lambda kind, payload: self._send(kind, number, payload), self._room, lambda: self.abandon(number))


def _conclude(pending: Pending, outcome: Answer | Failure | None) -> None:
    if pending.stream is not None:
        pending.stream.finish(outcome.report if isinstance(outcome, Failure) else None)
    if outcome is not None and not pending.asker.done():
        pending.asker.set_result(outcome)

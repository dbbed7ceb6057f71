"""The supervisor's end of one child's channel: frames out, and in only those that a child may send at that moment.

`child` owns it. What arrives is hostile: sizes are bounded before anything is parsed, JSON is decoded into exact
types, and the first frame out of order, of a wrong shape or beyond the log allowance ends the conversation.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Literal, Protocol, cast

import msgspec

from preview import protocol
from preview.outside import reports
from preview.outside.limits import Limits
from preview.outside.requests import Answer, Requests
from preview.protocol import Kind, ProtocolError

MAX_WAITING = 32 << 20
"""Bytes that may wait to be read by a child; above it new requests are refused."""

_HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "content-length",
})  # fmt: skip
_GATHER = 64 * 1024  # bytes that are sent at once
_REFILL = 0.25  # of one request's log allowance, a second
_RESERVE = 4.0  # log allowances that may be saved up


class Loaded(msgspec.Struct):
    ms: float
    entry: Annotated[str, msgspec.Meta(max_length=1024)]
    packages: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=64)] = []


class Unparsed(msgspec.Struct, frozen=True):
    path: Annotated[str, msgspec.Meta(max_length=1024)]
    line: Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]
    column: Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]
    message: Annotated[str, msgspec.Meta(max_length=4096)]
    text: Annotated[str, msgspec.Meta(max_length=4096)]


class _Head(msgspec.Struct):
    status: int
    headers: list[tuple[str, str]]


class _Record(msgspec.Struct):
    level: Literal["debug", "info", "warning", "error"]
    text: str
    at: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
    path: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    line: Annotated[int, msgspec.Meta(ge=0, le=1 << 31)] = 0


class _Log(msgspec.Struct):
    records: Annotated[list[_Record], msgspec.Meta(max_length=1000)]
    dropped: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0


_loaded = msgspec.json.Decoder(Loaded)
_unparsed = msgspec.json.Decoder(Unparsed)
_head = msgspec.json.Decoder(_Head)
_log = msgspec.json.Decoder(_Log)


class Listener(Protocol):
    """What a link tells its child, in the event loop. May raise ProtocolError: then the link ends as at any violation."""

    def spare(self) -> None: ...
    def loaded(self, loaded: Loaded) -> None: ...
    def unparsed(self, unparsed: Unparsed) -> None: ...
    def compiled(self, codes: dict[str, bytes]) -> None: ...
    def failed(self, request: int, report: dict[str, Any]) -> None: ...
    def logged(self, request: int, records: list[dict[str, Any]], dropped: int) -> None: ...
    def called(self, number: int, payload: bytes) -> None: ...
    def call_cancelled(self, number: int) -> None: ...
    def ended(self, violation: str) -> None: ...


class Link(asyncio.Protocol):
    """``ended`` comes exactly once, with "" for a plain end of file. ``requests`` hears what belongs to a request."""

    requests: Requests

    def __init__(self, listener: Listener, limits: Limits) -> None:
        self._listener = listener
        self._limits = limits
        longest = max(limits.body_bytes + protocol.MAX_HEAD, protocol.MAX_CALL_BODY + protocol.MAX_CALL_HEAD)
        self._decoder = protocol.Decoder(max_frame=max(longest, protocol.MAX_REPORT) + 4)
        self._transport: asyncio.Transport | None = None
        self._expected: frozenset[int] = frozenset({Kind.SPARE})
        self._ended = False
        self._full: asyncio.Future[None] | None = None
        self._outgoing: list[bytes] = []
        self._outgoing_size = 0
        self._most_logs = _RESERVE * limits.log_allowance
        self._allowance = 0.0
        self._counted = time.monotonic()
        self.allow_logs()

    def send(self, kind: Kind, request: int, payload: bytes, *, at_once: bool = False) -> None:
        """Frames that are sent in one turn of the loop go out in one system call, which wakes the child once; but what is sent
        ``at_once``, as for a child that has nothing else to do."""
        if self._transport is None or self._ended:
            return
        frame = protocol.encode(kind, request, payload)
        if not self._outgoing and not at_once:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(frame)
        self._outgoing_size += len(frame)
        if at_once or self._outgoing_size > _GATHER:
            self._flush()

    def _flush(self) -> None:
        frames, self._outgoing, self._outgoing_size = self._outgoing, [], 0
        if frames and self._transport is not None and not self._ended:
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    async def room(self) -> None:
        """Returns once the child takes what it was sent; a child that does not read holds up who sends to it."""
        while self._full is not None and not self._ended:
            await asyncio.shield(self._full)

    def waiting(self) -> int:
        """Bytes sent that the child has not taken yet."""
        return self._outgoing_size + self._transport.get_write_buffer_size() if self._transport is not None else 0

    def expect(self, *kinds: Kind) -> None:
        """From now on the child may send these and no others."""
        self._expected = frozenset(kinds)

    def allow_logs(self) -> None:
        """One more request was begun: its log allowance is granted."""
        if self._allowance < self._most_logs:
            self._allowance = min(self._most_logs, self._allowance + self._limits.log_allowance)

    def close(self) -> None:
        self._end("")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                if self._ended:
                    return
                self._handle(*frame)
        except (ProtocolError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            self._end(str(error) or type(error).__name__)

    def pause_writing(self) -> None:
        if self._full is None:
            self._full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._full is not None:
            self._full.set_result(None)
            self._full = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("")

    # Frames

    def _handle(self, kind: int, request: int, payload: bytes) -> None:
        if kind not in self._expected:
            raise ProtocolError(f"a frame of kind {kind} out of order")
        listener = self._listener
        if kind == Kind.RESPONSE:
            self.requests.finish(request, self._answer(payload))
        elif Kind.RESPONSE_START <= kind <= Kind.WS:
            self._handle_stream(kind, request, payload)
        elif kind == Kind.LOG:
            self._spend(len(payload))
            log = _log.decode(_bounded(payload, protocol.MAX_LOG_FRAME))
            listener.logged(request, msgspec.to_builtins(log.records), log.dropped)
        elif kind == Kind.CALL:
            listener.called(request, payload)
        elif kind == Kind.CALL_CANCEL:
            listener.call_cancelled(request)
        elif kind == Kind.FAILED:
            listener.failed(request, reports.checked(payload))
        elif kind == Kind.LOADED:
            listener.loaded(_loaded.decode(_bounded(payload, protocol.MAX_HEAD)))
        elif kind == Kind.CODE:
            listener.compiled(protocol.unpack_modules(_bounded(payload, protocol.MAX_CODES)))
        elif kind == Kind.UNPARSED:
            listener.unparsed(_unparsed.decode(_bounded(payload, protocol.MAX_HEAD)))
        else:
            listener.spare()

    def _handle_stream(self, kind: int, request: int, payload: bytes) -> None:
        if kind == Kind.BODY:
            self.requests.body(request, payload)
        elif kind == Kind.WS:
            self.requests.said(request, payload)
        elif kind == Kind.CREDIT:
            self.requests.credited(request, payload)
        elif kind == Kind.BODY_END:
            self.requests.body_ended(request)
        else:
            head = _head.decode(_bounded(payload, protocol.MAX_HEAD))
            protocol.check_response(200 if head.status == 101 else head.status, head.headers)
            headers = [(name, value) for name, value in head.headers if name.lower() not in _HOP_BY_HOP]
            self.requests.started(request, head.status, headers, _length(head.headers))

    def _answer(self, payload: bytes) -> Answer:
        size = int.from_bytes(payload[:4], "little")
        if len(payload) < 4 or size > protocol.MAX_HEAD or 4 + size > len(payload):
            raise ProtocolError("a response whose head does not fit")
        head, body = _head.decode(payload[4 : 4 + size]), payload[4 + size :]
        if len(body) > self._limits.body_bytes:
            raise ProtocolError(f"a response of {len(body)} bytes")
        protocol.check_response(head.status, head.headers)
        headers = [(name, value) for name, value in head.headers if name.lower() not in _HOP_BY_HOP]
        if head.status in (204, 205, 304):
            body = b""
        return Answer(head.status, headers, body, length=None if body else _length(head.headers))

    def _spend(self, size: int) -> None:
        now = time.monotonic()
        refilled = (now - self._counted) * _REFILL * self._limits.log_allowance
        self._allowance = min(self._most_logs, self._allowance + refilled)
        self._counted = now
        self._allowance -= size + 64
        if self._allowance < 0:
            raise ProtocolError("more logs than a worker may send")

    def _end(self, violation: str) -> None:
        if self._ended:
            return
        self._ended = True
        self.resume_writing()
        if self._transport is not None:
            self._transport.abort()
        self._listener.ended(violation)


def _length(headers: list[tuple[str, str]]) -> int | None:
    """The Content-Length that a worker set itself, where it set one that can be."""
    found = {value for name, value in headers if name.lower() == "content-length"}
    value = found.pop() if len(found) == 1 else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


def _bounded(payload: bytes, most: int) -> bytes:
    if len(payload) > most:
        raise ProtocolError(f"a frame of {len(payload)} bytes where {most} are the most")
    return payload

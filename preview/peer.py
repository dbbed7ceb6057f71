"""One end of a control connection between web and the runner: it asks, answers and tells the messages of ``exchange``.

``preview.client`` and ``preview.outside.control`` are the two users; nothing here knows what the messages mean.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import cast

import msgspec

from preview import protocol
from preview.exchange import AnyMessage, PeerAway, Refusal, Refused

log = logging.getLogger(__name__)


class _Kind(IntEnum):
    ASK = 1
    ANSWER = 2
    TELL = 3


MAX_TOLD = 8 * 1024 * 1024
"""Bytes waiting to be written, above which what is only told (logs) is dropped: the other side does not read."""
MAX_SERVING = 1024
"""Questions served at once for one connection; above it, reading pauses until half of them are answered."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AnyMessage).decode


class Peer(asyncio.Protocol):
    """One end of a control connection.

    ``serve`` answers the other side's questions (it may raise Refused), ``told`` hears what needs no answer, ``lost``
    is called once when the connection ends. A frame that breaks the rules ends the connection; a well-framed message
    that does not decode is refused and the connection lives.
    """

    def __init__(
        self,
        serve: Callable[[AnyMessage], Awaitable[AnyMessage]],
        told: Callable[[AnyMessage], None],
        lost: Callable[[Peer], None],
    ) -> None:
        self._serve = serve
        self._told = told
        self._lost = lost
        self._asked: dict[int, asyncio.Future[AnyMessage]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._paused = False
        self._last = 0
        self._decoder = protocol.Decoder()
        self._transport: asyncio.Transport | None = None

    # What our side does

    async def ask(self, message: AnyMessage, timeout: float) -> AnyMessage:
        """The answer. ``timeout`` is in seconds. Raises Refused, or PeerAway where there is none in time."""
        transport = self._transport
        if transport is None or transport.is_closing():
            self.close()
            raise PeerAway("The connection is closed.")
        self._last = number = (self._last + 1) & 0xFFFFFFFF
        answer: asyncio.Future[AnyMessage] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            transport.write(_frame(_Kind.ASK, number, message))
            async with asyncio.timeout(timeout):
                result = await answer
        except TimeoutError:
            raise PeerAway(f"There was no answer within {timeout:g} s.") from None
        finally:
            self._asked.pop(number, None)
        if isinstance(result, Refusal):
            raise Refused(result.code, result.message, result.hint)
        return result

    def tell(self, message: AnyMessage) -> bool:
        """Sends what needs no answer. False where it was dropped, because the other side is away or does not read."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_TOLD:
            return False
        transport.write(_frame(_Kind.TELL, 0, message))
        return True

    def close(self) -> None:
        """Ends the connection now: questions under way fail and ``lost`` is called before this returns."""
        transport = self._transport
        if transport is not None:
            self.connection_lost(None)
            transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for kind, number, payload in self._decoder.feed(data):
                if self._transport is None:
                    return
                self._frame_received(kind, number, payload)
        except protocol.ProtocolError as error:
            log.error("The control connection is closed: %s", error)
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is None:  # closed by our side
            return
        self._transport = None
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(PeerAway("The connection was lost before the answer came."))
        for task in self._serving:
            task.cancel()
        self._lost(self)

    # Frames

    def _frame_received(self, kind: int, number: int, payload: bytes) -> None:
        try:
            message = _decode(payload)
        except (msgspec.MsgspecError, RecursionError) as error:
            self._refuse_undecoded(kind, number, error)
            return
        if kind == _Kind.ANSWER:
            answer = self._asked.get(number)
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif kind == _Kind.ASK:
            task = asyncio.get_running_loop().create_task(self._answer(number, message))
            self._serving.add(task)
            task.add_done_callback(self._served)
            if len(self._serving) >= MAX_SERVING and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
        elif kind == _Kind.TELL:
            self._told(message)
        else:
            raise protocol.ProtocolError(f"a frame is of the unknown kind {kind}")

    def _refuse_undecoded(self, kind: int, number: int, error: Exception) -> None:
        refusal = Refusal("bad-message", f"A control message does not decode: {error}")
        if kind == _Kind.ASK:
            self._write(_frame(_Kind.ANSWER, number, refusal))
        elif kind == _Kind.ANSWER and number in self._asked and not self._asked[number].done():
            self._asked[number].set_result(refusal)
        log.warning("%s", refusal.message)

    async def _answer(self, number: int, message: AnyMessage) -> None:
        try:
            answer = await self._serve(message)
        except Refused as refused:
            answer = Refusal(refused.code, refused.message, refused.hint)
        except Exception:
            log.exception("A control message of kind %s failed", type(message).__name__)
            answer = Refusal("internal", "Something of ours broke; the log says what.")
        try:
            frame = _frame(_Kind.ANSWER, number, answer)
        except (protocol.ProtocolError, msgspec.MsgspecError, UnicodeEncodeError) as error:
            frame = _frame(_Kind.ANSWER, number, Refusal("internal", f"The answer cannot be sent: {error}"))
        self._write(frame)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        if self._paused and len(self._serving) <= MAX_SERVING // 2 and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)


def _frame(kind: _Kind, number: int, message: AnyMessage) -> bytes:
    payload = _encode(message)
    if len(payload) > protocol.MAX_FRAME:
        raise protocol.ProtocolError(f"a control message of {len(payload)} bytes is over {protocol.MAX_FRAME}")
    return protocol.HEADER.pack(len(payload) + protocol.HEADER.size - 4, kind, number) + payload


def check_socket_path(path: str) -> None:
    """Raises ValueError where the kernel cannot hold the path of a Unix socket (107 bytes)."""
    size = len(path.encode())
    if size > 107:
        raise ValueError(
            f"The socket's path is {size} bytes long and Linux allows 107: choose a shorter QUICKEDIT_DATA_DIR."
        )

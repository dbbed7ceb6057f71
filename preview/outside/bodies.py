"""Bodies between a visitor's connection and a worker: read within limits, passed on no faster than the other side takes.

`front` calls these with ASGI's ``receive`` and ``send``. Small bodies are read whole, so that they travel with their
request in one frame; of a large one at most a few pieces are held here. A visitor that stops reading or sending is cut
off after a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from preview.outside import policy
from preview.outside.failures import Refuse
from preview.outside.streams import BrokenOff, Stream

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SMALL = 64 * 1024
"""Bytes up to which a request's body is read whole before its worker hears of it."""
STALLED = 30.0
"""Seconds after which a visitor that takes nothing of an answer is cut off."""
_PIECE = 128 * 1024


class Stalled(Exception):
    """The visitor stopped reading."""


def declared(value: bytes) -> int:
    """What a Content-Length says. Raises Refuse where it is over the limit."""
    size = int(value[:20]) if value.isdigit() else 0
    if size > policy.MAX_BODY:
        raise _too_large()
    return size


async def whole(receive: Receive) -> bytes:
    """A request's body, which its Content-Length says is small. Raises Refuse or ConnectionError."""
    return b"".join([chunk async for chunk in arriving(receive)])


async def arriving(receive: Receive) -> AsyncIterator[bytes]:
    """A request's body as it arrives. Raises Refuse where it is too large or too slow, ConnectionError where it ends early.

    Only the visitor's time is counted, not the time for which the worker keeps it waiting.
    """
    loop = asyncio.get_running_loop()
    size, left = 0, policy.BODY_WAIT
    while True:
        began = loop.time()
        try:
            async with asyncio.timeout(min(left, policy.BODY_PAUSE)):
                message = await receive()
        except TimeoutError:
            raise Refuse(408, "Too slow", "The request's body did not arrive in time.") from None
        left = max(0.0, left - (loop.time() - began))
        if message["type"] != "http.request":
            raise ConnectionAbortedError("The client went away before its request was whole.")
        size += len(message["body"])
        if size > policy.MAX_BODY:
            raise _too_large()
        if message["body"]:
            yield message["body"]
        if not message.get("more_body"):
            return


def _too_large() -> Refuse:
    return Refuse(413, "Too large", f"A request's body can be at most {policy.MAX_BODY // (1024 * 1024)} MiB.")


async def send_large(send: Send, body: bytes) -> None:
    """Sends a whole body piece by piece, so that little of it is copied. Raises Stalled."""
    for start in range(0, len(body), _PIECE):
        await _send(send, body[start : start + _PIECE], more=start + _PIECE < len(body))


async def send_stream(send: Send, stream: Stream, length: int | None) -> None:
    """Sends a streamed body as it comes, at most as fast as the visitor reads it.

    Raises Stalled, or BrokenOff where the worker failed, or where it did not send the ``length`` that it had announced.
    """
    sent = 0
    while (piece := await stream.pieces()) is not None:
        sent += len(piece)
        if length is not None and sent > length:
            break
        await _send(send, piece, more=True)
    if length is not None and sent != length:
        message = f"The answer announced {length:,} bytes with its Content-Length and had {'more' if sent > length else sent}."
        raise BrokenOff({"kind": "exception", "type": "ContentLengthError", "message": message})
    await _send(send, b"", more=False)


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    try:
        async with asyncio.timeout(STALLED):
            await send({"type": "http.response.body", "body": body, "more_body": more})
    except TimeoutError:
        raise Stalled from None


async def collected(stream: Stream, most: int, seconds: float) -> bytes:
    """What comes of a stream within a time and a size, for who cannot take it piece by piece. Raises BrokenOff."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while size < most and (piece := await stream.pieces()) is not None:
                pieces.append(piece)
                size += len(piece)
    except TimeoutError:
        pass
    finally:
        stream.close()
    return b"".join(pieces)[:most]

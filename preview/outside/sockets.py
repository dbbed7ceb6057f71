"""WebSockets between a visitor and a worker: ASGI's websocket messages on one side, frames on the other.

`front` calls `carry` once the worker has accepted. Messages are whole and bounded; neither side is read faster than the
other takes.
"""

from __future__ import annotations

import asyncio
import contextlib

from uvicorn.protocols.utils import ClientDisconnected

from preview import protocol
from preview.outside.bodies import Receive, Scope, Send
from preview.outside.policy import Headers
from preview.outside.streams import BrokenOff, Stream
from preview.protocol import Kind, WsOp

FAREWELL = 5.0
"""Seconds for a worker to answer its client's close; then the request is cancelled."""

_OURS = (b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-protocol", b"content-length")


async def accept(scope: Scope, send: Send, headers: Headers) -> None:
    """Accepts, with the subprotocol that the worker chose where the client offered it."""
    chosen = next((value.decode("latin-1") for name, value in headers if name == b"sec-websocket-protocol"), None)
    message: Scope = {
        "type": "websocket.accept",
        "headers": [(name, value) for name, value in headers if name not in _OURS],
    }
    if chosen in scope["subprotocols"]:
        message["subprotocol"] = chosen
    await send(message)


async def deny(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """An ordinary answer to a handshake (ASGI's extension websocket.http.response)."""
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


async def carry(receive: Receive, send: Send, stream: Stream) -> None:
    """Carries messages both ways until both sides have closed. Raises BrokenOff where the worker failed."""
    listening = asyncio.create_task(_listen(receive, stream))
    try:
        while (said := await stream.message()) is not None:
            op, data = said
            if op == WsOp.TEXT:
                await send({"type": "websocket.send", "text": data.decode()})
            elif op == WsOp.BINARY:
                await send({"type": "websocket.send", "bytes": data})
            else:
                code, reason = protocol.unpack_close(data)
                await send({"type": "websocket.close", "code": code, "reason": reason})
                await stream.over(FAREWELL)
                return
    except ClientDisconnected:  # the worker hears of it from _listen, and not that its request was cancelled
        await stream.over(FAREWELL)
    except BrokenOff:
        with contextlib.suppress(Exception):  # the client may be gone
            await send({"type": "websocket.close", "code": 1011, "reason": "The worker failed."})
        raise
    finally:
        listening.cancel()
        stream.close()


async def _listen(receive: Receive, stream: Stream) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await stream.put(Kind.TO_WS, bytes([WsOp.TEXT]) + message["text"].encode())
        else:
            await stream.put(Kind.TO_WS, bytes([WsOp.BINARY]) + message["bytes"])
    stream.end(Kind.TO_WS, protocol.pack_close(message.get("code") or 1005, message.get("reason") or ""))
    await asyncio.sleep(FAREWELL)
    stream.close()

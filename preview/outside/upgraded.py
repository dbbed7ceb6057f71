"""One visitor's WebSocket: uvicorn's protocol, made to bound what a stranger can make it hold. `connections` hands over to it."""

from __future__ import annotations

import asyncio
import select
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from preview.outside.connections import SILENT, Watched
from preview.outside.sockets import FAREWELL


class SocketConnection(Watched, WebSocketsSansIOProtocol):
    """A WebSocket. Where its client does not read it is not read either: pings would be answered without bound."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = SILENT
        self._task: asyncio.Task[None] | None = None

    async def run_asgi(self) -> None:
        self._task = asyncio.current_task()
        await super().run_asgi()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._task is not None:  # a worker that does not read could hold it for ever
            self.loop.call_later(FAREWELL, self._task.cancel)

    def end_if_overdue(self, now: float) -> None:
        super().end_if_overdue(now)
        if self.read_paused and _has_left(self.transport.get_extra_info("socket").fileno()):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except AssertionError:  # uvicorn expects a close frame where the handshake itself was none
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()


def _has_left(socket: int) -> bool:
    """Whether the other end is gone, of a connection that is not being read and so hears nothing of it."""
    poll = select.poll()
    poll.register(socket, select.POLLRDHUP)
    return bool(poll.poll(0))

"""A request from a visitor's connection to a worker and back, without a task and without ASGI's messages.

Most requests have no body and most answers are small and whole: for them, what uvicorn and asyncio do around an ASGI
application is half of what they cost. `connections` begins one here where the front can ask a child at once. It stands in
the connection in the place of uvicorn's RequestResponseCycle, whose attributes it has, so that pipelining, keep-alive and
shutting down go on as they are. What takes longer than one write is given back to the connection, as a cycle.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from preview.outside.front import Asked, Front
from preview.outside.replies import Reply
from preview.outside.requests import Answer, Failure

if TYPE_CHECKING:
    from preview.outside.connections import Connection

log = logging.getLogger(__name__)


class _Nobody:
    """In place of the event by which a cycle's application hears of its body."""

    def set(self) -> None:
        pass


class Direct:
    """``scope`` is that of the request, with its method: what is given back to the connection needs it."""

    __slots__ = ("_asked", "_connection", "_front", "disconnected", "keep_alive", "response_complete", "scope")

    message_event = _Nobody()

    def __init__(
        self, connection: Connection, front: Front, asked: Asked, scope: dict[str, Any], keep_alive: bool
    ) -> None:
        assert asked.pending is not None
        self._connection = connection
        self._front = front
        self._asked: Asked | None = asked
        self.scope = scope
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        asked.pending.future.add_done_callback(self._answered)

    def abandon(self) -> None:
        """The visitor is gone, before the answer or after it."""
        asked, self._asked = self._asked, None
        if asked is not None:
            self.response_complete = True
            self._front.abandon(asked)

    def _answered(self, outcome: asyncio.Future[Answer | Failure]) -> None:
        asked, self._asked = self._asked, None  # a connection that waits for its next request must not hold the answer
        if asked is None:
            return
        connection, front = self._connection, self._front
        try:
            reply = front.conclude(asked, outcome.result())
        except Exception:
            log.exception("The front failed")
            front.release(asked)
            connection.abort()
            return
        if not reply.is_small or connection.flow.write_paused:
            connection.carry_on(self, lambda scope, receive, send: front.deliver(asked, reply, scope, send))
            return
        front.release(asked)
        self.response_complete = True
        if self.disconnected or connection.transport.is_closing():
            return
        connection.transport.write(self._whole(reply, connection.server_state.default_headers))
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()

    def _whole(self, reply: Reply, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        method = self.scope["method"]
        parts = [STATUS_LINE[reply.status]]
        for name, value in (*default_headers, *reply.framed(method)):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        if method != "HEAD":
            parts.append(reply.body)
        return b"".join(parts)

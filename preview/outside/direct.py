"""A request from a visitor's connection to a worker and back, without a task and without ASGI's messages.

Most requests have no body and most answers are small and whole: for them, what uvicorn and asyncio do around an ASGI
application is half of what they cost. `connections` begins one here where the front can ask a child at once. It stands in
the connection in the place of uvicorn's RequestResponseCycle, whose attributes it has, so that pipelining, keep-alive and
shutting down go on as they are. What takes longer than one write is given back to the connection, as a cycle.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from preview.outside.front import Asked, Front
from preview.outside.policy import Headers
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
    """The asker of one request."""

    __slots__ = (
        "_asked", "_connection", "_front", "disconnected", "headers", "http_version", "keep_alive", "method",
        "response_complete",
    )  # fmt: skip

    message_event = _Nobody()
    more_body = False

    def __init__(self, connection: Connection, front: Front, method: str, http_version: str, keep_alive: bool) -> None:
        self._connection = connection
        self._front = front
        self._asked: Asked | None = None
        self.method = method
        self.http_version = http_version
        self.headers: Headers = []
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False

    def begin(self, target: bytes, headers: Headers) -> bool:
        """False where the request has to go the long way."""
        self.headers = headers
        self._asked = self._front.begin(self, self.method, target, headers)
        return self._asked is not None

    def abandon(self) -> None:
        """The visitor is gone, before the answer or after it."""
        asked, self._asked = self._asked, None
        if asked is not None:
            self.response_complete = True
            self._front.abandon(asked)

    # requests.Asker

    def done(self) -> bool:
        return self._asked is None

    def set_exception(self, error: BaseException) -> None:
        raise AssertionError("only what has a body is refused while it is asked") from error

    def set_result(self, outcome: Answer | Failure) -> None:
        asked, self._asked = self._asked, None  # a connection that waits for its next request must not hold the answer
        assert asked is not None
        try:
            reply = self._front.conclude(asked, outcome)
        except Exception:
            self._front.release(asked)
            self._failed()
            return
        if reply.stream is None:
            self._front.release(asked)
        try:
            self._send(asked, reply)
        except Exception:  # a visitor's trouble, which must not become that of the child whose frame brought the answer
            self._failed()

    def _failed(self) -> None:
        log.exception("The front failed")
        self._connection.abort()

    def _send(self, asked: Asked, reply: Reply) -> None:
        connection, front = self._connection, self._front
        if not reply.is_small or connection.flow.write_paused:
            connection.carry_on(self, functools.partial(front.deliver, reply), lambda: front.delivered(asked, reply))
            return
        self.response_complete = True
        if self.disconnected or connection.transport.is_closing():
            return
        connection.transport.write(self._whole(reply, connection.server_state.default_headers))
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()

    def _whole(self, reply: Reply, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        lines = [b"%b: %b\r\n" % header for header in (*default_headers, *reply.framed(self.method))]
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        return b"".join((STATUS_LINE[reply.status], *lines, end, b"" if self.method == "HEAD" else reply.body))

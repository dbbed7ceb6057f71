"""One visitor's HTTP connection: uvicorn's protocol, made to bound what a stranger can make it hold. `upgraded` has WebSockets'.

uvicorn itself accepts a head of any size at any pace, lets an answer go on that nobody waits for, and closes a connection
in a way that may destroy the answer it has just sent. `listener` makes these and asks them now and then what is overdue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from preview.outside.direct import Direct
from preview.outside.front import Front
from preview.outside.policy import BODY_WAIT, HEAD_WAIT, MAX_BODY, MAX_HEAD
from preview.outside.replies import ABORT

MAX_CONNECTIONS = 4096
UNSENT_FOR = 60.0
"""Seconds after which a connection is cut whose client takes nothing of what was sent to it."""
LINGER = 2.0
"""Seconds for which what a client still sends is read and thrown away, after the last answer on its connection. Closing at
once would make the kernel reset the connection, and the client lose the answer (RFC 9112 §9.6). Twice MAX_BODY is the most."""
MAX_PIPELINED = 64
"""Requests of one connection that may wait for the answer to an earlier one. The last one's answer ends the connection, and
its client asks for the rest on another (RFC 9112 §9.3.2)."""
_MAX_HANDSHAKE_HEADERS, _MAX_HANDSHAKE_LINE = 120, 8000  # what websockets takes: it falls silent above
_NEVER = float("inf")
_BODY = (b"content-length", b"transfer-encoding")
SILENT = logging.getLogger("preview.visitors")
"""What uvicorn says of a visitor's mistakes, at the visitor's pace: not for the runner's log. The front logs its own."""
SILENT.setLevel(logging.CRITICAL + 1)


class Watched:
    """What both kinds of connection have in common: when they are to be closed."""

    transport: asyncio.Transport
    deadline = _NEVER
    """When the connection is to be closed, because what was begun did not arrive in time."""
    _unsent = 0
    _unsent_since = _NEVER

    def end_if_overdue(self, now: float) -> None:
        """Called once a second."""
        if self.deadline < now:
            self.transport.close()
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent or self._unsent_since > now:
            self._unsent_since = now
        elif now - self._unsent_since > UNSENT_FOR:
            self.transport.abort()
        self._unsent = unsent


class Connection(Watched, HttpToolsProtocol):
    """An HTTP connection: its heads are bounded in size and time, and trailers are not headers. The task that answers is
    cancelled when its visitor goes away."""

    def __init__(self, *args: Any, front: Front | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = SILENT
        self._front = front
        self._direct: Direct | None = None
        self._in_head = True
        self._head_size = 0
        self._head_is_new = True
        self._lingering = False
        self.is_deaf = False
        self.deadline = self.loop.time() + HEAD_WAIT
        self._task: tuple[asyncio.Task[None], RequestResponseCycle] | None = None
        self._extensions = {ABORT: self.abort}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # Nobody waits for the answer any more.
        self._silence()
        if self._task is not None:
            self._task[0].cancel()
        if self._direct is not None:
            self._direct.abandon()

    def _silence(self) -> None:
        """Nothing can be written any more, neither of the answer under way nor of the latest, which may wait behind it and is
        the only one that uvicorn tells."""
        for answer in (self.cycle, self._task and self._task[1], self._direct):
            if answer is not None:
                answer.disconnected = True

    def abort(self) -> None:
        """Cuts the connection in the middle of an answer."""
        self.cycle.disconnected = True
        self.transport.abort()

    def linger(self) -> None:
        """In place of closing at once where the client may still be sending."""
        if self._lingering or self.transport.is_closing():
            return
        self._lingering, self._head_size = True, 0
        self.deadline = self.loop.time() + LINGER
        self.flow.resume_reading()
        self._silence()  # of requests before what is refused now
        self.transport.write_eof()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # As in uvicorn, but the task is kept.
        task = self.loop.create_task(cycle.run_asgi(app))
        self._task = task, cycle
        task.add_done_callback(self._task_done)
        self.tasks.add(task)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self._task is not None and self._task[0] is task:
            self._task = None

    # What arrives

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._head_size += len(data)
            if self._head_size > 2 * MAX_BODY:
                self.transport.abort()
            return
        if self.is_deaf:
            return
        super().data_received(data)
        if self._in_head:
            if self._head_is_new:  # nobody says where in the data it began; what is whole the front measures
                self._head_is_new = False
                return
            self._head_size += len(data)
            if self._head_size > MAX_HEAD and not self.transport.is_closing():
                self._refuse_head()

    def _refuse_head(self) -> None:
        text = f"The request's headers are too large: {MAX_HEAD // 1024} KiB are the limit."
        self._refuse("431 Request Header Fields Too Large", text)

    def send_400_response(self, msg: str) -> None:
        if not self.is_deaf:
            self._refuse("400 Bad Request", msg)

    def _refuse(self, status: str, text: str) -> None:
        self.transport.write(
            f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(text) + 1}\r\n"
            f"connection: close\r\n\r\n{text}\n".encode()
        )
        self.linger()

    def on_response_complete(self) -> None:
        if self.pipeline:
            super().on_response_complete()
            if self.pipeline:  # uvicorn would read on, and what waits would grow
                self.flow.pause_reading()
            return
        # As in uvicorn, but for its timer, which would be set and taken back for each request.
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if not self.cycle.more_body:
                self.deadline = self.loop.time() + self.timeout_keep_alive

    def handle_websocket_upgrade(self) -> None:
        longest = max(len(self.url), *(len(name) + len(value) for name, value in self.headers))
        if len(self.headers) > _MAX_HANDSHAKE_HEADERS or longest > _MAX_HANDSHAKE_LINE:
            self._refuse_head()
        elif len(self.connections) > MAX_CONNECTIONS:
            self.send_400_response("Too many connections.")
        else:
            super().handle_websocket_upgrade()

    # What the parser says

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            self.pipeline[0][0].keep_alive, self.is_deaf = False, True
            raise ValueError("more requests than may wait on one connection")  # the parser's way to stop
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._in_head = self._head_is_new = True
        self._head_size = 0
        self.deadline = self.loop.time() + HEAD_WAIT

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.deadline = self.loop.time() + 2 * BODY_WAIT
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name in _BODY and value != b"0" for name, value in self.headers):
            # The parser would take the body for what follows the upgrade, and then for requests.
            raise ValueError("a request that asks for an upgrade has a body")
        if not upgrade and self._front is not None and self._begin(self._front):
            return
        self._make_scope()
        super().on_headers_complete()
        cycle: Any = None if upgrade and self._should_upgrade() else self.cycle
        if cycle is None:
            return
        if upgrade:  # to what nobody here speaks: it is answered, and what follows is not HTTP
            cycle.keep_alive, self.is_deaf = False, True
        self._answer_through(cycle)

    def _make_scope(self) -> None:
        """uvicorn makes one as each request begins, which the short way does without."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        scope: Any = self.scope
        scope["headers"], scope["extensions"] = headers, self._extensions

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        answered = cycle is not None and cycle.response_complete  # before it was whole
        self.deadline = self.loop.time() + self.timeout_keep_alive if answered else _NEVER
        if not isinstance(cycle, Direct):  # which has no body to hear of
            super().on_message_complete()

    # The short way

    def _begin(self, front: Front) -> bool:
        """Asks for what `direct` can answer. False where it is to be answered by a task, as uvicorn does it."""
        before: Any = self.cycle
        waits = before is not None and not before.response_complete
        if waits or self.expect_100_continue or self.flow.write_paused or len(self.connections) >= MAX_CONNECTIONS:
            return False
        url = httptools.parse_url(self.url)
        target = url.path + b"?" + url.query if url.query else url.path
        method, version = self.parser.get_method().decode("ascii"), self.parser.get_http_version()
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        direct = Direct(self, front, method, version, keep_alive)
        if not direct.begin(target, self.headers):
            return False
        self.cycle = self._direct = direct  # type: ignore[assignment]
        return True

    def carry_on(self, direct: Direct, app: Any, ended: Callable[[], None]) -> None:
        """The answer to ``direct`` is for a task after all: ``app`` sends it. ``ended`` is called in any case, also where the
        visitor is gone before the task has begun."""
        scope: Any = {
            "type": "http", "method": direct.method, "http_version": direct.http_version, "headers": direct.headers,
            "extensions": self._extensions,
        }  # fmt: skip
        cycle = RequestResponseCycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=direct.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body, cycle.disconnected = False, direct.disconnected
        self._answer_through(cycle)
        latest: Any = self.cycle
        if latest is direct:
            self.cycle = cycle
        self._direct = None
        self._start_asgi_task(cycle, app)
        assert self._task is not None
        self._task[0].add_done_callback(lambda _: ended())

    def _answer_through(self, cycle: Any) -> None:
        answering = _Answering(cycle, self)
        cycle.transport, cycle.on_response = answering, answering.complete


class _Answering:
    """A connection's transport for one answer. Its head waits for the first of its body, so that a small answer is one
    system call; to close it means to linger where the client may still be sending."""

    __slots__ = ("_begun", "_connection", "_cycle", "_head", "is_closing")

    def __init__(self, cycle: RequestResponseCycle, connection: Connection) -> None:
        self._cycle = cycle
        self._connection = connection
        self._head = b""
        self._begun = False
        self.is_closing = connection.transport.is_closing

    def write(self, data: bytes) -> None:
        if not self._begun and self._cycle.response_started:
            self._begun = True
            self._head = data
            return
        if self._head:
            data, self._head = self._head + data, b""
        self._connection.transport.write(data)

    def complete(self) -> None:
        """The answer is whole; one without a body is its head alone."""
        self._flush()
        self._connection.on_response_complete()

    def _flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self._flush()
        if self._cycle.more_body or self._connection.is_deaf:
            self._connection.linger()
        else:
            self._connection.transport.close()

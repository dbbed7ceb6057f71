"""The data plane: a raw ASGI application that takes a request to the child that answers it, and the answer back.

uvicorn calls it for every request of previews and deployed workers, ``control`` for the requests of the HTTP tab. It
is the hot path: what need not be done for every request is not done here. It trusts neither visitors nor workers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected

from preview import protocol
from preview.exchange import Host, PeerAway
from preview.outside import bodies, failures, policy, sockets
from preview.outside.bodies import Receive, Scope, Send
from preview.outside.calls import Origin
from preview.outside.children import Answer
from preview.outside.failures import Refuse
from preview.outside.hosts import BadHost, Names
from preview.outside.logs import LogSink, RequestLog
from preview.outside.policy import Headers
from preview.outside.programs import Programs, Run, Unavailable
from preview.outside.streams import BrokenOff, Stream

ABORT = "quickedit.abort"
"""The name of the ASGI extension by which a connection is cut in the middle of an answer."""
COLLECT_FOR = 5.0
"""Seconds for which a streamed answer is collected for who cannot take it as it comes."""

Response = tuple[int, Headers, bytes]


@dataclass(slots=True)
class Request:
    """A request with its body, or with ``more`` of it to come. ``authority`` is the Host header, ``target`` the path with
    its query."""

    label: str
    authority: str
    method: str
    target: str
    headers: Headers
    body: bytes
    more: AsyncIterator[bytes] | None = None
    websocket: bool = False
    depth: int = 0
    """How many workers wait for the answer, each through a service binding."""
    entrypoint: str = ""
    """The class that such a binding names; "" for Default."""


@dataclass(slots=True)
class Reply:
    """What goes out. A body that is not whole is in ``stream``, and ``log`` hears how it went."""

    status: int
    headers: Headers
    body: bytes
    stream: Stream | None = None
    length: int | None = None
    log: RequestLog | None = None


log = logging.getLogger(__name__)


class Front:
    """Use from one event loop. ``scheme`` is that of the public address, which a proxy before us may make https."""

    def __init__(
        self, hosts: Names, programs: Programs, sink: LogSink, *, scheme: str = "http", tier: str = ""
    ) -> None:
        self._hosts = hosts
        self._programs = programs
        self._sink = sink
        self._scheme = scheme
        self._tier = tier
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        try:
            if kind == "http":
                await self._http(scope, receive, send)
            elif kind == "websocket":
                await self._websocket(scope, receive, send)
        except (ConnectionError, ClientDisconnected, asyncio.CancelledError):
            return  # the visitor is gone, or we are
        except Exception:
            log.exception("The front failed")
            raise

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        held = 0
        try:
            request, size = self._read_head(scope)
            if size is not None:
                if 0 <= size <= bodies.SMALL:
                    request.body = await bodies.whole(receive)
                else:
                    request.more = bodies.arriving(receive)
            host, run = self._at_hand(request.label) or await self._find(request.label)
            try:
                reply = await self._ask(request, host, run)
                if reply.stream is not None:
                    await self._pass_on(scope, send, reply, reply.stream)
                    return
            finally:
                self._programs.release(run)
            held = len(reply.body) if len(reply.body) > bodies.SMALL else 0
            self._hold(held)
        except Refuse as refused:
            held = 0
            reply = Reply(*failures.notice(refused.notice, scope["headers"]))
        headers, body = reply.headers, reply.body
        if reply.status not in (204, 304):
            size = len(body) if reply.length is None or scope["method"] != "HEAD" else reply.length
            headers.append((b"content-length", b"%d" % size))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if not held:
            await send({"type": "http.response.body", "body": body})
            return
        try:
            await bodies.send_large(send, body)
        except bodies.Stalled:
            _abort(scope)
        finally:
            self._held -= held

    def _hold(self, size: int) -> None:
        if size and self._held + size > policy.MAX_BUFFERED:
            raise Refuse(503, "Busy", "Too many large answers at once. Try again in a moment.")
        self._held += size

    async def _pass_on(self, scope: Scope, send: Send, reply: Reply, stream: Stream) -> None:
        """A streamed answer. Where it breaks off the connection is cut, which tells the visitor that it is not whole."""
        headers, length = reply.headers, reply.length
        try:
            if scope["method"] != "HEAD" and length is None and scope["http_version"] == "1.0":
                # HTTP/1.0 has no chunks.
                body = await bodies.collected(stream, policy.MAX_BODY, policy.BODY_WAIT)
                headers.append((b"content-length", b"%d" % len(body)))
                await send({"type": "http.response.start", "status": reply.status, "headers": headers})
                await bodies.send_large(send, body)
                return
            if length is not None:
                headers.append((b"content-length", b"%d" % length))
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": True})  # the head need not wait
                await bodies.send_stream(send, stream, length)
        except BrokenOff as broken:
            _tell(reply.log, broken)
            _abort(scope)
        except bodies.Stalled:
            _abort(scope)
        finally:
            stream.close()

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        reply: Reply | None = None
        try:
            request, _ = self._read_head({**scope, "method": "GET"})
            request.websocket = True
            host, run = self._at_hand(request.label) or await self._find(request.label)
            try:
                reply = await self._ask(request, host, run)
                stream = reply.stream
                if reply.status == 101 and stream is not None:
                    await sockets.accept(scope, send, reply.headers)
                    await sockets.carry(receive, send, stream)
                    return
                if stream is not None:
                    reply.body = await bodies.collected(stream, policy.MAX_BODY, policy.BODY_WAIT)
            finally:
                self._programs.release(run)
        except Refuse as refused:
            reply = Reply(*failures.notice(refused.notice, scope["headers"]))
        except BrokenOff as broken:
            if reply is not None:
                _tell(reply.log, broken)
            return
        await sockets.deny(send, reply.status, reply.headers, reply.body)

    # Reading

    def _read_head(self, scope: Scope) -> tuple[Request, int | None]:
        """The request, and the size of its body: None where there is none, -1 where nobody said. Raises Refuse."""
        headers: Headers = scope["headers"]
        authority = None
        hosts = 0
        body_size: int | None = None
        raw = scope["raw_path"] + b"?" + scope["query_string"] if scope["query_string"] else scope["raw_path"]
        size = len(raw)
        for name, value in headers:
            size += len(name) + len(value)
            if name == b"host":
                authority = value
                hosts += 1
            elif name == b"content-length":
                body_size = bodies.declared(value)
            elif name == b"transfer-encoding":
                body_size = -1
        if size > policy.MAX_HEAD:
            raise Refuse(431, "Headers too large", f"The request's headers are over {policy.MAX_HEAD // 1024} KiB.")
        try:
            label = self._hosts.label(authority if hosts == 1 else None)
        except BadHost as bad:
            raise Refuse(bad.status, "Nothing answers here", str(bad)) from None
        assert authority is not None
        request = Request(label, authority.decode("latin-1"), scope["method"], raw.decode("latin-1"), headers, b"")
        return request, body_size

    # Answering

    async def answer(self, request: Request) -> Response:
        """The answer to a whole request, whatever happens to its worker. Raises Refuse only for what no worker saw.

        Of a streamed answer it is what comes within some seconds, or until the limit of one that is whole.
        """
        async with self.running(request.label) as (host, run):
            reply = await self._ask(request, host, run)
            if reply.stream is not None:
                try:
                    reply.body = await bodies.collected(reply.stream, policy.MAX_BODY, COLLECT_FOR)
                except BrokenOff as broken:
                    _tell(reply.log, broken)
            return reply.status, reply.headers, reply.body

    async def inside(self, request: Request) -> Response:
        """As ``answer``, for a request that web makes: every refusal is an answer too."""
        try:
            return await self.answer(request)
        except Refuse as refused:
            return failures.notice(refused.notice, request.headers)

    @asynccontextmanager
    async def running(self, label: str) -> AsyncIterator[tuple[Host, Run]]:
        """The host of a label and a run of its program, which is not ended meanwhile. Raises Refuse."""
        host, run = self._at_hand(label) or await self._find(label)
        try:
            yield host, run
        finally:
            self._programs.release(run)

    def _at_hand(self, label: str) -> tuple[Host, Run] | None:
        host = self._hosts.known(label)
        run = self._programs.current(host.program) if host is not None else None
        return (host, run) if host is not None and run is not None else None

    async def _find(self, label: str) -> tuple[Host, Run]:
        """The host of a label and a counted run of its program, where either is not at hand."""
        try:
            host = self._hosts.known(label)
            run = await self._programs.acquire(host.program) if host is not None else None
            if host is None or run is None:
                found = await self._hosts.resolve(label)
                if found is None:
                    raise Refuse(*failures.UNKNOWN)
                host, program = found
                self._programs.offer(program)
                run = await self._programs.acquire(host.program)
        except PeerAway:
            raise Refuse(503, "Just a moment", "Quick Edit, which knows what answers here, is away.") from None
        except Unavailable as error:
            raise Refuse(503, "Just a moment", str(error)) from None
        if run is None:
            raise Refuse(503, "Just a moment", "The worker was removed while it was being started.")
        return host, run

    async def _ask(self, request: Request, host: Host, run: Run) -> Reply:
        log = RequestLog(self._sink, host, run.program, request.method, request.target)
        preview = host.host.startswith("p-")
        child = run.child
        if run.failure is not None or child is None:
            return self._fail(request, host, run, log, run.failure or failures.GONE)
        head: dict[str, Any] = {
            "method": request.method,
            "url": f"{self._scheme}://{request.authority}{request.target}",
            "headers": policy.request_headers(request.headers, websocket=request.websocket),
            "private": preview and host.private,
        }
        if request.websocket:
            head["websocket"] = True
        if request.entrypoint:
            head["entrypoint"] = request.entrypoint
        if len(request.target) + sum(len(name) + len(value) for name, value in head["headers"]) > _SURELY_FITS:
            _check_head(head)
        origin = Origin(host.host, log.id, request.depth)
        result = await child.request(head, request.body, log.heard, origin, more=request.more)
        if not isinstance(result, Answer):
            return self._fail(request, host, run, log, result.report)
        headers = policy.response_headers(result.headers)
        ms = log.end(result.status)
        if preview:
            headers = _preview_headers(headers, host, run, ms)
        return Reply(result.status, headers, result.body, result.stream, result.length, log)

    def _fail(self, request: Request, host: Host, run: Run, log: RequestLog, report: dict[str, Any]) -> Reply:
        """What is shown in place of an answer: everything under a private preview, next to nothing under a deployed
        name."""
        status = failures.status_of(report)
        error_id = secrets.token_hex(6)
        if not host.host.startswith("p-"):
            log.say("error", f"Error {error_id}\n{failures.full_text(report)}", *failures.place(report))
            log.end(status)
            return Reply(*failures.deployed_failure(status, error_id))
        printed = log.printed()
        log.say("error", failures.summary(report), *failures.place(report))
        ms = log.end(status)
        status, headers, body = failures.preview_failure(
            status, report, host=host, program=run.program, method=request.method, authority=request.authority,
            target=request.target, headers=request.headers, body_bytes=len(request.body), ms=ms, error_id=error_id,
            printed=printed, tier=self._tier,
        )  # fmt: skip
        return Reply(status, _preview_headers(headers, host, run, ms), body)


def _preview_headers(headers: Headers, host: Host, run: Run, ms: float) -> Headers:
    return policy.preview_headers(
        headers, editor_origin=host.editor_origin, revision=run.program.revision, timing=f"worker;dur={ms:.2f}"
    )


_SURELY_FITS = protocol.MAX_HEAD // 8
"""Bytes of headers that fit a frame whatever they are: escapes make JSON up to six times as long as the wire."""


def _check_head(head: dict[str, Any]) -> None:
    if len(json.dumps(head, separators=(",", ":"))) > protocol.MAX_HEAD - 64:
        raise Refuse(431, "Headers too large", "The request's headers are too large for a worker.")


def _tell(log: RequestLog | None, broken: BrokenOff) -> None:
    """To the console: an answer that was begun cannot become an error page."""
    if log is not None:
        path, line = failures.place(broken.report)
        at = int(time.time() * 1000)
        text = failures.summary(broken.report)
        log.heard([{"level": "error", "text": text, "at": at, "path": path, "line": line}], 0)


def _abort(scope: Scope) -> None:
    """Cuts the visitor's connection; `listener` gives the means."""
    scope["extensions"][ABORT]()

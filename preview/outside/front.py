"""The data plane: a raw ASGI application that takes a request to the child that answers it, and the answer back.

uvicorn calls it for every request of previews and deployed workers, ``control`` for the requests of the HTTP tab. It
is the hot path: what need not be done for every request is not done here. It trusts neither visitors nor workers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from uvicorn.protocols.utils import ClientDisconnected

from preview.exchange import Host, PeerAway
from preview.outside import bodies, failures, incoming, policy, sockets
from preview.outside.bindings.services import Permit
from preview.outside.bodies import Receive, Scope, Send
from preview.outside.calls import Origin
from preview.outside.failures import Refuse
from preview.outside.hosts import Names
from preview.outside.incoming import Request
from preview.outside.loading import Unavailable
from preview.outside.logs import LogSink, RequestLog
from preview.outside.policy import Headers
from preview.outside.programs import Programs
from preview.outside.replies import Replies, Reply, refusal, tell
from preview.outside.requests import Answer, Asker, Failure
from preview.outside.runs import Run
from preview.outside.streams import BrokenOff

COLLECT_FOR = 5.0
"""Seconds for which a streamed answer is collected for who cannot take it as it comes."""

Response = tuple[int, Headers, bytes]


class Asked(msgspec.Struct):
    """A request that was put to a worker; ``number`` is the child's, of one that went the short way."""

    request: Request
    host: Host
    run: Run
    log: RequestLog
    number: int = 0


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
        self._replies = Replies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _unless_gone(self._http(scope, receive, send))
        elif scope["type"] == "websocket":
            await _unless_gone(self._websocket(scope, receive, send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request, size = incoming.read(self._hosts, scope["method"], _target(scope), scope["headers"])
            if size is not None:
                if 0 <= size <= bodies.SMALL:
                    request.body = await bodies.whole(receive)
                else:
                    request.more = bodies.arriving(receive)
            host, run = self._at_hand(request.label) or await self._find(request.label)
            try:
                reply = await self._ask(request, host, run)
            except BaseException:
                self._programs.release(run)
                raise
        except Refuse as refused:
            await self._replies.send(refusal(refused, scope), scope, send)
            return
        await self._deliver(reply, run, scope, send)

    # The short way, for `direct`: without a task, where that is enough

    def begin(self, asker: Asker, method: str, target: bytes, headers: Headers) -> Asked | None:
        """Asks a child that is at hand, for an ``asker`` that concludes or abandons it. None where the request has a body, or
        where more is to be done: it is to go the long way then, and nothing was done."""
        try:
            request, size = incoming.read(self._hosts, method, target, headers)
            host = self._hosts.known(request.label)
            if host is None or size is not None:
                return None
            head = incoming.head(request, host, self._scheme)
        except Refuse:
            return None
        run = self._programs.current(host.program)
        if run is None:
            return None
        log = RequestLog(self._sink, host, run.program, method, request.target)
        origin = Origin(host.host, log.id)
        number = run.child.ask(asker, head, b"", log.heard, origin) if run.child is not None else None
        if not isinstance(number, int):
            self._programs.release(run)
            return None
        return Asked(request, host, run, log, number)

    async def deliver(self, reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application that sends a reply which takes its time."""
        await _unless_gone(self._replies.send(reply, scope, send))

    def delivered(self, asked: Asked, reply: Reply) -> None:
        """Once ``deliver`` has ended, or was never begun as the visitor was gone by then."""
        if reply.stream is not None:
            reply.stream.close()
            self.release(asked)

    def release(self, asked: Asked) -> None:
        """The run is not needed any more for what was asked."""
        self._programs.release(asked.run)

    def abandon(self, asked: Asked) -> None:
        """The visitor is gone before there was an outcome."""
        if asked.run.child is not None:
            asked.run.child.abandon(asked.number)
        self.release(asked)

    # The long way

    async def _deliver(self, reply: Reply, run: Run, scope: Scope, send: Send) -> None:
        """Sends the reply of a run, which is released once it needs it no more."""
        if reply.stream is None:
            self._programs.release(run)
            await self._replies.send(reply, scope, send)
            return
        try:
            await self._replies.send(reply, scope, send)
        finally:
            self._programs.release(run)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        reply: Reply | None = None
        try:
            request, _ = incoming.read(self._hosts, "GET", _target(scope), scope["headers"])
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
            reply = refusal(refused, scope)
        except BrokenOff as broken:
            if reply is not None:
                tell(reply, broken)
            return
        await sockets.deny(send, reply.status, reply.headers, reply.body)

    # Answering

    async def answer(self, request: Request, permit: Permit | None = None) -> Response:
        """The answer to a whole request, whatever happens to its worker. Raises Refuse only for what no worker saw, and what
        ``permit`` raises.

        Of a streamed answer it is what comes within some seconds, or until the limit of one that is whole.
        """
        async with self.running(request.label) as (host, run):
            if permit is not None:
                await permit(run.program)
            reply = await self._ask(request, host, run)
            if reply.stream is not None:
                try:
                    reply.body = await bodies.collected(reply.stream, policy.MAX_BODY, COLLECT_FOR)
                except BrokenOff as broken:
                    tell(reply, broken)
            return reply.status, reply.headers, reply.body

    async def inside(self, request: Request, permit: Permit | None = None) -> Response:
        """As ``answer``, for a request that web makes: every refusal is an answer too."""
        try:
            return await self.answer(request, permit)
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
        child = run.child
        if run.failure is not None or child is None:
            return self._fail(request, host, run, log, run.failure or failures.GONE)
        head, origin = incoming.head(request, host, self._scheme), Origin(host.host, log.id, request.depth)
        outcome = await child.request(head, request.body, log.heard, origin, more=request.more)
        return self.conclude(Asked(request, host, run, log), outcome)

    def conclude(self, asked: Asked, outcome: Answer | Failure) -> Reply:
        """The reply to what was asked. The run of what was begun is to be released: at once where the reply is whole, else by
        ``delivered``."""
        host, log = asked.host, asked.log
        if isinstance(outcome, Failure):
            return self._fail(asked.request, host, asked.run, log, outcome.report)
        headers = policy.response_headers(outcome.headers)
        ms = log.end(outcome.status)
        if host.host.startswith("p-"):
            headers = _preview_headers(headers, host, asked.run, ms)
        return Reply(outcome.status, headers, outcome.body, outcome.stream, outcome.length, log)

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


def _target(scope: Scope) -> bytes:
    path: bytes = scope["raw_path"]
    return path + b"?" + scope["query_string"] if scope["query_string"] else path


async def _unless_gone(work: Awaitable[None]) -> None:
    try:
        await work
    except (ConnectionError, ClientDisconnected, asyncio.CancelledError):
        return  # the visitor is gone, or we are
    except Exception:
        log.exception("The front failed")
        raise


def _preview_headers(headers: Headers, host: Host, run: Run, ms: float) -> Headers:
    return policy.preview_headers(
        headers, editor_origin=host.editor_origin, revision=run.program.revision, timing=f"worker;dur={ms:.2f}"
    )

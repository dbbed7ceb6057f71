"""What goes out in answer to a request: whole, or as it comes from a worker.

``front`` makes a Reply for every request. One that is small and whole needs nothing of this module but its head;
everything else is sent here, no faster than the visitor takes it.
"""

from __future__ import annotations

import time

import msgspec

from preview.outside import bodies, failures, policy
from preview.outside.bodies import Scope, Send
from preview.outside.failures import Refuse
from preview.outside.logs import RequestLog
from preview.outside.policy import Headers
from preview.outside.streams import BrokenOff, Stream

ABORT = "quickedit.abort"
"""The name of the ASGI extension by which a connection is cut in the middle of an answer."""


class Reply(msgspec.Struct):
    """What goes out. A body that is not whole is in ``stream``, and ``log`` hears how it went."""

    status: int
    headers: Headers
    body: bytes
    stream: Stream | None = None
    length: int | None = None
    log: RequestLog | None = None

    @property
    def is_small(self) -> bool:
        """Whether it can be sent at once, whoever else is being answered."""
        return self.stream is None and len(self.body) <= bodies.SMALL

    def framed(self, method: str) -> Headers:
        """The headers with the length of a whole body, where its status has one."""
        if self.status in (204, 304):
            return self.headers
        size = len(self.body) if self.length is None or method != "HEAD" else self.length
        return [*self.headers, (b"content-length", b"%d" % size)]


def refusal(refused: Refuse, scope: Scope) -> Reply:
    return Reply(*failures.notice(refused.notice, scope["headers"]))


def tell(reply: Reply, broken: BrokenOff) -> None:
    """To the console: an answer that was begun cannot become an error page."""
    if reply.log is not None:
        path, line = failures.place(broken.report)
        at = int(time.time() * 1000)
        text = failures.summary(broken.report)
        reply.log.heard([{"level": "error", "text": text, "at": at, "path": path, "line": line}], 0)


class Replies:
    """Sends replies with ASGI's ``send``, and bounds what large ones hold together."""

    def __init__(self) -> None:
        self._held = 0

    async def send(self, reply: Reply, scope: Scope, send: Send) -> None:
        if reply.stream is not None:
            await self._pass_on(reply, reply.stream, scope, send)
            return
        held = 0 if reply.is_small else len(reply.body)
        if held and self._held + held > policy.MAX_BUFFERED:
            held = 0
            reply = refusal(Refuse(503, "Busy", "Too many large answers at once. Try again in a moment."), scope)
        self._held += held
        try:
            await _start(reply, reply.framed(scope["method"]), send)
            if held:
                await bodies.send_large(send, reply.body)
            else:
                await send({"type": "http.response.body", "body": reply.body})
        except bodies.Stalled:
            _abort(scope)
        finally:
            self._held -= held

    async def _pass_on(self, reply: Reply, stream: Stream, scope: Scope, send: Send) -> None:
        """A streamed answer. Where it breaks off the connection is cut, which tells the visitor that it is not whole."""
        headers, length = reply.headers, reply.length
        try:
            if scope["method"] != "HEAD" and length is None and scope["http_version"] == "1.0":
                # HTTP/1.0 has no chunks.
                body = await bodies.collected(stream, policy.MAX_BODY, policy.BODY_WAIT)
                await _start(reply, [*headers, (b"content-length", b"%d" % len(body))], send)
                await bodies.send_large(send, body)
                return
            if length is not None:
                headers.append((b"content-length", b"%d" % length))
            await _start(reply, headers, send)
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": True})  # the head need not wait
                await bodies.send_stream(send, stream, length)
        except BrokenOff as broken:
            tell(reply, broken)
            _abort(scope)
        except bodies.Stalled:
            _abort(scope)
        finally:
            stream.close()


async def _start(reply: Reply, headers: Headers, send: Send) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})


def _abort(scope: Scope) -> None:
    """Cuts the visitor's connection; `connections` gives the means."""
    scope["extensions"][ABORT]()

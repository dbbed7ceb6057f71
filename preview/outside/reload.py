"""Live reload for ``dev``: an ASGI wrapper that adds a small script to HTML pages, and the event stream that it
listens to.

Only whole, uncompressed HTML answers get the script. Where a page's own content security policy names a nonce the
script carries it; a policy without one that forbids inline scripts also forbids this one, and then the page is
reloaded by hand.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from preview.outside.bodies import Receive, Scope, Send
from preview.outside.policy import Headers

PATH = "/__quickedit__/reload"
_BEAT = 15.0  # seconds between two signs of life on the stream

_SCRIPT = """<script%s>(()=>{const shown="%s";new EventSource("%s").onmessage=(event)=>{
if(event.data!==shown)location.reload()}})()</script>"""
_NONCE = re.compile(rb"script-src[^;]*'nonce-([A-Za-z0-9+/_=-]+)'")


class Reloading:
    """Around a front. ``changed`` tells every open page that a new revision answers."""

    def __init__(self, front: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._front = front
        self._revision = ""
        self._moved = asyncio.Event()
        self._closing = False

    def changed(self, revision: int) -> None:
        self._revision = str(revision)
        self._wake()

    def close(self) -> None:
        """Ends the open streams, so that the server can end."""
        self._closing = True
        self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            await self._stream(receive, send)
        elif scope["type"] == "http" and scope["method"] == "GET":
            await self._front(scope, receive, _Injector(send, self._revision))
        else:
            await self._front(scope, receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            while not gone.done() and not self._closing:
                moved = asyncio.ensure_future(self._moved.wait())
                await send(
                    {"type": "http.response.body", "body": b"data: %s\n\n" % self._revision.encode(), "more_body": True}
                )
                await asyncio.wait({gone, moved}, timeout=_BEAT, return_when=asyncio.FIRST_COMPLETED)
                moved.cancel()
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Injector:
    """The ``send`` of one request: where the answer is an HTML page, the script goes behind it.

    A page with a length is held until it is whole; of a streamed one the script is the last piece.
    """

    def __init__(self, send: Send, revision: str) -> None:
        self._send = send
        self._revision = revision
        self._start: Scope | None = None
        self._nonce = ""
        self._is_page = False
        self._held: list[bytes] = []

    async def __call__(self, message: Scope) -> None:
        if message["type"] == "http.response.start":
            fields = dict(message["headers"])
            page = fields.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in fields
            self._is_page = page
            if page:
                self._revision = fields.get(b"x-quickedit-revision", self._revision.encode()).decode("latin-1")
                message["headers"], self._nonce = _allow(message["headers"])
                if b"content-length" in fields:
                    self._start = message
                    return
        elif self._is_page:
            await self._page(message)
            return
        await self._send(message)

    async def _page(self, message: Scope) -> None:
        start, more = self._start, message.get("more_body", False)
        if start is None:
            if not more:
                message["body"] = _with_script(message["body"], self._nonce, self._revision)
            await self._send(message)
            return
        self._held.append(message["body"])
        if more:
            return
        message["body"] = _with_script(b"".join(self._held), self._nonce, self._revision)
        length = b"%d" % len(message["body"])
        start["headers"] = [(name, length if name == b"content-length" else value) for name, value in start["headers"]]
        await self._send(start)
        await self._send(message)


def _allow(headers: Headers) -> tuple[Headers, str]:
    """The headers with policies that let a script with their nonce listen to the stream, and the nonce."""
    nonce = ""
    changed: Headers = []
    for name, value in headers:
        if name == b"content-security-policy" and (found := _NONCE.search(value)):
            nonce = found[1].decode()
            if b"connect-src" not in value:
                value += b"; connect-src 'self'"
        changed.append((name, value))
    return changed, nonce


def _with_script(body: bytes, nonce: str, revision: str) -> bytes:
    script = (_SCRIPT % (f' nonce="{nonce}"' if nonce else "", re.sub("[^0-9]", "", revision), PATH)).encode()
    end = body.lower().rfind(b"</body>")
    return body + script if end < 0 else body[:end] + script + body[end:]

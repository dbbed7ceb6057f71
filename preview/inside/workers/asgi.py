"""`workers.asgi`: an ASGI application as a worker's handler. FastAPI, Starlette, Quart, Django's asgi and the like.

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await asgi.fetch(app, request, self.env)

`request.scope["env"]` is the worker's `env`. The application's lifespan starts with its first request and lasts as long
as the process that answers; on Cloudflare it starts and ends around each request. WebSockets come the same way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from .body import Message
from .entrypoint import wait_until
from .request import Request
from .response import Response
from .streams import pieces
from .websocket import CloseEvent, WebSocketPair

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]

_VERSIONS = {"version": "3.0", "spec_version": "2.4"}
_WITHOUT_BODY = (204, 205, 304)
_log = logging.getLogger("workers.asgi")
_lifespans: WeakKeyDictionary[Any, _Lifespan] = WeakKeyDictionary()


async def fetch(app: Application, request: Request, env: Any = None, ctx: Any = None) -> Response:
    """The application's answer to a request, streamed where it streams, a WebSocket where that is asked for.

    Raises what the application raises, also where it has answered with a 500 of its own; RuntimeError where it does not
    answer at all.
    """
    state = await _started(app)
    if (request.headers.get("upgrade") or "").lower() == "websocket":
        return await _Socket(app, _scope(request, env, state, "websocket")).open()
    return await _Exchange(app, request, _scope(request, env, state, "http")).answer()


async def websocket(app: Application, request: Request, env: Any = None) -> Response:
    """The application's answer to a request for a WebSocket; `fetch` does the same for such a request."""
    state = await _started(app)
    return await _Socket(app, _scope(request, env, state, "websocket")).open()


def _scope(request: Request, env: Any, state: dict[str, Any], kind: str) -> Event:
    parts = urlsplit(request.url)
    scheme = parts.scheme
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": _VERSIONS,
        "http_version": "1.1",
        "scheme": scheme if kind == "http" else "wss" if scheme == "https" else "ws",
        "path": unquote(parts.path) or "/",
        "raw_path": (parts.path or "/").encode("latin-1", "replace"),
        "query_string": parts.query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()
        ],
        "server": (parts.hostname or "", parts.port or (443 if scheme == "https" else 80)),
        "client": None,
        "state": dict(state),
        "env": env,
    }
    if kind == "http":
        scope["method"] = str(request.method)
    else:
        offered = request.headers.get("sec-websocket-protocol", "")
        scope["subprotocols"] = [name.strip() for name in offered.split(",") if name.strip()]
    return scope


# --- one request ------------------------------------------------------------------------------------------------------


class _Exchange:
    """One request to the application: its body in, its answer out."""

    def __init__(self, app: Application, request: Request, scope: Event) -> None:
        self._app = app
        self._scope = scope
        self._body = _body(request)
        self._start: Event | None = None
        self._chunks: asyncio.Queue[bytes | None] | None = None
        loop = asyncio.get_running_loop()
        self._response: asyncio.Future[Response] = loop.create_future()
        self._done: asyncio.Future[None] = loop.create_future()

    async def answer(self) -> Response:
        task = asyncio.ensure_future(self._app(self._scope, self._receive, self._send))
        try:
            both: set[asyncio.Future[Any]] = {task, self._response}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            task.cancel()
            raise
        if not self._response.done():
            task.result()
            raise RuntimeError("the ASGI application ended without an answer")
        response = self._response.result()
        if task.done():
            task.result()
        elif response.status == 500 and self._done.done():
            # Frameworks answer with their own page and then raise: the exception tells more than the page.
            await asyncio.sleep(0)
            if task.done():
                task.result()
        if not task.done():
            wait_until(task)
        return response

    async def _receive(self) -> Event:
        async for chunk, more in self._body:
            return {"type": "http.request", "body": chunk, "more_body": more}
        await asyncio.shield(self._done)
        return {"type": "http.disconnect"}

    async def _send(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            self._start = event
        elif event["type"] == "http.response.body":
            await self._send_body(bytes(event.get("body", b"")), bool(event.get("more_body")))

    async def _send_body(self, chunk: bytes, more: bool) -> None:
        if self._start is None:
            raise RuntimeError("the ASGI application sent a body before the start of its answer")
        if self._done.done():
            return
        if self._chunks is None and more:
            self._chunks = asyncio.Queue(1)
            self._response.set_result(self._made(self._stream(self._chunks)))
        if self._chunks is None:
            self._response.set_result(self._made(chunk))
        elif chunk:
            await self._chunks.put(chunk)
        if not more:
            if self._chunks is not None:
                await self._chunks.put(None)
            elif not self._done.done():
                self._done.set_result(None)

    async def _stream(self, chunks: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
        try:
            while (chunk := await chunks.get()) is not None:
                yield chunk
        finally:
            if not self._done.done():
                self._done.set_result(None)
            while not chunks.empty():  # what waits to send on gets room, and is dropped
                chunks.get_nowait()

    def _made(self, body: bytes | AsyncIterator[bytes]) -> Response:
        assert self._start is not None
        status = int(self._start["status"])
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._start.get("headers", ())]
        if status in _WITHOUT_BODY:
            body = b""
        return Response._made(status, headers, body)


async def _body(request: Message) -> AsyncIterator[tuple[bytes, bool]]:
    source = request._use()
    if source is None:
        yield request._content, False
        return
    async for chunk in pieces(source):
        yield chunk, True
    yield b"", False


# --- one WebSocket ----------------------------------------------------------------------------------------------------


class _Socket:
    """One WebSocket to the application, accepted once the application accepts it."""

    def __init__(self, app: Application, scope: Event) -> None:
        self._app = app
        self._scope = scope
        self._client, self._server = WebSocketPair()
        self._connected = False
        self._accepted: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    async def open(self) -> Response:
        task = asyncio.ensure_future(self._app(self._scope, self._receive, self._send))
        both: set[asyncio.Future[Any]] = {task, self._accepted}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not self._accepted.done():
            task.result()
            raise RuntimeError("the ASGI application neither accepted the WebSocket nor closed it")
        if not task.done():
            wait_until(self._ended(task))
        return self._accepted.result()

    async def _ended(self, task: asyncio.Future[None]) -> None:
        try:
            await task
        except BaseException:
            self._server.close(1011, "the worker failed")
            raise
        self._server.close(1000)

    async def _receive(self) -> Event:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        event = await self._server.receive()
        if isinstance(event, CloseEvent):
            return {"type": "websocket.disconnect", "code": event.code, "reason": event.reason}
        key = "text" if isinstance(event.data, str) else "bytes"
        return {"type": "websocket.receive", key: event.data}

    async def _send(self, event: Event) -> None:
        kind = event["type"]
        if kind == "websocket.accept" and not self._accepted.done():
            self._server.accept()
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.get("headers", ())]
            if event.get("subprotocol"):
                headers.append(("sec-websocket-protocol", event["subprotocol"]))
            self._accepted.set_result(Response(None, status=101, headers=headers, web_socket=self._client))
        elif kind == "websocket.send":
            text = event.get("text")
            self._server.send(text if text is not None else event["bytes"])
        elif kind == "websocket.close" and not self._accepted.done():
            self._accepted.set_result(Response("Forbidden", status=403))
        elif kind == "websocket.close":
            self._server.close(event.get("code") or 1000, event.get("reason") or "")


# --- the lifespan -----------------------------------------------------------------------------------------------------


class _Lifespan:
    """The application's start-up, once; its shutdown is the end of the process."""

    def __init__(self, app: Application) -> None:
        self.state: dict[str, Any] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._events.put_nowait({"type": "lifespan.startup"})
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._run(app))

    async def started(self) -> None:
        await asyncio.shield(self._ready)

    async def _run(self, app: Application) -> None:
        try:
            await app({"type": "lifespan", "asgi": _VERSIONS, "state": self.state}, self._events.get, self._send)
        except Exception as error:
            # Before it has said anything: it knows no lifespan, which is allowed.
            if self._ready.done():
                _log.error("the lifespan of the ASGI application failed", exc_info=error)
        if not self._ready.done():
            self._ready.set_result(None)

    async def _send(self, event: Event) -> None:
        if self._ready.done():
            return
        if event["type"] == "lifespan.startup.complete":
            self._ready.set_result(None)
        elif event["type"] == "lifespan.startup.failed":
            message = event.get("message") or "it does not say why"
            self._ready.set_exception(RuntimeError(f"the ASGI application failed to start: {message}"))


async def _started(app: Application) -> dict[str, Any]:
    try:
        lifespan = _lifespans.get(app)
    except TypeError:  # an application that cannot be remembered, such as one with __slots__, goes without
        return {}
    if lifespan is None:
        try:
            lifespan = _lifespans[app] = _Lifespan(app)
        except TypeError:
            return {}
    await lifespan.started()
    return lifespan.state


__all__ = ["fetch", "websocket"]

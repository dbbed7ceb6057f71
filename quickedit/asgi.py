"""The ASGI application of the control plane, the same under Daphne and uvicorn: one router by Host, then by protocol.

The public host goes to Django, its static files and the bridge; the editor's host to static files only, without
cookies; any other host is refused (rebinding). The editor's WebSocket is opened by pages of exactly our own origin.
Nothing here decides about people or workers: that is the views' and the bridge's.
"""

from __future__ import annotations

import gc
import json
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quickedit.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # also loads the apps, which the imports below need

from django.conf import settings  # noqa: E402
from django.core.signals import request_finished  # noqa: E402

from quickedit import checks, headers, health, middleware, programs  # noqa: E402
from quickedit.editor.consumer import Bridge  # noqa: E402
from quickedit.statics import StaticFiles  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_BRIDGE_PATH = re.compile(r"/ws/workers/([^/]{1,64})")
_STATIC_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
_EDITOR_HEADERS = _STATIC_HEADERS | {
    "Content-Security-Policy": headers.editor_policy(),
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": headers.PERMISSIONS,
    "Origin-Agent-Cluster": "?1",
}
_page_files = StaticFiles(settings.FRONTEND_DIST, headers=_STATIC_HEADERS)
_editor_files = StaticFiles(settings.FRONTEND_DIST, headers=_EDITOR_HEADERS, index="editor.html")
_bridge = Bridge.as_asgi()

checks.refuse_errors()
programs.install()
request_finished.connect(middleware.close_connections, dispatch_uid="quickedit.asgi")


def _single(scope: Scope, name: bytes) -> str | None:
    """The value of a header that must be there exactly once; None otherwise."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def _host(scope: Scope) -> str:
    """The Host header in lower case, without the scheme's own port."""
    host = (_single(scope, b"host") or "").lower()
    return host.removesuffix(":443" if settings.HTTPS else ":80")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The whole control plane. Servers call it; unknown protocols are a programming error of theirs."""
    kind = scope["type"]
    if kind == "http":
        await _http(scope, receive, send)
    elif kind == "websocket":
        await _websocket(scope, receive, send)
    elif kind == "lifespan":
        await _lifespan(receive, send)
    else:
        raise RuntimeError(f"a server asked for the protocol {kind!r}")


async def _http(scope: Scope, receive: Receive, send: Send) -> None:
    host, path = _host(scope), scope["path"]
    if path == "/healthz":
        await health.answer(cast(Any, send))
    elif host == settings.PUBLIC_HOST:
        if path.startswith("/static/"):
            await _page_files.serve(scope, send, path.removeprefix("/static/"))
        else:
            await django_application(cast(Any, scope), cast(Any, receive), cast(Any, send))
    elif host == settings.EDITOR_HOST:
        await _editor(scope, send, path)
    else:
        await _plain(send, 400, f"Nothing is served under this host name. Quick Edit is at {settings.PUBLIC_ORIGIN}\n")


async def _editor(scope: Scope, send: Send, path: str) -> None:
    if path == "/parents.json":
        body = json.dumps([settings.PUBLIC_ORIGIN]).encode()
        await _send(
            send, 200, body, {"Content-Type": "application/json", "Cache-Control": "no-store"} | _EDITOR_HEADERS
        )
    else:
        await _editor_files.serve(scope, send, path.removeprefix("/"))


async def _websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """O1, O2: the origin is compared as a whole and must be there; a browser cannot be made to forge it."""
    path = _BRIDGE_PATH.fullmatch(scope["path"])
    if _host(scope) != settings.PUBLIC_HOST or _single(scope, b"origin") != settings.PUBLIC_ORIGIN or path is None:
        await receive()
        await send({"type": "websocket.close", "code": 4403})
        return
    await _bridge(cast(Any, scope | {"worker_name": path[1]}), cast(Any, receive), cast(Any, send))


async def begin() -> None:
    """Connects to the runner, which asks who answers at a host: deployed workers are served before anybody opens a page."""
    # With the usual threshold of 700 objects, a third of the time went into looking again and again through what sessions hold.
    gc.freeze()
    gc.set_threshold(10_000)
    await programs.connect()


async def _lifespan(receive: Receive, send: Send) -> None:
    """Uvicorn's start and end. Daphne has no lifespan: there the process ends by closing sockets (see the bridge)."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await begin()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await programs.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _plain(send: Send, status: int, text: str) -> None:
    extra = {
        "Content-Type": "text/plain; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    await _send(send, status, text.encode(), extra)


async def _send(send: Send, status: int, body: bytes, extra: dict[str, str]) -> None:
    encoded = [(name.lower().encode(), value.encode()) for name, value in extra.items()]
    encoded.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})

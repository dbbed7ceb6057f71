"""In ``dev``, the address that runs the ``scheduled`` handler, where Cloudflare's own dev server has it:
``/cdn-cgi/handler/scheduled?cron=*+*+*+*+*&time=1745856238``. A visitor of a deployed worker never meets it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from preview.outside.bindings.events import Events

_PATHS = ("/cdn-cgi/handler/scheduled", "/__scheduled")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Triggering:
    """An ASGI application in front of ``app``; ``cron`` gives the expression where the address names none."""

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], events: Events, key: str, cron: Callable[[], str]
    ) -> None:
        self._app = app
        self._events = events
        self._key = key
        self._cron = cron

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in _PATHS:
            await self._app(scope, receive, send)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        at = query.get("time", [""])[0]
        moment = int(at) * 1000 if at.isdecimal() and len(at) <= 12 else int(time.time() * 1000)
        outcome = await self._events.scheduled(self._key, query.get("cron", [self._cron()])[0][:100], moment)
        status, text = (500, f"error: {outcome.error}\n") if outcome.error else (200, "ok\n")
        body = text.encode("utf-8", "replace")
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

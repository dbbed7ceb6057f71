"""Queues to send to: `await self.env.QUEUE.send({"id": 1})`, as Cloudflare documents them.

What arrives is in `events`: the worker's `queue` handler receives a MessageBatch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .results import Binding, options, plain

_SEND = frozenset(["contentType", "delaySeconds"])
_BATCH = frozenset(["delaySeconds"])
_MESSAGE = frozenset(["body", "contentType", "delaySeconds", "options"])


class Queue(Binding):
    """A queue that this worker may send to. A message is at most 128,000 bytes."""

    _capability = "queue"

    async def send(self, body: Any, options_: Mapping[str, Any] | None = None, **keywords: Any) -> None:
        """Sends a message; done once it is durable. Options: `contentType` ("json", "text", "bytes" or "v8") and
        `delaySeconds`, at most 43,200."""
        chosen = options(options_, keywords, _SEND, "send()")
        await self._send([(body, chosen)], batch=False)

    async def sendBatch(
        self, messages: Iterable[Mapping[str, Any]], options_: Mapping[str, Any] | None = None, **keywords: Any
    ) -> None:
        """Sends at most 100 messages at once, all or none: `[{"body": …}, {"body": …, "delaySeconds": 60}]`."""
        common = options(options_, keywords, _BATCH, "sendBatch()")
        sent = []
        for message in messages:
            given: object = message
            if not (isinstance(given, Mapping) and "body" in given):
                raise TypeError('sendBatch() takes a list of {"body": …}')
            rest = {name: value for name, value in message.items() if name not in ("body", "options")}
            sent.append((message["body"], common | options(message.get("options"), rest, _SEND, "a message")))
        await self._send(sent, batch=True)

    send_batch = sendBatch

    async def _send(self, messages: list[tuple[Any, dict[str, Any]]], *, batch: bool) -> None:
        bodies, heads = [], []
        for body, chosen in messages:
            usual = "bytes" if isinstance(body, bytes | bytearray | memoryview) else "json"
            kind = chosen.get("contentType", usual)
            encoded = _encoded(body, kind)
            bodies.append(encoded)
            heads.append({"type": kind, "size": len(encoded), "delay": chosen.get("delaySeconds")})
        await self._call("send", {"messages": heads, "batch": batch}, b"".join(bodies))


def _encoded(body: Any, kind: str) -> bytes:
    if kind == "text":
        if not isinstance(body, str):
            raise TypeError(f"a message of contentType “text” must be str, not {type(body).__name__}")
        return body.encode("utf-8", "replace")
    if kind == "bytes":
        if not isinstance(body, bytes | bytearray | memoryview):
            raise TypeError(f"a message of contentType “bytes” must be bytes, not {type(body).__name__}")
        return bytes(body)
    if kind not in ("json", "v8"):
        raise TypeError(f"contentType is one of json, text, bytes, v8, not {kind!r}")
    return json.dumps(plain(body), ensure_ascii=False).encode("utf-8", "replace")

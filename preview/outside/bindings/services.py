"""Service bindings: one worker asks another deployed worker's ``fetch``, within the runner.

The other is found by its name, as a visitor would find it, so this gives a worker nothing that the public address does
not. A chain of workers that ask each other is cut at a length.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from preview.outside.bindings.capability import declared
from preview.outside.calls import CallError, Context

MAX_DEPTH = 16
"""Workers that may wait for each other in a chain: Cloudflare's limit."""
MAX_CALLS = 32
"""Service calls of one request: Cloudflare's limit."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,57}")

Ask = Callable[[str, str, str, list[tuple[str, str]], bytes, int], Awaitable[tuple[int, list[tuple[str, str]], bytes]]]
"""(worker's name, method, path with query, headers, body, depth) → (status, headers, body). May raise CallError."""


class _Arguments(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    method: str
    url: str
    headers: list[tuple[str, str]]


class Services:
    """``ask`` makes the request; the runner connects it once its front is there."""

    def __init__(self) -> None:
        self.ask: Ask | None = None

    async def call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
        if method != "fetch":
            raise CallError("unknown", "A service binding has fetch() only.")
        asked = msgspec.convert(args, _Arguments)
        binding = declared(context, "service", asked.binding)
        if binding.options.get("entrypoint") not in (None, "", "Default", "default"):
            raise CallError(
                "unknown", f"env.{binding.name} names an entrypoint; only the default one can be bound here."
            )
        if not _NAME.fullmatch(binding.resource):
            raise CallError("unknown", f"“{binding.resource[:64]}” cannot be the name of a worker.")
        if self.ask is None:
            raise CallError("unknown", "There are no other workers here.")
        depth = context.origin.depth + 1
        if depth > MAX_DEPTH:
            raise CallError("too-many", f"{MAX_DEPTH} workers already wait for each other: do they ask in a circle?")
        context.spend("service calls", MAX_CALLS)
        parts = urlsplit(asked.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status, headers, data = await self.ask(binding.resource, asked.method, target, asked.headers, body, depth)
        return {"status": status, "headers": headers}, data

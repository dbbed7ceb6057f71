"""Service bindings: one worker asks another deployed worker's ``fetch``, or calls a method of it, within the runner.

The other is found by its name, as a visitor would find it, so ``fetch`` gives a worker nothing that the public address
does not. Methods are not public: web says who may call them. A chain of workers that ask each other is cut at a length.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from preview.declared import Binding
from preview.exchange import PeerAway
from preview.outside.bindings.capability import declared
from preview.outside.calls import CallError, Context

MAX_DEPTH = 16
"""Workers that may wait for each other in a chain: Cloudflare's limit."""
MAX_CALLS = 32
"""Service calls of one request: Cloudflare's limit."""
ASK_AGAIN = 10.0
"""Seconds after which it is asked again whether a worker may call another."""
_REMEMBERED = 4096
_NAME = re.compile(r"[a-z][a-z0-9-]{0,57}")

Ask = Callable[[str, str, str, list[tuple[str, str]], bytes, int], Awaitable[tuple[int, list[tuple[str, str]], bytes]]]
"""(worker's name, method, path with query, headers, body, depth) → (status, headers, body). May raise CallError."""
Invoke = Callable[[str, str, bytes, int], Awaitable[tuple[tuple[str, str] | None, bytes]]]
"""(worker's name, method, arguments, depth) → (class and message of what it raised, what it returned). May raise
CallError."""
MayCall = Callable[[str, str], Awaitable[bool]]
"""(calling worker's id, called worker's name) → whether it may. May raise PeerAway."""


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    method: str
    url: str
    headers: list[tuple[str, str]]


class _Method(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    name: Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class Services:
    """``ask`` makes a request, ``invoke`` a call, ``may_call`` says to whom; the runner connects them once its front is
    there."""

    def __init__(self) -> None:
        self.ask: Ask | None = None
        self.invoke: Invoke | None = None
        self.may_call: MayCall | None = None
        self._may: OrderedDict[tuple[str, str], tuple[bool, float]] = OrderedDict()

    async def call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
        if method == "fetch":
            return await self._fetch(context, msgspec.convert(args, _Request), body)
        if method == "call":
            return await self._call(context, msgspec.convert(args, _Method), body)
        raise CallError("unknown", f"A service binding has no {method}.")

    async def _fetch(self, context: Context, asked: _Request, body: bytes) -> tuple[Any, bytes]:
        binding, depth = _admit(context, asked.binding)
        if self.ask is None:
            raise CallError("unknown", "There are no other workers here.")
        parts = urlsplit(asked.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status, headers, data = await self.ask(binding.resource, asked.method, target, asked.headers, body, depth)
        return {"status": status, "headers": headers}, data

    async def _call(self, context: Context, asked: _Method, body: bytes) -> tuple[Any, bytes]:
        binding, depth = _admit(context, asked.binding)
        if self.invoke is None:
            raise CallError("unknown", "There are no other workers here.")
        if not await self._may_call(context.worker_id, binding.resource):
            raise CallError(
                "forbidden",
                f"env.{binding.name}: not everybody who may change this worker may change “{binding.resource}”, so it cannot "
                "call methods of that. fetch() asks any worker.",
            )
        return await self.invoke(binding.resource, asked.name, body, depth)

    async def _may_call(self, worker: str, name: str) -> bool:
        """As web says; where it is away, as it said last. Raises CallError where it never did."""
        known, until = self._may.get((worker, name), (None, 0.0))
        if known is not None and until > time.monotonic():
            return known
        if self.may_call is None:
            return False
        try:
            allowed = await self.may_call(worker, name)
        except PeerAway:
            if known is None:
                raise CallError("failed", "Quick Edit, which knows whose workers these are, is away.") from None
            allowed = known
        self._may[worker, name] = allowed, time.monotonic() + ASK_AGAIN
        self._may.move_to_end((worker, name))
        if len(self._may) > _REMEMBERED:
            self._may.popitem(last=False)
        return allowed


def _admit(context: Context, name: str) -> tuple[Binding, int]:
    """The binding, and how many workers wait with this one for the answer. Raises CallError."""
    binding = declared(context, "service", name)
    if binding.options.get("entrypoint") not in (None, "", "Default", "default"):
        raise CallError("unknown", f"env.{binding.name} names an entrypoint; only the default one can be bound here.")
    if not _NAME.fullmatch(binding.resource):
        raise CallError("unknown", f"“{binding.resource[:64]}” cannot be the name of a worker.")
    depth = context.origin.depth + 1
    if depth > MAX_DEPTH:
        raise CallError("too-many", f"{MAX_DEPTH} workers already wait for each other: do they ask in a circle?")
    context.spend("service calls", MAX_CALLS)
    return binding, depth

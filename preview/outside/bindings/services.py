"""Service bindings: one worker asks another deployed worker's ``fetch``, or calls a method of it, within the runner.

The other is found by its name, as a visitor would find it, so ``fetch`` gives a worker nothing that the public address
does not. Methods are not public: web says who may call them. A chain of workers that ask each other is cut at a length.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

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
_NOBODY = "There are no other workers here."
_NAME = re.compile(r"[a-z][a-z0-9-]{0,57}")
_ENTRYPOINT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Target(NamedTuple):
    """Who is asked: a worker by its name, its class Default or another ``entrypoint``, and how many workers wait."""

    name: str
    entrypoint: str
    depth: int


Ask = Callable[[Target, str, str, list[tuple[str, str]], bytes], Awaitable[tuple[int, list[tuple[str, str]], bytes]]]
"""(whom, method, path with query, headers, body) → (status, headers, body). May raise CallError."""
Invoke = Callable[[Target, str, bytes], Awaitable[tuple[tuple[str, str] | None, bytes]]]
"""(whom, method, arguments) → (class and message of what it raised, what it returned). May raise CallError."""
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
        to = _admit(context, asked.binding)
        if self.ask is None:
            raise CallError("unknown", _NOBODY)
        if to.entrypoint:  # what the public address does not show
            await self._check(context, asked.binding, to)
        parts = urlsplit(asked.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status, headers, data = await self.ask(to, asked.method, target, asked.headers, body)
        return {"status": status, "headers": headers}, data

    async def _call(self, context: Context, asked: _Method, body: bytes) -> tuple[Any, bytes]:
        to = _admit(context, asked.binding)
        if self.invoke is None:
            raise CallError("unknown", _NOBODY)
        await self._check(context, asked.binding, to)
        return await self.invoke(to, asked.name, body)

    async def _check(self, context: Context, binding: str, to: Target) -> None:
        if not await self._may_call(context.worker_id, to.name):
            raise CallError(
                "forbidden",
                f"env.{binding}: not everybody who may change this worker may change “{to.name}”, so it reaches nothing of "
                "that but the fetch() of its public address.",
            )

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


def _admit(context: Context, name: str) -> Target:
    """Whom a binding names. Raises CallError where it cannot be asked."""
    binding = declared(context, "service", name)
    entrypoint = str(binding.options.get("entrypoint") or "")
    if entrypoint and not _ENTRYPOINT.fullmatch(entrypoint):
        raise CallError("unknown", f"“{entrypoint[:64]}” cannot be the name of an entrypoint.")
    if not _NAME.fullmatch(binding.resource):
        raise CallError("unknown", f"“{binding.resource[:64]}” cannot be the name of a worker.")
    depth = context.origin.depth + 1
    if depth > MAX_DEPTH:
        raise CallError("too-many", f"{MAX_DEPTH} workers already wait for each other: do they ask in a circle?")
    context.spend("service calls", MAX_CALLS)
    return Target(binding.resource, "" if entrypoint in ("Default", "default") else entrypoint, depth)

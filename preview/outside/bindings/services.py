"""Service bindings: one worker asks another deployed worker's ``fetch``, or calls a method of it, within the runner.

The other is found by its name, as a visitor would find it, so ``fetch`` gives a worker nothing that the public address
does not. Methods are not public: web says who may call them. A chain of workers that ask each other is cut at a length.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from preview.exchange import PeerAway, Program
from preview.outside.bindings.capability import declared
from preview.outside.bindings.permissions import Permissions
from preview.outside.calls import CallError, Context

MAX_DEPTH = 16
"""Workers that may wait for each other in a chain: Cloudflare's limit."""
MAX_CALLS = 32
"""Service calls of one request: Cloudflare's limit."""
_NOBODY = "There are no other workers here."
_NAME = re.compile(r"[a-z][a-z0-9-]{0,57}")
_ENTRYPOINT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Target(NamedTuple):
    """Who is asked: a worker by its name, its class Default ("") or another ``entrypoint``, how many workers wait, and what
    the asking worker's configuration gives along. ``binding`` is what that calls it."""

    binding: str
    name: str
    entrypoint: str
    depth: int
    props: Mapping[str, Any]


Permit = Callable[[Program], Awaitable[None]]
"""Raises CallError where the worker that was found must not be called."""
Headers = list[tuple[str, str]]
Ask = Callable[[Target, str, str, Headers, bytes, Permit | None], Awaitable[tuple[int, Headers, bytes]]]
"""(whom, method, path with query, headers, body) → (status, headers, body). May raise CallError."""
Invoke = Callable[[Target, str, bytes, Permit], Awaitable[tuple[tuple[str, str] | None, bytes]]]
"""(whom, method, arguments) → (class and message of what it raised, what it returned). May raise CallError."""


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    method: str
    url: str
    headers: list[tuple[str, str]]


class _Method(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    name: Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class Services:
    """``ask`` makes a request, ``invoke`` a call; the runner connects them once its front is there."""

    def __init__(self, permissions: Permissions) -> None:
        self.permissions = permissions
        self.ask: Ask | None = None
        self.invoke: Invoke | None = None

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
        # The one is what the public address does not show, the other what no visitor can say.
        permit = self._permit(context, to) if to.entrypoint or to.props else None
        parts = urlsplit(asked.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status, headers, data = await self.ask(to, asked.method, target, asked.headers, body, permit)
        return {"status": status, "headers": headers}, data

    async def _call(self, context: Context, asked: _Method, body: bytes) -> tuple[Any, bytes]:
        to = _admit(context, asked.binding)
        if self.invoke is None:
            raise CallError("unknown", _NOBODY)
        return await self.invoke(to, asked.name, body, self._permit(context, to))

    def _permit(self, context: Context, to: Target) -> Permit:
        async def permit(program: Program) -> None:
            try:
                allowed = await self.permissions.may_call(context.worker_id, program.key.partition(":")[2])
            except PeerAway:
                raise CallError("failed", "Quick Edit, which knows whose workers these are, is away.") from None
            if not allowed:
                raise CallError(
                    "forbidden",
                    f"env.{to.binding}: not everybody who may change this worker may change “{to.name}”, so it reaches nothing "
                    "of that but the fetch() of its public address.",
                )

        return permit


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
    entrypoint = "" if entrypoint in ("Default", "default") else entrypoint
    return Target(name, binding.resource, entrypoint, depth, binding.options.get("props") or {})

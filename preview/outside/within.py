"""Requests and calls that do not come from the network: those of the editor's HTTP tab, and of workers to each other.

``control`` takes the first, ``serve`` connects the others to the service bindings.
"""

from __future__ import annotations

import re

from preview.exchange import AskRequest, Refused
from preview.outside import policy
from preview.outside.bindings.events import Events
from preview.outside.bindings.services import Ask, Invoke, Permit, Target
from preview.outside.calls import CallError
from preview.outside.failures import Refuse
from preview.outside.front import Front
from preview.outside.incoming import Request

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"/[\x21-\x22\x24-\x7e]*")


def request_of(message: AskRequest, authority: str) -> Request:
    """A request that a person typed, made as strict as one that came through the HTTP parser. Raises Refused."""
    if not _TOKEN.fullmatch(message.method):
        raise Refused("bad-request", "The method is not one that HTTP allows.")
    if not _TARGET.fullmatch(message.path):
        raise Refused("bad-request", "The path must begin with “/” and be percent-encoded.")
    if len(message.body) > policy.MAX_BODY:
        raise Refused("too-large", f"A request's body can be at most {policy.MAX_BODY // (1024 * 1024)} MiB.")
    headers = [(b"host", authority.encode())]
    size = len(message.path)
    for name, value in message.headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Refused("bad-request", f"The header {name[:64]!r} is not one that HTTP allows.")
        size += len(name) + len(value)
        if name.lower() not in ("host", "content-length"):
            headers.append((name.lower().encode(), value.encode("latin-1")))
    if size > policy.MAX_HEAD:
        raise Refused("too-large", f"The headers are over {policy.MAX_HEAD // 1024} KiB.")
    if message.body:
        headers.append((b"content-length", b"%d" % len(message.body)))
    return Request(message.host, authority, message.method, message.path, headers, message.body, size)


def asking(front: Front, domain: str) -> Ask:
    """How a worker's service binding reaches another worker: as a request from outside would, but for the network."""

    async def ask(
        to: Target, method: str, target: str, headers: list[tuple[str, str]], body: bytes, permit: Permit | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        try:
            request = request_of(AskRequest(to.name, method, target, headers, body), f"{to.name}.{domain}")
        except (Refused, UnicodeEncodeError) as refused:
            raise CallError("bad-argument", str(refused)) from None
        request.depth, request.entrypoint, request.props = to.depth, to.entrypoint, to.props
        status, found, data = await front.inside(request, permit)
        return status, [(key.decode("latin-1"), value.decode("latin-1")) for key, value in found], data

    return ask


def invoking(front: Front, events: Events) -> Invoke:
    """How a worker's service binding calls a method of another worker."""

    async def invoke(to: Target, method: str, arguments: bytes, permit: Permit) -> tuple[tuple[str, str] | None, bytes]:
        try:
            async with front.running(to.name) as (_, run):
                await permit(run.program)
                outcome = await events.call(run, to, method, arguments)
        except Refuse as refused:
            raise CallError("failed", refused.notice.message or refused.notice.title) from None
        if outcome.raised is None and outcome.error:
            raise CallError("failed", f"{to.name}.{method}: {outcome.error}")
        return outcome.raised, outcome.value

    return invoke

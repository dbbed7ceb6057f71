"""A visitor's request as the front reads it, and as it is put to a child. Trusts nothing in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from preview import protocol
from preview.exchange import Host
from preview.outside import bodies, policy
from preview.outside.failures import Refuse
from preview.outside.hosts import BadHost, Names
from preview.outside.policy import Headers

_SURELY_FITS = protocol.MAX_HEAD // 8
"""Bytes of headers that fit a frame whatever they are: escapes make JSON up to six times as long as the wire."""


class Request(msgspec.Struct):
    """A request with its body, or with ``more`` of it to come. ``authority`` is the Host header, ``target`` the path with
    its query."""

    label: str
    authority: str
    method: str
    target: str
    headers: Headers
    body: bytes
    size: int
    """Bytes of target and headers."""
    more: AsyncIterator[bytes] | None = None
    websocket: bool = False
    depth: int = 0
    """How many workers wait for the answer, each through a service binding."""
    entrypoint: str = ""
    """The class that such a binding names; "" for Default."""
    props: Mapping[str, Any] = {}
    """What such a binding gives along."""


def read(names: Names, method: str, target: bytes, headers: Headers) -> tuple[Request, int | None]:
    """The request, and the size of its body: None where there is none, -1 where nobody said. Raises Refuse."""
    authority = None
    hosts = 0
    body_size: int | None = None
    size = len(target)
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"host":
            authority = value
            hosts += 1
        elif name == b"content-length":
            body_size = bodies.declared(value)
        elif name == b"transfer-encoding":
            body_size = -1
    if size > policy.MAX_HEAD:
        raise Refuse(431, "Headers too large", f"The request's headers are over {policy.MAX_HEAD // 1024} KiB.")
    try:
        label = names.label(authority if hosts == 1 else None)
    except BadHost as bad:
        raise Refuse(bad.status, "Nothing answers here", str(bad)) from None
    assert authority is not None
    request = Request(label, authority.decode("latin-1"), method, target.decode("latin-1"), headers, b"", size)
    return request, body_size


def head(request: Request, host: Host, scheme: str) -> dict[str, Any]:
    """That of the frame to the child. Raises Refuse where it does not fit."""
    frame: dict[str, Any] = {
        "method": request.method,
        "url": f"{scheme}://{request.authority}{request.target}",
        "headers": policy.request_headers(request.headers, websocket=request.websocket),
        "private": host.private and host.host.startswith("p-"),
    }
    if request.websocket:
        frame["websocket"] = True
    if request.entrypoint:
        frame["entrypoint"] = request.entrypoint
    if request.props:
        frame["props"] = request.props
    if request.props or request.size > _SURELY_FITS:
        _check(frame)
    return frame


def _check(frame: dict[str, Any]) -> None:
    if len(json.dumps(frame, separators=(",", ":"))) > protocol.MAX_HEAD - 64:
        raise Refuse(431, "Headers too large", "The request's headers are too large for a worker.")

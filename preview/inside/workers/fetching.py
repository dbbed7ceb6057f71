"""`fetch()` to other servers. The supervisor makes the request, under its policy and limits: a worker has no network."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPMethod
from typing import Any, Literal, NoReturn

from . import _outside
from .body import Body
from .headers import Headers, HeadersInit
from .request import Request
from .response import Response

_IGNORED = frozenset(["cf", "credentials", "cache", "mode", "referrer", "referrerPolicy", "integrity", "keepalive"])
_Redirect = Literal["follow", "manual", "error"]


async def fetch(
    resource: str | Request,
    options: dict[str, Any] | None = None,
    /,
    *,
    method: HTTPMethod | str | None = None,
    headers: HeadersInit | None = None,
    body: Body = None,
    redirect: _Redirect | None = None,
    fetcher: Callable[..., Any] | None = None,
    **other: Any,
) -> Response:
    """Sends a request to another server: `response = await fetch("https://example.com/", method="POST", body="…")`.

    `redirect` is "follow" (20 at most), "manual" or "error". Raises OutsideError where the policy forbids the address,
    a limit is reached or the server cannot be reached; a status such as 404 is an answer, not an error.
    """
    given = {"method": method, "headers": headers, "body": body, "redirect": redirect, **other}
    given = {**_plain(options), **{name: value for name, value in given.items() if value is not None}}
    unknown = given.keys() - _IGNORED - {"method", "headers", "body", "redirect", "signal"}
    if unknown:
        _refuse(sorted(unknown)[0])
    request = _request(resource, given)
    if fetcher is not None:
        return await fetcher(request)  # type: ignore[no-any-return]
    return await send(request, request.redirect)


async def send(request: Request, redirect: str = "follow") -> Response:
    """A request on its way out, and its response."""
    args = arguments(request, redirect)
    head, content = await _outside.call("http", "fetch", args, await request._read())
    return response(head, content)


def arguments(request: Request, redirect: str = "follow") -> dict[str, Any]:
    """What the supervisor is told of a request beside its body."""
    return {
        "url": request.url,
        "method": str(request.method),
        "headers": request.headers.items(),
        "redirect": redirect,
    }


def response(head: dict[str, Any], content: bytes) -> Response:
    """The supervisor's answer as a Response."""
    return Response._received(head["status"], head["headers"], content, head["url"], head["redirected"])


def _request(resource: str | Request, given: dict[str, Any]) -> Request:
    options = {name: given[name] for name in ("method", "headers", "body", "redirect") if given.get(name) is not None}
    if "headers" in options:
        options["headers"] = Headers(_plain(options["headers"]))
    return Request(resource if isinstance(resource, Request) else str(resource), **options)


def _plain(value: Any) -> Any:
    """What `to_js` of the `pyodide.ffi` shim wrapped, as it was."""
    return value.to_py() if hasattr(value, "to_py") else value or {}


def _refuse(name: str) -> NoReturn:
    raise TypeError(f"fetch() takes no {name!r}; it takes method, headers, body and redirect")


__all__ = ["fetch"]

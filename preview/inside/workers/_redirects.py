"""Redirects of what is not on the network: `env.ASSETS.fetch` and `env.OTHER.fetch` follow them as the request says.

Those of other servers are followed by the supervisor, which checks each address. The rules are those of the Fetch standard
(https://fetch.spec.whatwg.org/#http-redirect-fetch).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

from ._outside import OutsideError
from .headers import Headers
from .request import Request
from .response import Response

_REDIRECTS = (301, 302, 303, 307, 308)
_OF_THE_BODY = ("content-encoding", "content-language", "content-location", "content-type", "content-length")
_MOST = 20


async def answered(request: Request, ask: Callable[[Request], Awaitable[Response]]) -> Response:
    """The answer of `ask`, redirects followed unless the request says otherwise. Raises OutsideError where there are too
    many, or the request forbids them."""
    method, body, headers = str(request.method), await request._read(), Headers(request.headers)
    for hop in range(_MOST + 1):
        with_body = body if method not in ("GET", "HEAD") else None
        response = await ask(Request(request.url, method=method, headers=headers, body=with_body))
        location = response.headers.get("location")
        if request.redirect == "manual" or response.status not in _REDIRECTS or location is None:
            response._url, response._redirected = request.url, hop > 0
            return response
        if request.redirect == "error":
            raise OutsideError("redirect", f"{request.url} answered with a redirect, which this fetch forbids.")
        if (response.status == 303 and method != "HEAD") or (response.status in (301, 302) and method == "POST"):
            method, body = "GET", b""
            for name in _OF_THE_BODY:
                headers.delete(name)
        request = Request(urljoin(request.url, location), redirect=request.redirect)
    raise OutsideError("redirect", f"{request.url} redirects more than {_MOST} times.")

"""The request that a worker's `fetch` receives.

The names are those of Cloudflare's Python workers. `path` and `query` are additions of Quick Edit; where a worker shall
also run on Cloudflare, use `urllib.parse.urlsplit(request.url)`.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPMethod
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from .body import Body, Message
from .headers import Headers, HeadersInit
from .results import plain, result
from .streams import ByteStream

_WITHOUT_PATH = re.compile(r"https?://[^/?#]+(?=[?#]|$)", re.IGNORECASE)
_METHODS: dict[str, HTTPMethod] = {method.value: method for method in HTTPMethod}


class Query(Mapping[str, str]):
    """The parameters after the `?` of an address, decoded. `query.get("page", "1")`; the first value of a name wins."""

    __slots__ = ("_pairs",)

    def __init__(self, text: str) -> None:
        self._pairs = parse_qsl(text, keep_blank_values=True)

    def get_all(self, name: str) -> list[str]:
        """Every value of a parameter, in order; an empty list where there is none."""
        return [value for key, value in self._pairs if key == name]

    def __getitem__(self, name: str) -> str:
        for key, value in self._pairs:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key for key, _ in self._pairs))

    def __len__(self) -> int:
        return len({key for key, _ in self._pairs})

    def __repr__(self) -> str:
        return f"Query({self._pairs!r})"


class Request(Message):
    """An HTTP request: `method`, `url`, `headers`, and a body that can be read once."""

    __slots__ = ("_cf", "_method", "_redirect", "_url")

    _method: str
    _url: str
    _redirect: str

    def __init__(
        self,
        input: Request | str,
        *,
        method: HTTPMethod | str | None = None,
        headers: HeadersInit | None = None,
        body: Body = None,
        redirect: str | None = None,
        cf: Mapping[str, Any] | None = None,
    ) -> None:
        """`redirect` is what `fetch` does with one: "follow", "manual" or "error". `cf` is kept, and means nothing here."""
        base = input if isinstance(input, Request) else None
        self._url = base._url if base else _whole(str(input))
        self._redirect = redirect or (base.redirect if base else "follow")
        self._cf: Any = result(plain(cf)) if cf is not None else base.cf if base else None
        self._method = str(method).upper() if method else base._method if base else "GET"
        self.headers = Headers(headers if headers is not None else base.headers if base else None)
        if body is None and base is not None:
            self._fill_from(base)
            return
        if body is not None and self._method in ("GET", "HEAD"):
            raise TypeError(f"a {self._method} request cannot have a body")
        content_type = self._fill(body, "Request")
        if content_type and "content-type" not in self.headers:
            self.headers.set("content-type", content_type)

    @classmethod
    def _received(
        cls,
        method: str,
        url: str,
        headers: Iterable[Iterable[str]],
        body: builtins.bytes,
        more: ByteStream | None = None,
    ) -> Request:
        """A request from the server, which has checked its parts; ``more`` in place of a body that is still to come."""
        request = cls.__new__(cls)
        request._method, request._url = method, url
        request._redirect, request._cf = "manual", None
        request.headers = Headers._received(headers)
        request._content, request._source, request._used = body, more, False
        return request

    @property
    def method(self) -> HTTPMethod:
        """The method in capitals, comparable to a str: `request.method == "POST"`."""
        return _METHODS.get(self._method) or cast(HTTPMethod, self._method)  # a method of the sender's own stays a str

    @property
    def url(self) -> str:
        """The whole address, `http://host/path?query`."""
        return self._url

    @property
    def js_object(self) -> Request:
        """The request itself: on Cloudflare, the JavaScript object behind it."""
        return self

    _js_request = js_object

    @property
    def redirect(self) -> str:
        """What `fetch` does with a redirect: "follow", "manual" or "error". "manual" for a request that a visitor sent, so that
        one that is passed on comes back to the visitor."""
        return self._redirect

    @property
    def cf(self) -> Any:
        """What the request was made with. None for one that was received: what Cloudflare's network knows is not known
        here."""
        return self._cf

    @property
    def path(self) -> str:
        """The decoded path, `/hello/Zoë`. Quick Edit only: elsewhere `urlsplit(request.url).path`."""
        return unquote(urlsplit(self._url).path) or "/"

    @property
    def query(self) -> Query:
        """The decoded parameters: `request.query.get("name")`. Quick Edit only: elsewhere
        `parse_qs(urlsplit(request.url).query)`."""
        return Query(urlsplit(self._url).query)

    async def json(self, **options: Any) -> Any:
        """The body parsed as JSON. Raises json.JSONDecodeError (a ValueError); OSError on a second read."""
        return await self._read_json(**options)

    def clone(self) -> Request:
        """A second request with the same body, so that both can be read. Raises OSError once it was read."""
        other = Request._received(self._method, self._url, self.headers.items(), b"")
        other._redirect, other._cf = self._redirect, self._cf
        other._fill(self._split(), "Request")
        return other

    def __repr__(self) -> str:
        return f"Request(method={self._method!r}, url={self._url!r})"


def _whole(url: str) -> str:
    """With the path that every address has: `https://example.com` is `https://example.com/`."""
    found = _WITHOUT_PATH.match(url)
    return url if found is None else f"{found[0]}/{url[found.end() :]}"

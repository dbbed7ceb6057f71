"""The response that a worker's `fetch` returns.

The names and defaults are those of Cloudflare's Python workers and of the web's `Response`. Whatever HTTP cannot carry
is refused here, at the author's line.
"""

from __future__ import annotations

import json as _json
from collections.abc import AsyncIterator, Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .body import Body, Message
from .headers import Headers, HeadersInit
from .websocket import WebSocket

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_REDIRECTS = (301, 302, 303, 307, 308)
_WITHOUT_BODY = (204, 205, 304)


class _Json:
    """Makes `json` both `Response.json(data)`, which builds, and `await response.json()`, which reads."""

    def __get__(self, instance: Response | None, owner: type[Response]) -> Callable[..., Any]:
        return owner.from_json if instance is None else instance._read_json


class Response(Message):
    """An HTTP response.

    `Response("text")`, `Response(html, headers={"content-type": "text/html;charset=utf-8"})`,
    `Response.json({"ok": True})`, `Response.redirect("https://example.com/")`.
    """

    __slots__ = ("_redirected", "_status", "_status_text", "_url", "web_socket")

    web_socket: WebSocket | None
    """The client's end of a WebSocket, with status 101."""

    def __init__(
        self,
        body: Body = None,
        status: HTTPStatus | int | None = None,
        status_text: str = "",
        headers: HeadersInit | None = None,
        web_socket: WebSocket | None = None,
    ) -> None:
        """`body` is str, bytes, FormData or Blob, or an iterable of str or bytes, plain or async, which is streamed; a
        str without a content-type header becomes text/plain. With `web_socket` the status is 101.

        Raises TypeError for other bodies (for JSON use `Response.json`), ValueError for a status outside 200–599 or a
        header that HTTP cannot carry.
        """
        self.web_socket = web_socket
        if web_socket is None:
            self._status = _checked_status(status)
        elif status not in (None, 101) or body is not None:
            raise ValueError("a Response with a web_socket has status 101 and no body")
        else:
            self._status = 101
        self._status_text = status_text
        self._url, self._redirected = "", False
        self.headers = Headers(headers)
        content_type = self._fill(body, "Response")
        if body is not None and self._status in _WITHOUT_BODY:
            raise TypeError(f"a response with status {self._status} has no body: pass None")
        if content_type and "content-type" not in self.headers:
            self.headers.set("content-type", content_type)

    @classmethod
    def _received(
        cls, status: int, headers: Iterable[Iterable[str]], content: bytes, url: str, redirected: bool
    ) -> Response:
        """A response from another server, whatever its status."""
        made = cls.__new__(cls)
        made._status, made._status_text = status, _PHRASES.get(status, "")
        made._url, made._redirected = url, redirected
        made.headers = Headers._received(headers)
        made._content, made._source, made._used = content, None, False
        made.web_socket = None
        return made

    @classmethod
    def _made(cls, status: int, headers: Iterable[tuple[str, str]], body: bytes | AsyncIterator[bytes]) -> Response:
        """A response of an application behind `workers.asgi` or `workers.wsgi`, checked like any other."""
        made = cls(None, status)
        for name, value in headers:
            made.headers.append(name, value)
        made._fill(body, "Response")
        return made

    @property
    def js_object(self) -> Response:
        """The response itself: on Cloudflare, the JavaScript object behind it."""
        return self

    js_response = js_object

    @property
    def url(self) -> str:
        """Where it came from, after redirects; empty for a response of the worker's own."""
        return self._url

    @property
    def redirected(self) -> bool:
        """Whether `fetch` followed a redirect to get it."""
        return self._redirected

    @property
    def status(self) -> int:
        """The status code, 200 unless set."""
        return self._status

    @property
    def status_text(self) -> str:
        """The reason phrase, that of the status unless set; HTTP/2 and later do not carry it."""
        return self._status_text or _PHRASES.get(self._status, "")

    @property
    def ok(self) -> bool:
        """Whether the status is 200–299."""
        return 200 <= self._status <= 299

    @staticmethod
    def from_json(
        data: Any,
        status: HTTPStatus | int = HTTPStatus.OK,
        status_text: str = "",
        headers: HeadersInit | None = None,
    ) -> Response:
        """A response with `data` as JSON. Raises TypeError where `data` is not JSON-serialisable."""
        response = Response(_json.dumps(data), status, status_text, {"content-type": "application/json"})
        for name, value in Headers(headers).items():
            if name.lower() == "content-type":
                response.headers.delete("content-type")
            response.headers.append(name, value)
        return response

    if TYPE_CHECKING:

        @staticmethod
        def json(
            data: Any,
            status: HTTPStatus | int = HTTPStatus.OK,
            status_text: str = "",
            headers: HeadersInit | None = None,
        ) -> Response:
            """A response with `data` as JSON. Raises TypeError where `data` is not JSON-serialisable."""
            ...
    else:
        json = _Json()

    @staticmethod
    def redirect(url: str, status: HTTPStatus | int = HTTPStatus.FOUND) -> Response:
        """A redirect; `status` is one of 301, 302, 303, 307, 308.

        On Cloudflare `url` must be absolute (`urllib.parse.urljoin(request.url, "/done")` makes it so); here a path
        will do. Raises ValueError for another status.
        """
        if int(status) not in _REDIRECTS:
            raise ValueError(f"{int(status)} is not a redirect: use one of {', '.join(map(str, _REDIRECTS))}")
        return Response(None, status, headers={"location": str(url)})

    def clone(self) -> Response:
        """A second response with the same body, so that both can be read. Raises OSError once it was read."""
        made = self.replace_body(self._split())
        made._url, made._redirected = self._url, self._redirected
        return made

    def replace_body(self, body: Body) -> Response:
        """A new response with the same status and headers and another body."""
        return Response(body or None, self._status, self._status_text, self.headers)

    def __repr__(self) -> str:
        shown = [f"status={self._status}"]
        if self.status_text:
            shown.append(f"status_text={self.status_text!r}")
        if "content-type" in self.headers:
            shown.append(f"content_type={self.headers['content-type']!r}")
        return f"Response({', '.join(shown)})"


FetchResponse = Response
"""What `fetch` gives. On Cloudflare it has a class of its own."""


def _checked_status(status: HTTPStatus | int | None) -> int:
    if status is None:
        return 200
    if isinstance(status, bool) or not isinstance(status, int):
        raise TypeError(f"status must be an int, not {type(status).__name__}")
    if status == 101:
        raise ValueError("status 101 is a WebSocket's: pass the client's end of a WebSocketPair as web_socket")
    if not 200 <= status <= 599:
        raise ValueError(f"status {int(status)} is outside 200–599")
    return int(status)

"""Makes the HTTP clients of Python's world go the way of `fetch`: urllib and http.client, urllib3 and requests, httpx.

A worker has no sockets. When one of these modules is imported, the part of it that would open a connection is replaced
by one that asks the supervisor; all above it (sessions, redirects, retries, cookies) is the client's own. What the
supervisor refuses becomes the client's own kind of error. No part of the documented API.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from email.message import Message
from types import ModuleType
from typing import Any

from . import _outside

Pairs = Sequence[tuple[str, str]]


def _args(method: str, url: str, headers: Pairs, timeout: object) -> dict[str, Any]:
    seconds = timeout if isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0 else None
    pairs = [(str(name), str(value)) for name, value in headers]
    # The client follows redirects itself, by its own rules.
    return {"method": method, "url": url, "headers": pairs, "redirect": "manual", "timeout": seconds}


def _blocking(method: str, url: str, headers: Pairs, body: bytes, timeout: object = None) -> tuple[int, Pairs, bytes]:
    answer, content = _outside.call_blocking("http", "fetch", _args(method, url, headers, timeout), body)
    return answer["status"], [(name, value) for name, value in answer["headers"]], content


# --- http.client, and with it urllib ----------------------------------------------------------------------------------


class _Wire:
    """In place of a socket: takes a request's bytes, and gives those of its answer once they are read."""

    def __init__(self, scheme: str, host: str, port: int, timeout: object) -> None:
        self._base = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        self._timeout = timeout
        self._sent = bytearray()

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, mode: str, *args: Any, **options: Any) -> io.BufferedIOBase:
        head, _, body = bytes(self._sent).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        if any(name.lower() == "transfer-encoding" for name, _ in pairs):
            body = _unchunked(body)
        url = target if target.startswith(("http://", "https://")) else self._base + target
        self._sent.clear()
        try:
            status, headers, content = _blocking(method, url, pairs, body, self._timeout)
        except _outside.OutsideError as error:
            raise (TimeoutError if error.code == "timeout" else ConnectionError)(error.message) from None
        size = next((value for name, value in headers if name.lower() == "content-length"), str(len(content)))
        kept = [
            pair for pair in headers if pair[0].lower() not in ("transfer-encoding", "content-length", "connection")
        ]
        kept += [("Content-Length", size if method == "HEAD" else str(len(content))), ("Connection", "close")]
        lines = [f"HTTP/1.1 {status} ", *(f"{name}: {value}" for name, value in kept), "", ""]
        return io.BufferedReader(io.BytesIO("\r\n".join(lines).encode("latin-1") + content))

    def settimeout(self, seconds: object) -> None:
        self._timeout = seconds

    def setsockopt(self, *args: Any) -> None:
        pass

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass


def _unchunked(body: bytes) -> bytes:
    made = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        made, body = made + rest[:length], rest[length + 2 :]
    return made


def _patch_http_client(module: ModuleType) -> None:
    def connecting(scheme: str) -> Callable[[Any], None]:
        def connect(self: Any) -> None:
            self.sock = _Wire(scheme, self.host, self.port, self.timeout)

        return connect

    module.HTTPConnection.connect = connecting("http")
    if hasattr(module, "HTTPSConnection"):
        module.HTTPSConnection.connect = connecting("https")


# --- urllib3, and with it requests ------------------------------------------------------------------------------------


def _patch_urllib3(module: ModuleType) -> None:
    from urllib3.response import HTTPResponse  # type: ignore[import-not-found, unused-ignore]

    class Connection:
        """What a pool of urllib3's takes for a connection; see its BaseHTTPConnection."""

        scheme = "http"
        default_port = 80
        is_verified = True
        proxy_is_verified = None
        is_closed = False
        is_connected = True
        has_connected_to_proxy = False
        proxy = proxy_config = None
        sock = None

        def __init__(self, host: str, port: int | None = None, *, timeout: object = None, **options: Any) -> None:
            self.host, self.port, self.timeout = host, port, timeout
            self._asked: tuple[str, str, Pairs, bytes, dict[str, Any]] | None = None

        def set_tunnel(self, *args: Any, **options: Any) -> None:
            raise ConnectionError("a worker reaches other servers directly, never through a proxy")

        def connect(self) -> None:
            pass

        def request(
            self,
            method: str,
            url: str,
            body: Any = None,
            headers: Mapping[str, str] | None = None,
            *,
            chunked: bool = False,
            preload_content: bool = True,
            decode_content: bool = True,
            enforce_content_length: bool = True,
        ) -> None:
            if not url.startswith(("http://", "https://")):
                host = f"[{self.host}]" if ":" in self.host else self.host
                url = f"{self.scheme}://{host}:{self.port or self.default_port}{url}"
            options = {"preload_content": preload_content, "decode_content": decode_content}
            self._asked = method, url, list((headers or {}).items()), _content(body), options

        def getresponse(self) -> Any:
            assert self._asked is not None
            method, url, headers, body, options = self._asked
            try:
                status, received, content = _blocking(method, url, headers, body, self.timeout)
            except _outside.OutsideError as error:
                raise (TimeoutError if error.code == "timeout" else ConnectionError)(error.message) from None
            made, original = module.HTTPHeaderDict(), _Original()
            for name, value in received:
                made.add(name, value)
                original.msg.add_header(name, value)
            return HTTPResponse(
                io.BytesIO(content), headers=made, status=status, version=11, version_string="HTTP/1.1", reason="",
                request_method=method, request_url=url, enforce_content_length=False,
                original_response=original, **options,
            )  # fmt: skip

        def close(self) -> None:
            self._asked = None

    class SecureConnection(Connection):
        scheme = "https"
        default_port = 443

        def set_cert(self, *args: Any, **options: Any) -> None:
            pass

    pools = module.connectionpool
    pools.HTTPConnectionPool.ConnectionCls = Connection
    pools.HTTPSConnectionPool.ConnectionCls = SecureConnection


class _Original:
    """What cookie jars, such as that of requests, read an answer's headers from."""

    def __init__(self) -> None:
        self.msg = Message()

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        pass


def _content(body: Any) -> bytes:
    """A body in any of the forms that urllib3 takes."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if hasattr(body, "read"):
        read = body.read()
        return read.encode() if isinstance(read, str) else bytes(read)
    return b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in body)


# --- httpx ------------------------------------------------------------------------------------------------------------


def _patch_httpx(module: ModuleType) -> None:
    httpx: Any = module

    def asked(request: Any) -> tuple[str, str, Pairs, object]:
        limits = request.extensions.get("timeout") or {}
        waits = [limits.get(name) for name in ("connect", "read")]
        timeout = max((wait for wait in waits if wait is not None), default=None)
        return request.method, str(request.url), request.headers.multi_items(), timeout

    def answered(request: Any, status: int, headers: Pairs, content: bytes) -> Any:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content), request=request)

    def failed(request: Any, error: _outside.OutsideError) -> Exception:
        kind = httpx.ReadTimeout if error.code == "timeout" else httpx.ConnectError
        made: Exception = kind(error.message, request=request)
        return made

    class Transport(httpx.BaseTransport):  # type: ignore[misc]
        """In place of httpx.HTTPTransport; proxies, certificates and local addresses are not a worker's to choose."""

        def __init__(self, *args: Any, **options: Any) -> None:
            pass

        def handle_request(self, request: Any) -> Any:
            method, url, headers, timeout = asked(request)
            try:
                return answered(request, *_blocking(method, url, headers, request.read(), timeout))
            except _outside.OutsideError as error:
                raise failed(request, error) from None

    class AsyncTransport(httpx.AsyncBaseTransport):  # type: ignore[misc]
        """In place of httpx.AsyncHTTPTransport."""

        def __init__(self, *args: Any, **options: Any) -> None:
            pass

        async def handle_async_request(self, request: Any) -> Any:
            method, url, headers, timeout = asked(request)
            try:
                args = _args(method, url, headers, timeout)
                answer, content = await _outside.call("http", "fetch", args, await request.aread())
            except _outside.OutsideError as error:
                raise failed(request, error) from None
            pairs = [(name, value) for name, value in answer["headers"]]
            return answered(request, answer["status"], pairs, content)

    for name, ours in (("HTTPTransport", Transport), ("AsyncHTTPTransport", AsyncTransport)):
        setattr(httpx, name, ours)
        setattr(sys.modules["httpx._client"], name, ours)


# --- at import --------------------------------------------------------------------------------------------------------

_PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "http.client": _patch_http_client,
    "urllib3": _patch_urllib3,
    "httpx": _patch_httpx,
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds those modules where they are, and has them patched once they are imported. A worker's own are left alone."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in _PATCHES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None and not (spec.origin or "").startswith("/worker/"):
            spec.loader = _Loader(spec.loader, _PATCHES[name])
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any, patch: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._patch = patch

    def __getattr__(self, name: str) -> Any:  # inspect and importlib.resources ask for more than a Loader has
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._patch(module)


def install() -> None:
    """For the runtime, once: from now on these clients go through the supervisor, those that are imported already too."""
    sys.meta_path.insert(0, _Finder())
    for name in _PATCHES.keys() & sys.modules.keys():
        _PATCHES[name](sys.modules[name])

"""`workers.wsgi`: a WSGI application as a worker's handler. Flask, Django and the like.

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await wsgi.fetch(app, request, self.env)

The application runs in a thread, so that one that waits, for a database or another server, holds up no other request.
`request.environ["workers.env"]` is the worker's `env`.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from .request import Request
from .response import Response

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_WITHOUT_BODY = (204, 205, 304)
_END = object()


async def fetch(app: Application, request: Request, env: Any = None, ctx: Any = None) -> Response:
    """The application's answer to a request; one of unknown length is streamed. Raises what the application raises."""
    return await asyncio.to_thread(_Call(app, environ(request, env, await request.bytes())).run)


def environ(request: Request, env: Any, body: bytes) -> Environ:
    """The request as PEP 3333 has it: text is bytes in latin-1."""
    parts = urlsplit(request.url)
    made: Environ = {
        "REQUEST_METHOD": str(request.method),
        "SCRIPT_NAME": "",
        "PATH_INFO": (unquote(parts.path) or "/").encode("utf-8", "replace").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "REQUEST_URI": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme or "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "workers.env": env,
        "workers.request": request,
    }
    for name in dict.fromkeys(name.lower() for name in request.headers):
        # A header with an underscore would pass for one with a hyphen.
        if name not in ("content-type", "content-length") and "_" not in name:
            separator = "; " if name == "cookie" else ", "
            key = f"HTTP_{name.upper().replace('-', '_')}"
            made[key] = separator.join(request.headers._values(name))
    return made


class _Call:
    """One call of the application, in a thread of its own."""

    def __init__(self, app: Application, environ: Environ) -> None:
        self._app = app
        self._environ = environ
        self._started: tuple[int, list[tuple[str, str]]] | None = None
        self._written: list[bytes] = []

    def run(self) -> Response:
        result = self._app(self._environ, self._start_response)
        chunks = iter(result)
        try:
            first = next(chunks, b"")  # an application may start its answer with the first chunk only
        except BaseException:
            _close(result)
            raise
        if self._started is None:
            _close(result)
            raise RuntimeError("the WSGI application did not call start_response")
        status, headers = self._started
        self._written.append(first)
        if not self._streams(result, headers):
            try:
                self._written += chunks
            finally:
                _close(result)
            body = b"" if status in _WITHOUT_BODY else b"".join(self._written)
            return Response._made(status, headers, body)
        return Response._made(status, headers, self._stream(result, chunks))

    def _streams(self, result: Iterable[bytes], headers: list[tuple[str, str]]) -> bool:
        if isinstance(result, list | tuple) or getattr(result, "streaming", None) is False:
            return False
        return not any(name.lower() == "content-length" for name, _ in headers)

    async def _stream(self, result: Iterable[bytes], chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        try:
            for chunk in self._written:
                yield chunk
            while (following := await asyncio.to_thread(next, chunks, _END)) is not _END:
                assert isinstance(following, bytes)
                yield following
        finally:
            await asyncio.to_thread(_close, result)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self._started is not None and exc_info is None:
            raise AssertionError("start_response was called twice")
        self._started = int(status.partition(" ")[0]), list(headers)
        return self._written.append


def _close(result: Iterable[bytes]) -> None:
    if (close := getattr(result, "close", None)) is not None:
        close()


__all__ = ["environ", "fetch"]

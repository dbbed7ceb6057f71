"""A small HTTP server beside the tests: what a worker's `fetch` meets, good and bad. It sees its own requests."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Upstream:
    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def _answer(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers.items()),
            "body": body.decode("latin-1"),
        }
        self.upstream.seen.append(seen)
        path, _, rest = self.path.partition("?")
        if path == "/redirect":
            self._send(int(rest.partition("&")[0]), b"", location=rest.partition("&")[2])
        elif path == "/gzip":
            self._send(200, gzip.compress(b"squeezed"), **{"content-encoding": "gzip"})
        elif path == "/bomb":
            self._send(200, _BOMB, **{"content-encoding": "gzip"})
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                self.close_connection = True
        elif path == "/cookie":
            self._send(200, b"", **{"set-cookie": "a=b"})
        elif path == "/status":
            self._send(int(rest), b"as asked")
        else:
            self._send(200, json.dumps(seen).encode(), **{"content-type": "application/json"})

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _answer

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


_BOMB = gzip.compress(bytes(64 << 20), 1)


@contextmanager
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    with serving(type("Handler", (_Handler,), {"upstream": made})) as made.port:
        yield made


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server on the loopback, in threads of its own; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

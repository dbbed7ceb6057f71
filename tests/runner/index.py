"""A package index (PEP 503) on the loopback, and wheels made by hand, so that installing needs no network."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.runner.servers import serving


class Index:
    """``files`` by name, of which each package's page lists those that begin with its name; ``seen`` are the paths asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.seen: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple"

    def add_wheel(
        self, name: str, version: str, files: Mapping[str, bytes], requires: Sequence[str] = (), python: str = ">=3.8"
    ) -> None:
        """A wheel for any platform. The names of ``files`` may be as hostile as a zip allows."""
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {python}\n" + "".join(
            f"Requires-Dist: {each}\n" for each in requires
        )
        parts = {
            **files,
            f"{info}/METADATA": metadata.encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in parts.items())
        parts[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in parts.items():
                archive.writestr(path, content)
        self.files[f"{name}-{version}-py3-none-any.whl"] = packed.getvalue()

    def add_source(self, name: str, version: str, setup: bytes) -> None:
        """A source distribution, which would have to be built by running ``setup``."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, content in (("setup.py", setup), ("PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\n".encode())):
                entry = tarfile.TarInfo(f"{name}-{version}/{path}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        self.files[f"{name}-{version}.tar.gz"] = packed.getvalue()

    def answer(self, path: str, *, count: bool) -> bytes | None:
        if count:
            self.seen.append(path)
        parts = path.strip("/").split("/")
        if parts[0] == "files":
            return self.files.get(parts[1])
        wanted = parts[-1].replace("-", "_")
        found = [name for name in self.files if name.split("-")[0].lower() == wanted]
        return "".join(f'<a href="/files/{name}">{name}</a>\n' for name in found).encode() if found else None


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@contextmanager
def package_index() -> Iterator[Index]:
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            body = index.answer(self.path, count=self.command == "GET")
            self.send_response(404 if body is None else 200)
            self.send_header(
                "Content-Type", "text/html" if self.path.startswith("/simple") else "application/octet-stream"
            )
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as index.port:
        yield index

"""Serves the built frontend: under ``/static/`` on the control plane and at ``/`` on the editor's origin.

An ASGI application of its own, mounted by ``quickedit.asgi``. Files are read once and kept in memory (the workbench is
a few megabytes of brotli), so that a cold editor costs no thread per file. It never follows a path out of its folder
and never serves a dot file or a source map's compressed twin by name.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_KEPT = 48 * 1024 * 1024
"""Bytes of file content kept in memory, over all files of one folder."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".wasm": "application/wasm",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".mp3": "audio/mpeg",
}
_COMPRESSED = (".br", ".gz", ".zst")
_IMMUTABLE = b"public, max-age=31536000, immutable"
_REVALIDATE = b"no-cache"


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]
    body: bytes
    etag: bytes


class StaticFiles:
    """The files below one folder. ``headers`` go with every answer; ``index`` is what the empty path means."""

    def __init__(self, root: Path, *, headers: Mapping[str, str], index: str = "") -> None:
        self._root = os.path.realpath(root)
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._index = index
        self._kept: OrderedDict[str, _File] = OrderedDict()
        self._kept_bytes = 0

    async def serve(self, scope: Scope, send: Send, path: str) -> None:
        """Answers GET and HEAD for ``path``, relative to the folder and without a slash at its beginning."""
        if scope["method"] not in ("GET", "HEAD"):
            await self._answer(scope, send, 405, [(b"allow", b"GET, HEAD")], b"This is a file: only GET and HEAD.\n")
            return
        headers = dict(scope["headers"])
        name = path or self._index
        brotli = b"br" in headers.get(b"accept-encoding", b"").replace(b" ", b"").split(b",")
        found = await self._find(name, brotli)
        if found is None:
            await self._answer(scope, send, 404, [(b"cache-control", b"no-store")], b"There is no such file.\n")
            return
        file, encoding = found
        answer = [
            (b"cache-control", _IMMUTABLE if name.startswith("assets/") else _REVALIDATE),
            (b"etag", file.etag),
            (b"vary", b"accept-encoding"),
        ]
        if file.etag in [tag.strip() for tag in headers.get(b"if-none-match", b"").split(b",")]:
            await self._answer(scope, send, 304, answer, None)
            return
        answer.append((b"content-type", _TYPES.get(os.path.splitext(name)[1], "application/octet-stream").encode()))
        if encoding:
            answer.append((b"content-encoding", encoding))
        await self._answer(scope, send, 200, answer, file.body)

    async def _answer(
        self, scope: Scope, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes | None
    ) -> None:
        all_headers = headers + self._headers
        if body is not None:
            all_headers.append((b"content-length", str(len(body)).encode()))
        if status >= 400:
            all_headers.append((b"content-type", b"text/plain; charset=utf-8"))
        await send({"type": "http.response.start", "status": status, "headers": all_headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body or b""})

    async def _find(self, name: str, brotli: bool) -> tuple[_File, bytes] | None:
        """The content and its encoding. The plain file must exist even where its compressed twin is what is sent."""
        parts = name.split("/")
        if (
            not name.isprintable()
            or "\\" in name
            or any(not part or part.startswith(".") for part in parts)
            or name.endswith(_COMPRESSED)
        ):
            return None
        path = os.path.join(self._root, *parts)
        if os.path.realpath(path) != path or _stamp(path) is None:
            return None
        if brotli:
            compressed = await self._read(f"{path}.br")
            if compressed is not None:
                return compressed, b"br"
        plain = await self._read(path)
        return None if plain is None else (plain, b"")

    async def _read(self, path: str) -> _File | None:
        stamp = _stamp(path)
        if stamp is None:
            return None
        kept = self._kept.get(path)
        if kept is not None and kept.stamp == stamp:
            self._kept.move_to_end(path)
            return kept
        try:
            body = await asyncio.to_thread(Path(path).read_bytes)
        except OSError:
            return None
        file = _File(stamp, body, b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode())
        self._keep(path, file)
        return file

    def _keep(self, path: str, file: _File) -> None:
        old = self._kept.pop(path, None)
        self._kept_bytes += len(file.body) - (len(old.body) if old else 0)
        self._kept[path] = file
        while self._kept_bytes > MAX_KEPT and self._kept:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped.body)


def _stamp(path: str) -> tuple[int, int] | None:
    """What changes when a file is built anew; None where it is no regular file."""
    try:
        info = os.stat(path, follow_symlinks=False)
    except (OSError, ValueError):
        return None
    return (info.st_mtime_ns, info.st_size) if stat.S_ISREG(info.st_mode) else None

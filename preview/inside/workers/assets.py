"""Static files of the bundle: what is served before the worker is asked, and `env.ASSETS.fetch(request)`.

They come from the worker's own memory; the rules of names and slashes are Cloudflare's static assets', by the names of
their settings. Only files below the directory of the configuration are assets.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from . import ranges
from ._redirects import answered
from .request import Request
from .response import Response

_CACHE = "public, max-age=0, must-revalidate"
_KINDS = {
    "js": "text/javascript", "mjs": "text/javascript", "webp": "image/webp", "avif": "image/avif", "woff2": "font/woff2",
    "wasm": "application/wasm", "webmanifest": "application/manifest+json", "md": "text/markdown",
}  # fmt: skip
"""What Python's own table lacks, or says in an older way."""
_UTF8 = ("text/", "application/json", "application/javascript", "application/manifest+json")


class Assets:
    """The assets of one worker. `settings` has Wrangler's names; `files` are paths below the directory."""

    def __init__(self, files: Mapping[str, bytes], settings: Mapping[str, Any]) -> None:
        self._files = files
        self._html: str = settings.get("html_handling") or "auto-trailing-slash"
        self._missing: str = settings.get("not_found_handling") or "none"
        self._worker_first: bool | list[str] = settings.get("run_worker_first") or False
        self._tags: dict[str, str] = {}
        self._pages: dict[str, str] = {}
        for path in files:
            self._pages.setdefault(self._address(path), path)

    async def fetch(self, resource: Request | str, options: Any = None, **more: Any) -> Response:
        """The asset at an address, whose host plays no part; a 404 where there is none, or what the configuration says. From
        `/page.html` to `/page` a redirect leads, which is followed, unless the request says otherwise, as one that came from a
        visitor does."""
        request = resource if isinstance(resource, Request) else Request(str(resource), **{**(options or {}), **more})
        return await answered(request, self._answer)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response("Method Not Allowed", status=405, headers={"allow": "GET, HEAD"})
        return self._found(request) or self._not_found(request)

    def before_worker(self, request: Request) -> Response | None:
        """The answer to a request that the worker need not see, None where it must."""
        if request.method not in ("GET", "HEAD") or self._is_for_worker(_path(request)):
            return None
        found = self._found(request)
        navigates = request.headers.get("sec-fetch-mode") == "navigate"
        if found is None and navigates and self._missing == "single-page-application":
            return self._not_found(request)
        return found

    def _is_for_worker(self, path: str) -> bool:
        rules = self._worker_first
        if isinstance(rules, bool):
            return rules
        if any(_fits(rule[1:], path) for rule in rules if rule.startswith("!")):
            return False
        return any(_fits(rule, path) for rule in rules if not rule.startswith("!"))

    def _found(self, request: Request) -> Response | None:
        path = _path(request)
        if file := self._pages.get(path):
            return self._made(request, file)
        if self._html != "none":
            for other in _spellings(path):
                if other in self._pages and other != path:
                    query = urlsplit(request.url).query
                    return Response.redirect(quote(other) + (f"?{query}" if query else ""), 307)
        return None

    def _not_found(self, request: Request) -> Response:
        if self._missing == "single-page-application" and "index.html" in self._files:
            return self._made(request, "index.html")
        if self._missing == "404-page":
            folder = _path(request).strip("/")
            while True:
                folder = folder.rpartition("/")[0]
                page = f"{folder}/404.html".lstrip("/")
                if page in self._files:
                    return self._made(request, page, 404)
                if not folder:
                    break
        return Response("Not Found", status=404)

    def _made(self, request: Request, file: str, status: int = 200) -> Response:
        content = self._files[file]
        tag = self._tags.get(file) or self._tags.setdefault(file, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        headers = [("etag", tag), ("cache-control", _CACHE)]
        held = [each.strip().removeprefix("W/") for each in (request.headers.get("if-none-match") or "").split(",")]
        if status == 200 and (tag in held or "*" in held):
            return Response._made(304, headers, b"")
        kind = _kind(file)
        kind += "; charset=utf-8" if kind.startswith(_UTF8) else ""
        headers = [("content-type", kind), *headers, ("accept-ranges", "bytes")]
        part = ranges.asked(request.headers, len(content), tag) if status == 200 and request.method == "GET" else None
        if part is None:
            return Response._made(status, headers, content)
        if not part:
            return Response._made(416, [("content-range", f"bytes */{len(content)}")], b"")
        headers.append(("content-range", f"bytes {part.start}-{part.stop - 1}/{len(content)}"))
        return Response._made(206, headers, content[part.start : part.stop])

    def _address(self, file: str) -> str:
        """The one address of a file: that of a page has no .html."""
        if not file.endswith(".html") or self._html == "none":
            return f"/{file}"
        page = f"/{file}".removesuffix(".html")
        if page.endswith("/index"):
            folder = page.removesuffix("index")
            return folder.rstrip("/") or "/" if self._html == "drop-trailing-slash" else folder
        return f"{page}/" if self._html == "force-trailing-slash" else page


def _kind(file: str) -> str:
    ending = file.rpartition(".")[2].lower()
    return _KINDS.get(ending) or mimetypes.guess_type(file, strict=False)[0] or "application/octet-stream"


def _path(request: Request) -> str:
    return unquote(urlsplit(request.url).path) or "/"


def _spellings(path: str) -> list[str]:
    """Other addresses by which people ask for the same page."""
    page = path.removesuffix(".html").rstrip("/")
    page = page.removesuffix("/index") if page.endswith("/index") else page
    return [page or "/", f"{page}/"]


def _fits(rule: str, path: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in rule.split("*")), path) is not None

"""A small worker of ours that a spare child loads and asks once before it meets a real one; see child.rehearse.

It uses what nearly all workers use: two modules, imports, a class, annotations, a print, JSON. What only some use (a
dataclass is a megabyte of pages) would be paid for by all.
"""

from __future__ import annotations

from preview import protocol

_MAIN = b"""
from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from rehearsed import greet
from workers import Request, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        query = parse_qs(urlsplit(request.url).query)
        name: str = query.get("name", ["world"])[0]
        print(f"greeting {name!r}")
        if request.headers.get("accept") == "application/json":
            return Response.json({"greeting": greet(name)})
        return Response(json.dumps([greet(name)]), headers={"content-type": "text/html"})
"""

_SIBLING = b'''
NAMES: dict[str, str] = {"en": "Hello", "de": "Hallo"}


def greet(name: str, language: str = "en") -> str:
    """Says hello."""
    return f"{NAMES[language]}, {name}!"
'''

_META = {
    "main": "rehearsal",
    "root": "",
    "env": {"NAME": "value"},
    "changed": None,
    "limits": {
        "cpu_s": 1.0,
        "wall_s": 1.0,
        "load_s": 1.0,
        "body_bytes": 1 << 20,
        "log_records": 10,
        "log_bytes": 1024,
    },
}
_HEAD = {"method": "GET", "url": "http://localhost/?name=x", "headers": [["accept", "text/html"]], "private": True}


def load_payload() -> bytes:
    return protocol.join_payload(_META, protocol.pack_modules({"rehearsal.py": _MAIN, "rehearsed.py": _SIBLING}))


def request_payload() -> bytes:
    return protocol.join_payload(_HEAD, b"")

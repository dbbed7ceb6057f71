"""A small worker of ours that a spare child loads and asks once before it meets a real one; see child.rehearse.

It uses what nearly all workers use: two modules, imports, a class, annotations, a print, JSON. What only some use (a
dataclass is a megabyte of pages) would be paid for by all.
"""

from __future__ import annotations

from preview import protocol

_MAIN = b"""
from rehearsed import greet
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(greet(request.url), headers={"content-type": "text/html"})
"""

_SIBLING = b'''
def greet(name: str, language: str = "en") -> str:
    """Says hello."""
    return f"Hello, {name}!"
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


# Made here, before the fork: a child only reads them.
LOAD = protocol.join_payload(_META, protocol.pack_modules({"rehearsal.py": _MAIN, "rehearsed.py": _SIBLING}))
REQUEST = protocol.join_payload(_HEAD, b"")

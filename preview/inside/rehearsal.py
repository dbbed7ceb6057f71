"""A small worker of ours that a spare child loads and asks once before it meets a real one; see child.rehearse.

It uses what nearly all workers use: modules, one of them compiled before, imports, a class, annotations, JSON. What only
some use (a dataclass is a megabyte of pages) would be paid for by all.
"""

from __future__ import annotations

import marshal

from preview import protocol
from preview.protocol import Kind

_MAIN = b"""
import json

from rehearsed import PLACES, greet
from workers import Response, WorkerEntrypoint

TITLE = "Rehearsal"


def page(title: str, body: str) -> str:
    return f"<h1>{title}</h1><p>{body}</p>"


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        heading = page(TITLE, greet(request.url))
        Response(heading)
        return Response(json.dumps({"heading": heading, "places": PLACES}), headers={"content-type": "text/html"})
"""

_SIBLING = b'''
PLACES: dict[str, str] = {"en": "stage", "de": "Probe"}


def greet(name: str, language: str = "en") -> str:
    """Says hello."""
    where = PLACES.get(language, "somewhere")
    return f"Hello, {name}, on {where}!"
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


# Names that nobody else has: each goes to another place of the table of all names, so that this has been touched all over.
_MAIN += b"def names(" + b", ".join(b"rehearsed_%d" % number for number in range(48)) + b"): pass\n"

# Made here, before the fork: a child only reads them.
_CODES = protocol.pack_modules({"rehearsed.py": marshal.dumps(compile(_SIBLING, "/worker/rehearsed.py", "exec"))})
LOAD = protocol.encode(
    Kind.TO_LOAD,
    0,
    protocol.join_payload(
        {**_META, "codes": len(_CODES)},
        protocol.pack_modules({"rehearsal.py": _MAIN, "rehearsed.py": _SIBLING}) + _CODES,
    ),
)
REQUEST = protocol.encode(Kind.TO_REQUEST, 1, protocol.join_payload(_HEAD, b""))

"""Writes ``tests/contract/wire/*.json``: every message with and without what may be left out, and frames to refuse.

Run it after a change of ``messages.py``: ``python -m tests.contract.make_wire``. The files are checked in, and read by
the tests of both sides; a test here fails where a kind of message has no case.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "wire"

PERSON = {"id": 7, "name": "Zoë 😀"}
DIGEST = "0123456789abcdef" * 4
OPERATIONS: list[dict[str, Any]] = [
    {"op": "edit", "file": "f-1_A", "changes": [3, [2], [0, "a", "", "b😀"], [1, "x"], 4]},
    {"op": "edit", "file": "f-1_A", "changes": []},
    {"op": "create", "file": "f2", "path": "lib/näme.py"},
    {"op": "create", "file": "f3", "path": "a.txt", "text": "one\ntwo\u0000\u2028", "eol": "crlf", "bom": True},
    {"op": "create-folder", "path": "lib/deep"},
    {"op": "delete", "path": "lib"},
    {"op": "rename", "path": "lib", "to": "src/lib"},
    {"op": "create", "file": "f4", "path": "logo.png", "digest": DIGEST, "size": 2048},
    {"op": "content", "file": "f4", "digest": DIGEST, "size": 0},
    {"op": "attributes", "file": "f3", "eol": "lf", "bom": False},
]
COMMITTED = {"t": "committed", "revision": 9, "client": "c1", "seq": 3, "by": 7, "at": 1_700_000_000_000}
RANGES = [{"anchor": 0, "head": 0}, {"anchor": 9, "head": 4}]
PRESENT = {"t": "presence", "client": "c2", "person": PERSON, "role": "editor"}
PENDING = {"client": "c1", "revision": 9, "seq": 3}
COLLEAGUE = {"client": "c2", "id": 7, "name": "Zoë 😀", "role": "viewer", "hue": 3}
BASES = [
    {"id": "f-1_A", "path": "main.py", "eol": "lf", "bom": False, "text": "one\n"},
    {"id": "f2", "path": "lib/b.py", "eol": "crlf", "bom": True},
    {"id": "f2", "path": "lib/b.py", "eol": "crlf", "bom": True, "text": None},
]
RECORD = {"level": "info", "text": "hello", "at": 1_700_000_000_001}

VALID: dict[str, list[dict[str, Any]]] = {
    "to-server": [
        {"t": "hello", "protocol": 1, "client": "c1"},
        {"t": "hello", "protocol": 1, "client": "0_-Az", "revision": None},
        {"t": "hello", "protocol": 1, "client": "c" * 64, "revision": 0},
        {"t": "hello", "protocol": 1, "client": "c1", "revision": 2**53 - 1},
        {"t": "op", "seq": 1, "base": 0, "ops": OPERATIONS},
        {"t": "op", "seq": 2, "base": 1, "ops": []},
        {"t": "op", "seq": 2, "base": 1, "ops": [], "blob": None},
        {"t": "op", "seq": 3, "base": 1, "blob": DIGEST},
        {"t": "lsp", "body": {"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"a": [1.5, None, True, "é"]}}},
        {"t": "preview.run"},
        {"t": "ping", "n": 0},
        {"t": "presence"},
        {"t": "presence", "file": None, "revision": 9, "ranges": []},
        {"t": "presence", "file": "f-1_A", "revision": 9, "ranges": RANGES},
    ],
    "to-client": [
        {"t": "welcome", "protocol": 1, "worker": "shop", "you": PERSON, "role": "owner", "revision": 0, "last_seq": 0},
        {
            "t": "welcome",
            "protocol": 1,
            "worker": "shop",
            "you": PERSON,
            "role": "viewer",
            "revision": 9,
            "last_seq": 3,
            "snapshot": "/api/v1/workers/shop/snapshot",
            "catch_up": [],
        },
        {
            "t": "welcome",
            "protocol": 1,
            "worker": "shop",
            "you": PERSON,
            "role": "editor",
            "revision": 9,
            "last_seq": 3,
            "snapshot": None,
            "catch_up": [{**COMMITTED, "ops": OPERATIONS}, {**COMMITTED, "blob": DIGEST}],
            "present": [PRESENT, {**PRESENT, "client": "c3", "file": "f-1_A", "revision": 9, "ranges": RANGES}],
        },
        {**COMMITTED, "ops": OPERATIONS},
        {**COMMITTED, "ops": None, "blob": DIGEST},
        {**COMMITTED, "blob": DIGEST},
        {"t": "stale", "seq": 4, "floor": 100},
        {"t": "refused", "seq": None, "code": "bad-frame", "message": "No."},
        {"t": "refused", "seq": 4, "code": "file-deleted", "message": "The file was deleted.", "hint": "Copy it."},
        PRESENT,
        {**PRESENT, "file": "f-1_A", "revision": 9, "ranges": RANGES},
        {"t": "presence.left", "client": "c2"},
        {"t": "role", "role": "viewer"},
        {"t": "goodbye", "code": "slow", "message": "It reads too slowly.", "reconnect": True},
        {
            "t": "goodbye",
            "code": "restart",
            "message": "It restarts.",
            "reconnect": True,
            "hint": "Wait.",
            "after_ms": 250,
        },
        {"t": "lsp", "body": {}},
        {"t": "preview.address", "origin": "http://p-abc.localhost:8001", "tier": "A", "python": "3.11.7"},
        {"t": "preview.ready", "revision": 9, "ms": 1.25},
        {"t": "preview.ready", "revision": 9, "ms": 2},
        {
            "t": "preview.unparsed",
            "revision": 9,
            "path": "main.py",
            "line": 3,
            "column": 7,
            "message": "invalid syntax",
            "stays": True,
        },
        {
            "t": "preview.unparsed",
            "revision": 10,
            "path": "main.py",
            "line": 1,
            "column": 1,
            "message": "invalid syntax",
            "stays": False,
        },
        {"t": "preview.failed", "revision": 9, "code": "config", "message": "No main module."},
        {"t": "preview.failed", "revision": 9, "code": "config", "message": "No.", "hint": "Add main.py."},
        {
            "t": "log",
            "request": "r1",
            "method": "GET",
            "path": "/?a=1",
            "status": 200,
            "ms": 0.5,
            "at": 1,
            "revision": 9,
            "records": [RECORD, {**RECORD, "path": "main.py", "line": 4}],
        },
        {
            "t": "log",
            "request": "r2",
            "method": "",
            "path": "",
            "status": 0,
            "ms": 0,
            "at": 1,
            "revision": 9,
            "records": [],
            "dropped": 12,
        },
        {"t": "deployed", "version": 2, "revision": 9, "url": "http://shop.localhost:8001/", "by": PERSON, "at": 5},
        {"t": "pong", "n": 1, "revision": 9},
    ],
    "to-host": [
        {"t": "booted", "ms": 812.5},
        {"t": "compiled"},
        {"t": "status", "state": "saving", "revision": 9, "waiting": 1},
        {"t": "status", "state": "saved", "revision": 9, "waiting": 0},
        {"t": "status", "state": "offline", "revision": 9, "waiting": 3},
        {"t": "status", "state": "offline", "revision": 9, "waiting": 3, "kept": False},
        {"t": "store", "n": 1, **PENDING, "flight": OPERATIONS, "buffer": [], "held": ["f-1_A"], "bases": BASES},
        {"t": "store", "n": 2, **PENDING, "flight": [], "buffer": OPERATIONS, "held": [], "bases": []},
        {"t": "forget", "client": "c1"},
        {"t": "people", "people": []},
        {"t": "people", "people": [COLLEAGUE, {**COLLEAGUE, "path": "main.py", "line": 3}], "following": "c2"},
        {"t": "fetch", "id": 1, "path": "/api/v1/workers/shop/snapshot"},
        {"t": "fetch", "id": 2, "path": f"/api/v1/workers/shop/blobs/{DIGEST}", "put": "[]"},
        {"t": "fetch", "id": 3, "path": "/api/v1/workers/shop/snapshot", "put": None},
        {"t": "fetch", "id": 4, "path": "/api/v1/workers/shop/archive", "post": "UEs=", "base64": True},
        {"t": "notice", "level": "info", "message": "Text was set aside."},
        {"t": "notice", "level": "error", "message": "Refused.", "hint": "Copy it."},
        {"t": "notice", "level": "info", "message": "Refused.", "over": True},
        {"t": "key", "name": "deploy"},
        {"t": "reconnect", "reason": "revision 9 after 7"},
    ],
    "to-editor": [
        {"t": "fetched", "id": 1, "status": 200, "text": "{}"},
        {"t": "fetched", "id": 1, "status": 0, "text": ""},
        {"t": "connection", "open": True},
        {"t": "stored", "n": 1, "ok": False},
        {"t": "aside", "path": "main.py", "text": "kept\n"},
        {"t": "follow"},
        {"t": "follow", "client": "c2"},
        {"t": "theme", "theme": "dark"},
        {"t": "theme", "theme": "light"},
        {"t": "open", "path": "main.py", "line": 3},
        {"t": "open", "path": "main.py", "line": 3, "focus": False},
        {"t": "focus"},
    ],
}

BROKEN: list[tuple[str, str]] = [
    ("nothing", ""),
    ("not JSON", "{"),
    ("a list", "[]"),
    ("a string", '"hello"'),
    ("null", "null"),
    ("no kind", "{}"),
    ("a kind that is no string", '{"t":5}'),
    ("a kind that is null", '{"t":null}'),
    ("an unknown kind", '{"t":"zap"}'),
    ("a kind that every JavaScript object has", '{"t":"toString"}'),
    ("more after the end", '{"t":"zap"} {}'),
    ("NaN", '{"t":NaN}'),
]
DEEP = "[" * 20_000 + "]" * 20_000


def invalid(direction: str) -> list[dict[str, Any]]:
    cases = [{"why": why, "frame": frame} for why, frame in BROKEN]
    seen: set[str] = set()
    for message in VALID[direction]:
        if message["t"] in seen:
            continue
        seen.add(message["t"])
        cases.append(_case(f"{message['t']}: an unknown field", {**message, "zap": 1}))
        for key in message:
            if key in ("t", "revision" if message["t"] == "hello" else "", "ops" if message["t"] == "op" else ""):
                continue
            rest = {other: value for other, value in message.items() if other != key}
            if key not in ("ops", "blob"):
                cases.append(_case(f"{message['t']}: without {key}", rest))
            wrong: Any = 1 if isinstance(message[key], str | bool | dict | list) else "1"
            cases.append(_case(f"{message['t']}: {key} of another type", {**rest, key: wrong}))
    return cases + [_case(why, message) for why, message in SPECIAL.get(direction, [])]


def _case(why: str, message: dict[str, Any]) -> dict[str, Any]:
    return {"why": why, "frame": json.dumps(message, ensure_ascii=False)}


def _op(**changes: Any) -> dict[str, Any]:
    return _ops({"op": "edit", "file": "f", "changes": [], **changes})


def _ops(*ops: dict[str, Any]) -> dict[str, Any]:
    return {"t": "op", "seq": 1, "base": 0, "ops": list(ops)}


HELLO = {"t": "hello", "protocol": 1, "client": "c1"}
SPECIAL: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "to-server": [
        ("hello: an empty client", {**HELLO, "client": ""}),
        ("hello: a client of 65 characters", {**HELLO, "client": "c" * 65}),
        ("hello: a client with a space", {**HELLO, "client": "a b"}),
        ("hello: a client with a line feed at its end", {**HELLO, "client": "ab\n"}),
        ("hello: a revision below 0", {**HELLO, "revision": -1}),
        ("hello: a revision that JavaScript cannot hold", {**HELLO, "revision": 2**53}),
        ("hello: a revision that is no whole number", {**HELLO, "revision": 1.5}),
        ("hello: a revision that is true", {**HELLO, "revision": True}),
        ("op: an unknown operation", _op(op="zap")),
        ("op: an operation without a kind", {"t": "op", "seq": 1, "base": 0, "ops": [{}]}),
        ("op: an operation with an unknown field", _op(zap=1)),
        ("op: a file id with a slash", _op(file="a/b")),
        ("op: changes that are no list", _op(changes={})),
        ("op: a base below 0", {"t": "op", "seq": 1, "base": -1, "ops": []}),
        ("op: a blob that is no digest", {"t": "op", "seq": 1, "base": 0, "blob": "abc"}),
        ("op: a blob in upper case", {"t": "op", "seq": 1, "base": 0, "blob": DIGEST.upper()}),
        ("op: unknown line ends", {"t": "op", "seq": 1, "base": 0, "ops": [{**OPERATIONS[-1], "eol": "cr"}]}),
        ("op: content without its size", _ops({"op": "content", "file": "f", "digest": DIGEST})),
        ("presence: a range that ends nowhere", {"t": "presence", "ranges": [{"anchor": 1}]}),
        ("lsp: a list", {"t": "lsp", "body": []}),
        ("a message of another direction", {"t": "pong", "n": 1, "revision": 1}),
    ],
    "to-client": [
        ("welcome: an unknown role", {**VALID["to-client"][0], "role": "god"}),
        ("welcome: a person with an unknown field", {**VALID["to-client"][0], "you": {**PERSON, "zap": 1}}),
        ("welcome: a person without a name", {**VALID["to-client"][0], "you": {"id": 1}}),
        ("a message of another direction", {"t": "ping", "n": 1}),
    ],
    "to-host": [
        ("status: an unknown state", {"t": "status", "state": "lost", "revision": 1, "waiting": 0}),
        ("a message of another direction", {"t": "focus"}),
    ],
    "to-editor": [
        ("theme: an unknown theme", {"t": "theme", "theme": "pink"}),
        ("a message of another direction", {"t": "booted", "ms": 1}),
    ],
}


def main() -> None:
    for direction, messages in VALID.items():
        content = {"valid": messages, "invalid": invalid(direction)}
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (HERE / f"{direction}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

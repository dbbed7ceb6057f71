"""Through the whole product without a browser: an edit frame into the bridge → the first byte of the changed preview.

The 150 ms that the draft waits for the next keystroke are left out by asking for the run, as Ctrl+S does; the durable
commit is in. Ten edits a second, as somebody types, and then as many as can be, for which there are not enough spare
processes. Also the time from the edit frame to its durable acknowledgement.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import urlsplit

from bench._product import Person, Product, product
from bench.rows import Row, collect, median, percentile

EDITS = 150
PAUSE = 0.1


def rows() -> Iterable[Row]:
    """Half a minute."""
    with product() as running:
        yield from asyncio.run(collect(_measure(running)))


async def _measure(running: Product) -> AsyncIterator[Row]:
    person = Person(running)
    person.make_worker("bench")
    files = {each["path"]: each for each in person.snapshot("bench")["files"]}
    greeting = files["greeting.py"]
    async with person.bridge("bench") as bridge:
        await bridge.send(json.dumps({"t": "hello", "protocol": 1, "client": "bench", "revision": None}))
        revision = (await _until(bridge, "welcome"))["revision"]
        address = await _until(bridge, "preview.address")
        origin = urlsplit(address["origin"])
        await bridge.send('{"t":"preview.run"}')  # the first run may have been told before the address was
        await _until(bridge, "preview.ready")
        acknowledged: list[float] = []
        changed: dict[float, list[float]] = {PAUSE: [], 0.0: []}
        text, place = greeting["text"], greeting["text"].rindex("Hello,")  # the docstring has one too
        word = "Hello,"
        with socket.create_connection(("127.0.0.1", origin.port or 80)) as http:
            http.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number, pause in enumerate([*[PAUSE] * EDITS, *[0.0] * EDITS], 1):
                await asyncio.sleep(pause)
                new = f"Hi{number:04},"
                rest = len(text) - place - len(word)
                changes = [place, [len(word), new], rest] if rest else [place, [len(word), new]]
                op = {"op": "edit", "file": greeting["id"], "changes": changes}
                frame = json.dumps({"t": "op", "seq": number, "base": revision, "ops": [op]})
                began = time.perf_counter()
                await bridge.send(frame)
                revision = (await _until(bridge, "committed"))["revision"]
                acknowledged.append((time.perf_counter() - began) * 1000)
                await bridge.send('{"t":"preview.run"}')
                while (await _until(bridge, "preview.ready"))["revision"] < revision:
                    pass
                body = _get(http, origin.netloc)
                changed[pause].append((time.perf_counter() - began) * 1000)
                assert new.encode() in body, body[-300:]
                text, word = text[:place] + new + text[place + len(word) :], new
    p50, p95 = median(changed[PAUSE]), percentile(changed[PAUSE], 95)
    yield Row(
        "edit frame → first byte of the changed preview", p50, "ms p50", "≤ 15", p50 <= 15, f"{EDITS} edits, durable"
    )
    yield Row("  the same", p95, "ms p95", "≤ 30", p95 <= 30)
    yield Row(
        "  without a pause", median(changed[0.0]), "ms p50", "", None, f"p95 {percentile(changed[0.0], 95):.1f} ms"
    )
    yield Row(
        "edit frame → durable acknowledgement, one typist",
        median(acknowledged),
        "ms p50",
        "≤ 10",
        median(acknowledged) <= 10,
    )
    yield Row("  the same", percentile(acknowledged, 99), "ms p99", "≤ 60", percentile(acknowledged, 99) <= 60)


async def _until(bridge: Any, kind: str) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(bridge.recv(), 10))
        if frame["t"] == kind:
            return frame
        assert frame["t"] != "refused", frame


def _get(http: socket.socket, host: str) -> bytes:
    """One GET on a kept connection; the whole body has come with its first byte or soon after."""
    http.sendall(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += http.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += http.recv(65536)
    return body

"""Somebody who types through the bridge and lets nothing stop them: the rules for clients (C1–C4 of docs/protocol.md) in their
shortest form. Fault tests and benchmarks drive many.

Everything typed is a mark of its own, ``<name.number>``, put at the beginning of one file, so that a test can count each: there
once, and there if it was acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import websockets

Dial = Callable[[], AbstractAsyncContextManager[Any]]
_LOST = (OSError, httpx.TransportError, websockets.WebSocketException, TimeoutError, asyncio.TimeoutError)


class Gap(Exception):
    """A revision is missing: connect anew (C3)."""


class Typist:
    """``dial`` opens a socket, ``snapshot`` fetches what a welcome may name. ``answer`` is how long an answer may take before the
    connection counts as dead."""

    def __init__(
        self, name: str, path: str, dial: Dial, snapshot: Callable[[], Awaitable[dict[str, Any]]], answer: float = 10.0
    ) -> None:
        self.name, self.path = name, path
        self._dial, self._snapshot, self._answer = dial, snapshot, answer
        self.revision: int | None = None
        self.length = 0
        self.file = ""
        self.seq = 0
        self.flight = ""
        self.sent_at = 0.0
        self.typed: list[str] = []
        self.acknowledged: list[str] = []
        self.latencies: list[float] = []
        """Milliseconds from sending a batch to its acknowledgement, those that crossed a reconnect too."""
        self.connections = 0
        self.goodbyes: list[str] = []
        self._more: Callable[[], bool] = lambda: False

    async def type(self, marks: int, pause: float = 0.0, until: asyncio.Event | None = None) -> None:
        """Types so many marks, or more until the event, and returns when all are acknowledged."""
        end = len(self.typed) + marks
        self._more = lambda: len(self.typed) < end or (until is not None and not until.is_set())
        while self.flight or self._more():
            wait = 0.05
            try:
                async with asyncio.timeout(self._answer):
                    socket = await self._dial().__aenter__()
                try:
                    await self._converse(socket, pause)
                finally:
                    socket.transport.abort()
            except Gap:
                wait = 0.0
            except _LOST:
                wait = 0.1
            await asyncio.sleep(wait)

    async def _converse(self, socket: Any, pause: float) -> None:
        self.connections += 1
        hello = {"t": "hello", "protocol": 1, "client": self.name, "revision": self.revision}
        await socket.send(json.dumps(hello))
        welcomed = False
        while self.flight or self._more():
            frame = json.loads(await asyncio.wait_for(socket.recv(), self._answer))
            kind = frame["t"]
            if kind == "welcome":
                await self._welcome(frame)
                welcomed = True
            elif kind == "committed":
                self._committed(frame)
            elif kind == "goodbye":
                self.goodbyes.append(frame["code"])
                assert frame["reconnect"], frame
                await asyncio.sleep(frame["after_ms"] / 1000)
                return
            elif kind == "stale":
                self.revision = None
                return
            elif kind == "refused":
                assert frame["code"] in ("not-durable", "unavailable"), frame
                await asyncio.sleep(0.1)
                await self._send(socket)
                continue
            else:
                continue
            if welcomed and kind == "welcome" and self.flight:
                await self._send(socket)
            elif welcomed and not self.flight and self._more():
                if pause and kind == "committed":
                    await self._rest(socket, pause)
                await self._next(socket)

    async def _rest(self, socket: Any, pause: float) -> None:
        """Between two marks: what others type is taken in meanwhile."""
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0:
            try:
                frame = json.loads(await asyncio.wait_for(socket.recv(), left))
            except TimeoutError:
                return
            if frame["t"] == "committed":
                self._committed(frame)
            elif frame["t"] == "goodbye":
                self.goodbyes.append(frame["code"])
                raise OSError("goodbye")

    async def _next(self, socket: Any) -> None:
        self.seq += 1
        self.flight = f"<{self.name}.{self.seq}>"
        self.typed.append(self.flight)
        self.sent_at = time.perf_counter()
        await self._send(socket)

    async def _send(self, socket: Any) -> None:
        changes = [[0, self.flight], *([self.length] if self.length else [])]
        op = {"op": "edit", "file": self.file, "changes": changes}
        await socket.send(json.dumps({"t": "op", "seq": self.seq, "base": self.revision, "ops": [op]}))

    async def _welcome(self, frame: dict[str, Any]) -> None:
        if frame.get("snapshot"):
            snapshot = await self._snapshot()
            self.revision = snapshot["revision"]
            file = next(file for file in snapshot["files"] if file["path"] == self.path)
            self.file, self.length = file["id"], units(file["text"])
            if self.flight and self.flight in file["text"]:
                self._landed()
        for batch in frame.get("catch_up", []):
            self._committed(batch)

    def _committed(self, frame: dict[str, Any]) -> None:
        assert self.revision is not None
        if frame["revision"] <= self.revision:
            return
        if frame["revision"] != self.revision + 1:
            raise Gap
        self.revision = frame["revision"]
        for op in frame["ops"] or []:
            if op["op"] == "edit" and op["file"] == self.file:
                self.length = sum(
                    part if isinstance(part, int) else units("\n".join(part[1:])) for part in op["changes"]
                )
        if frame["client"] == self.name and frame["seq"] == self.seq and self.flight:
            self._landed()

    def _landed(self) -> None:
        self.latencies.append((time.perf_counter() - self.sent_at) * 1000)
        self.acknowledged.append(self.flight)
        self.flight = ""


def units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def check(text: str, typists: list[Typist]) -> None:
    """Everything typed is in the text once, everything acknowledged with it, and nothing else that looks like it."""
    found = Counter(re.findall(r"<[^<>\s]+\.\d+>", text))
    for typist in typists:
        missing = [mark for mark in typist.acknowledged if mark not in found]
        assert not missing, f"acknowledged and lost: {missing[:5]} of {len(missing)}"
        assert typist.acknowledged == typist.typed, f"typed and not acknowledged by {typist.name}"
    doubled = [mark for mark, times in found.items() if times > 1]
    assert not doubled, f"doubled: {doubled[:5]}"
    assert set(found) == {mark for typist in typists for mark in typist.typed}

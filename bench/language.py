"""Through the bridge, as the editor asks: completion and squiggles by their time from the frame sent to the frame received.

Every question follows a keystroke that changed the text, so that no answer was there before. A completion's time is that of the
first list that comes; what an engine adds to it later is not waited for, as the editor does not.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from bench._product import Person, Product, product
from bench.rows import Row, collect, median, percentile
from preview.outside.process import pss_kb
from tests.processes import command_line, descendants

SESSIONS = 20
QUESTIONS = 60
CHECKS = 40
PAUSE = 0.12
"""Seconds between two keystrokes of one person."""
SMALL = """from workers import Request, Response, WorkerEntrypoint

from greeting import greet


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        name = greet("you")
        text = name.upper()
        return Response(text)
"""
PLACE = 8
"""The line of SMALL before which the person types."""
TYPED = SMALL.replace("        text =", "\n        text =")
"""SMALL with an empty line there."""
BLOCK = """
class Thing{0}:
    size: int = {0}

    def grow(self, by: int) -> "Thing{0}":
        made = Thing{0}()
        made.size = self.size + by
        return made


def use_{0}(thing: Thing{0}) -> int:
    return thing.grow({0}).size


VALUE_{0}: int = use_{0}(Thing{0}())
"""
URI = "file:///worker/main.py"


def rows() -> Iterable[Row]:
    """Some fifty seconds."""
    with product() as running:
        person = Person(running)
        names = person.make_workers("language", SESSIONS)
        with asyncio.Runner() as loop:
            yield from loop.run(collect(_first(person, names)))
            yield from loop.run(collect(_one(person, names[0])))
            yield from loop.run(collect(_all(person, names, running)))


class _Editor:
    """One session's language line: the text of main.py, a line that is typed into, and the answers."""

    def __init__(self, bridge: Any) -> None:
        self._bridge = bridge
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._version = 0
        self.problems: list[dict[str, Any]] = []
        self.published = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for data in self._bridge:
            frame = json.loads(data)
            if frame["t"] != "lsp":
                continue
            body = frame["body"]
            if body.get("id") in self._answers:
                self._answers.pop(body["id"]).set_result(body)
            elif body.get("method") == "textDocument/publishDiagnostics" and body["params"]["uri"] == URI:
                self.problems = body["params"]["diagnostics"]
                self.published.set()

    async def ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._send({"id": number, "method": method, "params": params})
        async with asyncio.timeout(20):
            body = await answer
        assert "result" in body, body
        return body["result"]

    async def tell(self, method: str, **params: Any) -> None:
        await self._send({"method": method, "params": params})

    async def _send(self, body: dict[str, Any]) -> None:
        await self._bridge.send(json.dumps({"t": "lsp", "body": {"jsonrpc": "2.0", **body}}))

    async def open(self, text: str) -> None:
        await self.ask("initialize", rootUri="file:///worker", capabilities={})
        document = {"uri": URI, "languageId": "python", "version": 0, "text": text}
        await self.tell("textDocument/didOpen", textDocument=document)

    async def put(self, line: int, old: int, text: str) -> None:
        """In place of the first ``old`` characters of a line."""
        self._version += 1
        start, end = {"line": line, "character": 0}, {"line": line, "character": old}
        change = {"range": {"start": start, "end": end}, "text": text}
        identity = {"uri": URI, "version": self._version}
        await self.tell("textDocument/didChange", textDocument=identity, contentChanges=[change])

    async def complete(self, line: int, character: int) -> list[str]:
        place = {"line": line, "character": character}
        found = await self.ask("textDocument/completion", textDocument={"uri": URI}, position=place)
        return [item["label"] for item in found["items"]]

    async def type_and_complete(self, line: int, expression: str, expected: str, times: int) -> list[float]:
        """Types the last character of an expression anew each time, a name of its own before it."""
        taken, old = [], 0
        for number in range(times):
            text = f"        v{number} = {expression}"
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            await self.put(line, old, text)
            labels = await self.complete(line, len(text))
            taken.append((time.perf_counter() - began) * 1000)
            assert expected in labels, labels[:20]
            old = len(text)
        await self.put(line, old, "")
        return taken

    def close(self) -> None:
        self._reader.cancel()


@asynccontextmanager
async def _editing(person: Person, name: str) -> AsyncIterator[_Editor]:
    async with person.bridge(name) as bridge:
        await bridge.send(json.dumps({"t": "hello", "protocol": 1, "client": f"bench-{name}"}))
        while json.loads(await bridge.recv())["t"] != "welcome":
            pass
        editor = _Editor(bridge)
        yield editor
        editor.close()


async def _first(person: Person, names: list[str]) -> AsyncIterator[Row]:
    """The session of somebody who has just opened the editor; the first of all since the start is told apart."""
    taken = []
    for name in names[:8]:
        async with _editing(person, name) as editor:
            text = SMALL.replace("        text =", "        x = request.\n        text =")
            began = time.perf_counter()
            await editor.open(text)
            labels = await editor.complete(PLACE, len("        x = request."))
            taken.append((time.perf_counter() - began) * 1000)
            assert "headers" in labels, labels[:20]
    middle = median(taken[1:])
    note = f"{taken[0]:,.0f} ms for the first session since the start"
    yield Row("first completion in a new session", middle, "ms p50", "≤ 300", middle <= 300, note)


async def _one(person: Person, name: str) -> AsyncIterator[Row]:
    async with _editing(person, name) as editor:
        await editor.open(TYPED)
        await editor.type_and_complete(PLACE, "request.", "headers", 5)
        taken = await editor.type_and_complete(PLACE, "request.", "headers", QUESTIONS // 2)
        taken += await editor.type_and_complete(PLACE, "name.", "upper", QUESTIONS // 2)
        p50, p95 = median(taken), percentile(taken, 95)
        yield Row("completion in a small module", p50, "ms p50", "≤ 25", p50 <= 25, f"{QUESTIONS} keystrokes")
        yield Row("  the same", p95, "ms p95", "≤ 120", p95 <= 120)
        taken = await _squiggles(editor)
        p95 = percentile(taken, 95)
        yield Row("keystroke → its type error is underlined, or no more", p95, "ms p95", "≤ 60", p95 <= 60,
                  f"p50 {median(taken):.0f}")  # fmt: skip
        blocks = "".join(map(BLOCK.format, range(140)))
        long = TYPED + blocks
        await editor.tell("textDocument/didClose", textDocument={"uri": URI})
        await editor.open(long)
        await editor.type_and_complete(PLACE, "request.", "headers", 3)
        taken = await editor.type_and_complete(PLACE, "Thing7().", "grow", QUESTIONS // 2)
        p50 = median(taken)
        yield Row(f"completion in a module of {long.count(chr(10)):,} lines", p50, "ms p50", "≤ 80", p50 <= 80,
                  f"p95 {percentile(taken, 95):.0f}")  # fmt: skip


async def _squiggles(editor: _Editor) -> list[float]:
    taken = []
    wrong, right = '        n: int = ""', "        n: int = 1"
    old = 0
    for number in range(CHECKS):
        text = right if number % 2 else wrong
        await asyncio.sleep(0.5)  # the check of all modules after a pause is over by then
        began = time.perf_counter()
        await editor.put(PLACE, old, text)
        async with asyncio.timeout(10):
            while any(
                item["range"]["start"]["line"] == PLACE and item["severity"] == 1 for item in editor.problems
            ) == bool(number % 2):
                editor.published.clear()
                await editor.published.wait()
        taken.append((time.perf_counter() - began) * 1000)
        old = len(text)
    await editor.put(PLACE, old, "")
    return taken


async def _all(person: Person, names: list[str], running: Product) -> AsyncIterator[Row]:
    """Everybody at once, four keystrokes a second each, every one with a question."""
    begin = asyncio.Event()
    ready = asyncio.Barrier(len(names) + 1)

    async def person_types(name: str, number: int) -> list[float]:
        async with _editing(person, name) as editor:
            await editor.open(TYPED)
            await editor.type_and_complete(PLACE, "request.", "headers", 2)
            await ready.wait()
            await begin.wait()
            await asyncio.sleep(number * PAUSE / len(names))
            taken = await editor.type_and_complete(PLACE, "request.", "headers", 40)
            await ready.wait()
            await ready.wait()
            return taken

    typing = [asyncio.create_task(person_types(name, number)) for number, name in enumerate(names)]
    async with asyncio.timeout(120):
        await ready.wait()
    began = time.perf_counter()
    begin.set()
    await ready.wait()
    seconds = time.perf_counter() - began
    commands = {pid: command_line(pid) for pid in descendants(running.program.process.pid)}
    checkers, engines = (
        [pss_kb(pid) / 1024 for pid, command in commands.items() if what in command]
        for what in ("ty server", "quickedit.language.engine")
    )
    await ready.wait()
    taken = [each for one in await asyncio.gather(*typing) for each in one]
    p95 = percentile(taken, 95)
    yield Row(f"completion while {len(names)} people type", p95, "ms p95", "≤ 250", p95 <= 250,
              f"p50 {median(taken):.0f}, {len(taken) / seconds:.0f} questions a second")  # fmt: skip
    each = sum(checkers) / len(checkers)
    yield Row("memory of a session's type checker", each, "MB PSS", "≤ 45", each <= 45, f"{len(checkers)} run")
    share = sum(engines) / len(names)
    yield Row("memory of a session's share of the jedi processes", share, "MB PSS", note=f"{len(engines)} processes")

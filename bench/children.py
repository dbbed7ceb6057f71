"""How fast a sandboxed child answers, and how big an idle one is: the runner's own part, without HTTP.

``python -m bench.children`` prints the lines. All of it runs through preview.outside.children, as the runner does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import uvloop

from bench.rows import Row, median, percentile
from preview.outside import process
from preview.outside.children import Answer, Child, Children, Failure, Limits, SandboxUnavailable

_MAIN = b"""from workers import WorkerEntrypoint, Response
from greeting import greet

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(greet(request.url))
"""
_META: dict[str, Any] = {"main": "main", "root": "", "env": {}, "changed": None}
_HEAD = {"method": "GET", "url": "http://worker/", "headers": [], "private": True}


def _modules(number: int) -> dict[str, bytes]:
    greeting = f'def greet(name: str) -> str:\n    return f"Hello {{name}}, {number}"\n'
    names = b'LANGUAGES: dict[str, str] = {"en": "Hello", "de": "Hallo"}\n'
    return {"main.py": _MAIN, "greeting.py": greeting.encode(), "names.py": names}


def rows() -> Iterable[Row]:
    """Some seconds in all. On uvloop, as the runner."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_all())


async def _all() -> list[Row]:
    return [row async for row in _measure()]


async def _measure() -> AsyncIterator[Row]:
    began = time.perf_counter()
    children = Children(Limits(), spares=3)
    await children.start()
    yield Row("zygote: start, first child confined", (time.perf_counter() - began) * 1000, "ms")
    try:
        async for row in _latencies(children):
            yield row
        async for row in _large(children):
            yield row
        async for row in _memory(children):
            yield row
        async for row in _idle(children):
            yield row
        async for row in _throughput(children):
            yield row
    finally:
        await children.close()


async def _latencies(children: Children) -> AsyncIterator[Row]:
    number = 0

    async def changed() -> None:
        nonlocal number
        number += 1
        child = await children.load(_modules(number), _META)
        await _ask(child)
        child.kill()

    times = await _times(changed, 150, pause=0.03)
    yield _row("modules posted → first byte, spare child, p50", median(times), 2)
    yield _row("modules posted → first byte, spare child, p95", percentile(times, 95), 8)

    cold = Children(Limits(), spares=0)
    await cold.start()
    try:

        async def forked() -> None:
            child = await cold.load(_modules(0), _META)
            await _ask(child)
            child.kill()

        await forked()  # the one that start() confined as its proof
        yield _row("modules posted → first byte, no spare child, p50", median(await _times(forked, 60, pause=0.02)), 6)
    finally:
        await cold.close()

    times = []
    child = await children.load(_modules(0), _META)
    for _ in range(60):
        await asyncio.sleep(0.02)
        began = time.perf_counter()
        os.kill(child.pid, signal.SIGKILL)
        await child.exited
        child = await children.load(_modules(0), _META)
        await _ask(child)
        times.append((time.perf_counter() - began) * 1000)
    yield _row("killed → answered again, p50", median(times), 15)
    child.kill()


def _application(number: int) -> dict[str, bytes]:
    """22 modules of 37 KB together, of which the ``number`` changes one; all of them are imported."""
    part = "".join(
        f"def step_{n}(value: int, name: str = 'x') -> dict[str, int]:\n"
        f"    if value > {n}:\n        return {{name: value * {n}, 'rest': value - {n}}}\n    return {{}}\n\n\n"
        for n in range(13)
    )
    names = [f"part_{index}" for index in range(20)]
    modules = {f"{name}.py": part.encode() for name in names}
    modules["changed.py"] = f"NUMBER = {number}\n".encode()
    imports = "".join(f"import {name}\n" for name in [*names, "changed"])
    modules["main.py"] = (
        f"from workers import Response\n{imports}async def on_fetch(request): return Response(str(changed.NUMBER))\n"
    ).encode()
    return modules


async def _large(children: Children) -> AsyncIterator[Row]:
    number = 0

    async def changed() -> None:
        nonlocal number
        number += 1
        modules = _application(number)
        child = await children.load(modules, {**_META, "changed": ["changed.py"]}, None, "draft:large")
        await _ask(child)
        child.kill()

    await changed()
    times = await _times(changed, 60, pause=0.03)
    size = sum(map(len, _application(0).values()))
    yield _row(f"22 modules, {size // 1024} KB, one changed → first byte, p50", median(times), 4)


async def _idle(children: Children) -> AsyncIterator[Row]:
    """CPU time of 200 workers that answered once, and of the supervisor that watches them, in percent of one core."""
    alive = [await children.load(_modules(number), _META) for number in range(200)]
    for child in alive:
        await _ask(child)
    await asyncio.sleep(0.5)
    before, began = time.process_time() + sum(child.cpu_seconds() for child in alive), time.perf_counter()
    await asyncio.sleep(3)
    used = time.process_time() + sum(child.cpu_seconds() for child in alive) - before
    yield _row("200 idle workers and their supervisor", 100 * used / (time.perf_counter() - began), 1, "% CPU")
    for child in alive:
        child.kill()


async def _memory(children: Children) -> AsyncIterator[Row]:
    alive = []
    for number in range(20):
        alive.append(await children.load(_modules(number), _META))
        await _ask(alive[-1])
        await asyncio.sleep(0.1)  # so that each was a spare one, which has rehearsed and is larger for it
    sizes = [process.pss_kb(child.pid) / 1024 for child in alive]
    yield _row("idle child that answered once, 20 of them, PSS", median(sizes), 4, "MB")
    for child in alive:
        child.kill()


async def _throughput(children: Children) -> AsyncIterator[Row]:
    child = await children.load(_modules(0), _META)
    total, at_once = 8000, 64

    async def some() -> None:
        for _ in range(total // at_once):
            await _ask(child)

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    yield Row("requests a second through one child, 64 at once, no HTTP", total / (time.perf_counter() - began), "1/s")
    child.kill()


async def _times(what: Callable[[], Awaitable[None]], count: int, pause: float) -> list[float]:
    times = []
    for _ in range(count):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await what()
        times.append((time.perf_counter() - began) * 1000)
    return times


async def _ask(child: Child) -> None:
    answer = await child.request(_HEAD, b"", lambda records, dropped: None)
    if isinstance(answer, Failure) or not isinstance(answer, Answer):
        raise RuntimeError(f"the worker failed: {answer}")


def _row(what: str, value: float, most: float, unit: str = "ms") -> Row:
    return Row(what, value, unit, f"≤ {most:g}", value <= most)


if __name__ == "__main__":
    try:
        for row in rows():
            print(f"{row.what:<62} {row.value:>10.2f} {row.unit:<5} {row.target}")
    except SandboxUnavailable as reason:
        raise SystemExit(str(reason)) from None

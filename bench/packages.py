"""A worker with FastAPI: what its first start takes, how fast a sleeping one wakes, and how many requests it answers.

Over a real runner and its HTTP port; web's side is ``preview.client``. A worker sleeps when its process was stopped: the
next request starts another one, from a zygote that has the packages once the runner knows that it needs them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import uvloop

from bench.rows import Row, median, percentile
from bench.runner import _process, _Runner, _Visitor
from preview import bundle
from preview.client import Host, Program

CONNECTIONS = 16
REQUESTS = 6_000
WAKES = 30
_HOST = "shop.localhost"

_FASTAPI = {
    "main.py": b"""from fastapi import FastAPI
from workers import WorkerEntrypoint, asgi

app = FastAPI()


@app.get("/")
async def hello():
    return {"hello": "world"}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request, self.env)
"""
}


def rows() -> Iterable[Row]:
    """Ten seconds in all."""
    with (
        tempfile.TemporaryDirectory(prefix="qe-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        socket = Path(folder) / "run" / "s"
        command = [sys.executable, "-m", "preview.outside.serve", "--socket", socket, "--data", folder]
        with _process(*command, "--domain", "localhost", "--port", 0, ready='"ready"') as (_, line):
            yield from loop.run(_measure(_Runner(json.loads(line)["port"], socket)))


async def _measure(runner: _Runner) -> list[Row]:
    await runner.web.start()
    program = Program("live:1", "shop", bundle.digest(_FASTAPI), 1, 1, {})
    host = Host("shop", program.key, False, "")
    runner.known["shop"] = host, program, _FASTAPI
    first = await _wake(runner)
    await runner.web.drop_program(program.key)
    second = await _wake(runner)
    await asyncio.sleep(3)  # the zygote with FastAPI starts beside the worker that made it wanted
    times = []
    for _ in range(WAKES):
        await runner.web.drop_program(program.key)
        await asyncio.sleep(0.15)  # as between two visits: the pool has a process ready again
        times.append(await _wake(runner))
    p50 = median(times)
    found = [
        Row("FastAPI: first start ever, request → first byte", first, "ms"),
        Row("FastAPI: second start, the zygote not yet there", second, "ms"),
        Row("FastAPI: a sleeping worker wakes, request → first byte, p50", p50, "ms", "≤ 60", p50 <= 60),
        Row("FastAPI: the same, p95", percentile(times, 95), "ms"),
    ]
    rate, p99 = await _load(runner.port)
    what = f"FastAPI: requests a second, {CONNECTIONS} connections"
    found.append(Row(what, rate, "1/s", "≥ 2000", rate >= 2000, f"p99 {p99:.1f} ms"))
    await runner.web.close()
    return found


async def _wake(runner: _Runner) -> float:
    visitor = await _Visitor.connect(runner.port, _HOST)
    began = time.perf_counter()
    status, body = await visitor.get()
    taken = (time.perf_counter() - began) * 1000
    visitor.close()
    assert (status, body) == (200, b'{"hello":"world"}'), (status, body)
    return taken


async def _load(port: int) -> tuple[float, float]:
    visitors = [await _Visitor.connect(port, _HOST) for _ in range(CONNECTIONS)]
    times: list[float] = []

    async def some(visitor: _Visitor) -> None:
        for _ in range(REQUESTS // CONNECTIONS):
            began = time.perf_counter()
            await visitor.get()
            times.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*map(some, visitors))
    taken = time.perf_counter() - began
    for visitor in visitors:
        visitor.close()
    return len(times) / taken, percentile(times, 99)

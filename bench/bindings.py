"""Bindings from a worker's own code through the real runner: KV get and durable put, D1, and messages a second.

The worker times its own calls, so a figure is what its author waits: from the await to its result, both frames and the
store's commit included.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import uvloop

from bench.rows import Row, median, percentile
from preview import bundle
from preview.client import Host, Program, RunnerClient
from tests.support import Program as Process

CALLS = 400
MESSAGES = 3000

_MAIN = """
import time
from workers import Response, WorkerEntrypoint

async def timed(count, call):
    took = []
    for number in range(count):
        began = time.perf_counter()
        await call(number)
        took.append((time.perf_counter() - began) * 1000)
    return took

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        env = self.env
        what, _, n = request.url.rpartition("/")[2].partition("?")
        n = int(n)
        if what == "get":
            await env.KV.put("k", "v" * 100)
            return Response.json(await timed(n, lambda _: env.KV.get("k")))
        if what == "put":
            return Response.json(await timed(n, lambda number: env.KV.put(f"k{number}", "v" * 100)))
        if what == "d1":
            await env.DB.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v TEXT)")
            await env.DB.prepare("INSERT INTO t (v) VALUES ('x')").run()
            statement = env.DB.prepare("SELECT v FROM t WHERE id = ?").bind(1)
            return Response.json(await timed(n, lambda _: statement.first("v")))
        if what == "send":
            for start in range(0, n, 100):
                await env.QUEUE.sendBatch([{"body": number} for number in range(100)])
        found = await env.KV.get("taken")
        return Response.json(int(found or 0))

    async def queue(self, batch):
        global taken
        taken += len(batch.messages)
        await self.env.KV.put("taken", str(taken))

taken = 0
"""
_CONFIG = {
    "kv_namespaces": [{"binding": "KV"}],
    "d1_databases": [{"binding": "DB", "database_name": "main"}],
    "queues": {
        "producers": [{"binding": "QUEUE", "queue": "q"}],
        "consumers": [{"queue": "q", "max_batch_size": 100, "max_batch_timeout": 0}],
    },
}


def rows() -> Iterable[Row]:
    """KV, D1 and queues of a deployed worker."""
    return uvloop.run(_rows())


async def _rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="qe-bench-") as folder:
        modules = {"main.py": _MAIN.encode(), "quickedit.json": json.dumps(_CONFIG).encode()}
        program = Program("live:1", "bench", bundle.digest(modules), 1, 1, {})
        host = Host("bench", program.key, False, "")
        socket = Path(folder) / "run" / "s"
        command = [sys.executable, "-m", "preview.outside.serve", "--socket", socket, "--port", "0", "--data", folder]
        process = Process([*command, "--domain", "localhost"])
        try:
            await asyncio.to_thread(process.wait_for, '"ready"')

            async def resolve(label: str) -> tuple[Host, Program]:
                return host, program

            async def modules_of(program: Program) -> dict[str, bytes]:
                return modules

            web = RunnerClient(socket, resolve=resolve, modules=modules_of, on_log=lambda event: None)
            await web.start()
            await web.put_host(host)
            await web.run(program, modules)
            found = [*await _calls(web), await _messages(web)]
            await web.close()
            return found
        finally:
            process.stop()


async def _calls(web: RunnerClient) -> list[Row]:
    get, put, d1 = [await _ask(web, f"{what}?{CALLS}") for what in ("get", "put", "d1")]
    return [
        Row("KV get, p50", median(get), "ms", "≤ 1", median(get) <= 1),
        Row("KV get, p95", percentile(get, 95), "ms"),
        Row("KV put, durable, p50", median(put), "ms", "≤ 5", median(put) <= 5),
        Row("KV put, durable, p95", percentile(put, 95), "ms"),
        Row("D1 first(), p50", median(d1), "ms"),
    ]


async def _messages(web: RunnerClient) -> Row:
    began = time.perf_counter()
    await _ask(web, f"send?{MESSAGES}")
    while await _ask(web, "taken?0") < MESSAGES:
        await asyncio.sleep(0.01)
    each = MESSAGES / (time.perf_counter() - began)
    note = "sent in batches of 100, durable, delivered and acknowledged"
    return Row("queue, messages a second", each, "/s", "≥ 1000", each >= 1000, note)


async def _ask(web: RunnerClient, path: str) -> Any:
    answer = await web.request("bench", "GET", f"/{path}", [], b"")
    if answer.status != 200:
        raise RuntimeError(answer.body.decode())
    return json.loads(answer.body)

"""Many people at once on one web process: edit frame → durable acknowledgement, under Daphne and under uvicorn, and memory.

The typists are in processes of their own, so that what they cost is not counted as the server's; on two cores they still share
the processors with it. Each types four characters an operation, five a second, as a person does, in a file of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websockets

from bench._product import Person, Product, product
from bench.rows import Row, median, percentile
from tests.support import Program, free_port, wait_until

PERIOD = 0.8
"""Seconds between two operations of a typist: four characters at five a second."""
SECONDS = 8.0
CROWDS = ((100, 100, 10.0, 60.0), (1000, 300, None, 250.0))
"""Connected, typing, and the targets of p50 and p99 in milliseconds."""
WORKERS = 100
"""Workers that the people spread over: so many workers at most have a room and a draft."""
PROCESSES = 2


def rows() -> Iterable[Row]:
    """Two minutes or so."""
    with product() as running:
        person = Person(running)
        names = person.make_workers("crowd", WORKERS)
        yield from _log(running, person, names[0])
        for server in ("daphne", "uvicorn"):
            with _web(running, server) as (port, pid):
                yield from _idle(person, names, port, pid, server)
                for connected, typing, p50, p99 in CROWDS:
                    yield from _crowd(person, names, port, pid, (connected, typing, p50, p99), server)
        yield from _opening(person)


@contextmanager
def _web(running: Product, server: str) -> Iterator[tuple[int, int]]:
    """Another web process on the same database, as behind a load balancer; so that both servers are measured alike."""
    environment = dict(running.environment)
    port = free_port()
    if server == "daphne":
        command = [sys.executable, "-m", "quickedit.serve", "--port", str(port)]
    else:
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "quickedit.asgi:application",
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
    program = Program(command, env=environment)
    try:
        wait_until(lambda: _answers(port), f"{server} on {port}", 60)
        yield port, program.pid
    finally:
        program.stop()


def _answers(port: int) -> bool:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _cookie(person: Person) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in person.http.cookies.jar)


def _idle(person: Person, names: list[str], port: int, pid: int, server: str) -> Iterator[Row]:
    """What an open session costs that does nothing: the second hundred, when rooms are warm."""

    async def grow() -> float:
        async with _Sockets(port, person.product.host, _cookie(person)) as sockets:
            await sockets.open([names[number % WORKERS] for number in range(WORKERS)])
            before = _resident_mb(pid)
            await sockets.open([names[number % WORKERS] for number in range(200)])
            return (_resident_mb(pid) - before) / 200

    each = asyncio.run(grow())
    yield Row(f"server memory of an idle session, {server}", each, "MB", "≤ 1", each <= 1, "200 sessions")


class _Sockets:
    """Open bridges that are read and nothing else."""

    def __init__(self, port: int, host: str, cookie: str) -> None:
        self._port, self._host, self._cookie = port, host, cookie
        self._open: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> _Sockets:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for socket in self._open:
            socket.transport.abort()
        await asyncio.sleep(0.2)

    async def open(self, names: list[str]) -> None:
        for start in range(0, len(names), 20):
            await asyncio.gather(*(self._one(name) for name in names[start : start + 20]))

    async def _one(self, name: str) -> None:
        socket = await connect(self._port, self._host, self._cookie, name)
        await socket.send(json.dumps({"t": "hello", "protocol": 1, "client": f"i{random.randrange(10**12)}"}))
        while json.loads(await socket.recv())["t"] != "preview.address":
            pass
        self._open.append(socket)
        self._tasks.append(asyncio.create_task(_drain(socket)))


async def _drain(socket: Any) -> None:
    try:
        async for _ in socket:
            pass
    except websockets.ConnectionClosed:
        pass


def connect(port: int, host: str, cookie: str, name: str) -> Any:
    return websockets.connect(
        f"ws://{host}/ws/workers/{name}", host="127.0.0.1", port=port, origin=f"http://{host}",  # type: ignore[arg-type]
        additional_headers={"cookie": cookie}, max_size=None, compression=None, ping_interval=None, open_timeout=60,
    )  # fmt: skip


def _crowd(
    person: Person, names: list[str], port: int, pid: int, crowd: tuple[int, int, float | None, float], server: str
) -> Iterator[Row]:
    connected, typing, p50, p99 = crowd
    shares = [
        (port, person.product.host, _cookie(person), names, connected // PROCESSES, typing // PROCESSES, part)
        for part in range(PROCESSES)
    ]
    with ProcessPoolExecutor(PROCESSES) as pool:
        results = [pool.submit(_share, *share) for share in shares]
        found = [result.result() for result in results]
    latencies = [each for share in found for each in share]
    what = f"{connected:,} connected, {typing} typing, {server}"
    middle, far = median(latencies), percentile(latencies, 99)
    rate = f"{len(latencies) / SECONDS:.0f} acknowledgements a second"
    yield Row(
        f"{what}: edit → durable", middle, "ms p50", f"≤ {p50:.0f}" if p50 else "", middle <= p50 if p50 else None, rate
    )
    yield Row("  the same", far, "ms p99", f"≤ {p99:.0f}", far <= p99, f"load {os.getloadavg()[0]:.1f}")
    yield Row("  server memory meanwhile", _resident_mb(pid), "MB")


def _share(port: int, host: str, cookie: str, names: list[str], connected: int, typing: int, part: int) -> list[float]:
    """One process's part of the crowd."""
    return asyncio.run(_type_all(port, host, cookie, names, connected, typing, part))


async def _type_all(
    port: int, host: str, cookie: str, names: list[str], connected: int, typing: int, part: int
) -> list[float]:
    latencies: list[float] = []
    async with _Sockets(port, host, cookie) as sockets:
        await sockets.open([names[number % WORKERS] for number in range(connected - typing)])
        begin = asyncio.get_running_loop().create_future()
        people = [
            asyncio.create_task(
                _one_typist(port, host, cookie, names[number % WORKERS], part, number, begin, latencies)
            )
            for number in range(typing)
        ]
        await asyncio.sleep(3 + connected / 200)
        begin.set_result(time.monotonic() + SECONDS)
        await asyncio.gather(*people)
    return latencies


async def _one_typist(
    port: int, host: str, cookie: str, name: str, part: int, number: int, begin: asyncio.Future[float], out: list[float]
) -> None:
    """Types into a file of their own until the time is up."""
    client = f"p{part}-{number}-{random.randrange(10**9)}"
    async with connect(port, host, cookie, name) as socket:
        await socket.send(json.dumps({"t": "hello", "protocol": 1, "client": client}))
        revision = 0
        while (frame := json.loads(await socket.recv()))["t"] != "welcome":
            pass
        revision, seq, length = frame["revision"], 0, 0

        async def batch(op: dict[str, Any]) -> float:
            nonlocal revision, seq
            seq += 1
            began = time.perf_counter()
            await socket.send(json.dumps({"t": "op", "seq": seq, "base": revision, "ops": [op]}))
            while True:
                frame = json.loads(await socket.recv())
                if frame["t"] == "committed":
                    revision = frame["revision"]
                    if frame["client"] == client and frame["seq"] == seq:
                        return (time.perf_counter() - began) * 1000
                assert frame["t"] != "refused", frame

        await batch({"op": "create", "file": client, "path": f"notes/{client}.txt"})
        end = await begin
        next_at = time.monotonic() + random.random() * PERIOD
        while next_at < end:
            while (left := next_at - time.monotonic()) > 0:
                try:
                    frame = json.loads(await asyncio.wait_for(socket.recv(), left))
                except TimeoutError:
                    break
                if frame["t"] == "committed":
                    revision = frame["revision"]
            changes = [*([length] if length else []), [0, "type"]]
            out.append(await batch({"op": "edit", "file": client, "changes": changes}))
            length += 4
            next_at += PERIOD
        await batch({"op": "delete", "path": f"notes/{client}.txt"})


def _log(running: Product, person: Person, name: str) -> Iterator[Row]:
    """Bytes of the log's own columns for each typed character."""
    typed = 200

    async def type_() -> None:
        begin = asyncio.get_running_loop().create_future()
        begin.set_result(time.monotonic() + typed / 4 * 0.01)
        global PERIOD
        kept, PERIOD = PERIOD, 0.01
        try:
            await _one_typist(running.port, running.host, _cookie(person), name, 9, 0, begin, [])
        finally:
            PERIOD = kept

    asyncio.run(type_())
    database = sqlite3.connect(Path(running.environment["QUICKEDIT_DATA_DIR"]) / "quickedit.sqlite3")
    total, count = database.execute(
        "SELECT sum(length(ops) + length(client) + length(blob) + 8 * 5), count(*) FROM workspaces_logentry"
        " WHERE ops LIKE '%\"type\"%'"
    ).fetchone()
    database.close()
    each = total / (count * 4)
    yield Row(
        "log bytes a typed character, four an operation", each, "bytes", "≤ 200", each <= 200, f"{count} operations"
    )


def _opening(person: Person) -> Iterator[Row]:
    """What a worker of 200 modules and 2 MB adds to opening: hello → welcome and the snapshot, over that of a small one."""
    person.make_worker("small")
    person.make_worker("large")
    files = [
        {
            "op": "create",
            "file": f"m{number}",
            "path": f"lib/m{number}.py",
            "text": f"# {number}\n" + "value = 1  # x\n" * 700,
        }
        for number in range(200)
    ]

    async def fill() -> None:
        async with person.bridge("large") as socket:
            await socket.send(json.dumps({"t": "hello", "protocol": 1, "client": "fill"}))
            while (frame := json.loads(await socket.recv()))["t"] != "welcome":
                pass
            revision = frame["revision"]
            for seq, start in enumerate(range(0, 200, 20), 1):
                batch = {"t": "op", "seq": seq, "base": revision, "ops": files[start : start + 20]}
                await socket.send(json.dumps(batch))
                while (frame := json.loads(await socket.recv()))["t"] != "committed":
                    assert frame["t"] != "refused", frame
                revision = frame["revision"]

    async def once(name: str) -> float:
        began = time.perf_counter()
        async with person.bridge(name) as socket:
            await socket.send(json.dumps({"t": "hello", "protocol": 1, "client": f"o{random.randrange(10**9)}"}))
            while json.loads(await socket.recv())["t"] != "welcome":
                pass
            await asyncio.to_thread(person.snapshot, name)
            return (time.perf_counter() - began) * 1000

    asyncio.run(fill())
    small = median([asyncio.run(once("small")) for _ in range(5)])
    large = median([asyncio.run(once("large")) for _ in range(5)])
    added = large - small
    yield Row(
        "opening a worker of 200 modules, 2 MB, adds",
        added,
        "ms",
        "≤ 150",
        added <= 150,
        f"{small:.0f} → {large:.0f} ms",
    )

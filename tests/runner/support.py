"""A real runner process with the real sandbox, and a web that answers it, for tests over real sockets."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from preview import bundle
from preview.client import Host, LogEvent, Program, Ready, RunnerClient
from tests.support import Program as Process

HANDLER = """from workers import WorkerEntrypoint, Response
class Default(WorkerEntrypoint):
    async def fetch(self, request):
{body}
"""
EDITOR = "http://localhost:8000"
SHARED = pytest.mark.asyncio(loop_scope="module")
"""The mark of test modules that use ``shared_runner``."""


def worker(body: str) -> dict[str, bytes]:
    """A worker whose handler is ``body``."""
    indented = "\n".join("        " + line for line in body.splitlines())
    return {"main.py": HANDLER.format(body=indented).encode()}


def answering(text: str) -> dict[str, bytes]:
    return worker(f"return Response({text!r})")


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each == name), None)

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    @property
    def text(self) -> str:
        return self.body.decode()


async def read_reply(reader: asyncio.StreamReader, *, body: bool = True) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip("\r\n").split("\r\n")
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    reply = Reply(int(status.split()[1]), headers, b"")
    if body and reply.status not in (204, 304):
        reply.body = await reader.readexactly(int(reply.header("content-length") or 0))
    return reply


@dataclass
class Runner:
    """A runner process and the web beside it: ``hosts`` and ``bundles`` are what web knows, ``calls`` whose methods whoever
    asks may call: (caller's id, called one's id)."""

    process: Process
    socket: Path
    port: int
    ready: dict[str, object]
    web: RunnerClient
    hosts: dict[str, tuple[Host, Program]] = field(default_factory=dict)
    bundles: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    logs: list[LogEvent] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    calls: set[tuple[str, str]] = field(default_factory=set)
    _revision: int = 0

    def draft(self, modules: Mapping[str, bytes], key: str = "draft:1", **variables: str) -> Program:
        self._revision += 1
        made = Program(key, "shop", bundle.digest(modules), self._revision, None, variables)
        self.bundles[made.digest] = modules
        return made

    async def preview(self, modules: Mapping[str, bytes], label: str = "p-1", *, private: bool = True) -> Program:
        """Runs modules as a draft behind a preview label."""
        program = self.draft(modules, f"draft:{label}")
        self.hosts[label] = Host(label, program.key, private, EDITOR if private else ""), program
        await self.web.put_host(self.hosts[label][0])
        assert isinstance(await self.web.run(program, modules), Ready)
        return program

    async def deploy(
        self,
        modules: Mapping[str, bytes],
        name: str = "shop",
        version: int = 1,
        packages: Mapping[str, str] | None = None,
    ) -> Program:
        program = Program(f"live:{name}", name, bundle.digest(modules), 1, version, {}, dict(packages or {}))
        self.bundles[program.digest] = modules
        self.hosts[name] = Host(name, program.key, False, ""), program
        await self.web.put_host(self.hosts[name][0])
        await self.web.run(program, modules)
        return program

    async def fetch(
        self,
        path: str = "/",
        host: str = "p-1",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """One request on a connection of its own."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}.localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return await self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body, body=method != "HEAD")

    async def raw(self, data: bytes, *, body: bool = True) -> Reply:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(60):
                writer.write(data)
                return await read_reply(reader, body=body)
        finally:
            writer.close()

    async def log(self, condition: Callable[[LogEvent], bool], *, within: float = 10) -> LogEvent:
        """The first event that fits, waiting for it."""
        async with asyncio.timeout(within):
            while True:
                for event in self.logs:
                    if condition(event):
                        return event
                await asyncio.sleep(0.01)


async def start_runner(folder: Path, *options: str, port: int = 0, after: Runner | None = None) -> Runner:
    """Ready, or dead with what it printed. The caller stops ``process`` and closes ``web``, which knows what that of the
    runner ``after`` which this one comes knew."""
    socket = folder / "run" / "s"
    command = [
        sys.executable,
        "-m",
        "preview.outside.serve",
        "--socket",
        socket,
        "--data",
        folder,
        "--domain",
        "localhost",
    ]
    process = Process([*command, "--port", port, *options])
    try:
        ready = json.loads(await asyncio.to_thread(process.wait_for, '"ready"'))
    except BaseException:
        process.stop()
        raise
    made: Runner

    async def resolve(label: str) -> tuple[Host, Program] | None:
        made.resolved.append(label)
        return made.hosts.get(label)

    async def modules(program: Program) -> Mapping[str, bytes]:
        return made.bundles[program.digest]

    async def may_call(caller: str, called: str) -> bool:
        return (caller, called) in made.calls

    web = RunnerClient(
        socket, resolve=resolve, modules=modules, on_log=lambda event: made.logs.append(event), may_call=may_call
    )
    made = Runner(process, socket, int(ready["port"]), ready, web)
    if after is not None:
        made.hosts, made.bundles, made.calls = after.hosts, after.bundles, after.calls
    await web.start()
    await web.health()
    return made


@asynccontextmanager
async def asked(
    runner: Runner, head: str, host: str = "p-1", body: bytes = b""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which a request was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    line, _, headers = head.partition("\n")
    writer.write(f"{line} HTTP/1.1\r\nHost: {host}.localhost\r\n{headers}\r\n".encode() + body)
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.transport.abort()


async def chunk(reader: asyncio.StreamReader) -> bytes:
    """One chunk of a chunked body; b"" at its end."""
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size)
    assert await reader.readexactly(2) == b"\r\n"
    return data


async def rest(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while data := await chunk(reader):
        parts.append(data)
    return b"".join(parts)


def rss(pid: int) -> int:
    """Bytes of a process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096

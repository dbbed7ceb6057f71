"""The server itself: how it starts and ends, clients that do not read, and the same application under uvicorn."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
import os
import secrets
import socket
import sys
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from quickedit.accounts import links
from tests.support import free_port, program, wait_until
from tests.web.conftest import Person, Server, local


def write(path: str, text: str) -> dict[str, str]:
    return {"op": "create", "file": secrets.token_hex(8), "path": path, "text": text}


def test_a_port_in_use_is_said_and_ends_the_server() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with program(sys.executable, "-m", "quickedit.serve", "--port", port, env=dict(os.environ)) as started:
            said = json.loads(started.wait_for('"ready"'))
            assert said["ready"] is False
            assert "in use" in said["error"].lower()
            assert wait_until(lambda: started.process.poll() is not None, "the server's end")
            assert started.process.returncode == 1


async def test_F2_a_stopping_server_closes_its_sockets_with_a_code_that_says_come_back(owner: Person) -> None:
    name = owner.make()
    with program(sys.executable, "-m", "quickedit.serve", "--port", "0", env=dict(os.environ)) as started:
        ready = json.loads(await asyncio.to_thread(started.wait_for, '"ready"'))
        owner.server = Server(ready["port"])
        async with owner.editor(name) as editor:
            await editor.operate(1, 1, write("last.txt", "kept"))
            await editor.until("committed")
            stopping = asyncio.create_task(asyncio.to_thread(started.stop))
            code = await editor.closed()
            await stopping
            assert code == 4503, started.output


async def test_L2_a_client_that_never_reads_leaves_memory_flat_and_others_alone(server: Server, owner: Person) -> None:
    name = owner.make()
    with program(sys.executable, "-m", "quickedit.serve", "--port", "0", env=dict(os.environ)) as started:
        ready = json.loads(await asyncio.to_thread(started.wait_for, '"ready"'))
        owner.server = Server(ready["port"])
        async with owner.editor(name) as reader, owner.bridge(name) as sleeper:
            await sleeper.send(json.dumps({"t": "hello", "protocol": 1, "client": "sleeper", "revision": None}))
            sleeper.transport.pause_reading()
            revision = reader.welcome["revision"]
            before = resident_kb(started.pid)
            for seq in range(1, 61):
                await reader.operate(seq, revision, write(f"n{seq}.txt", "x" * 200_000)) if seq % 2 else None
                if seq % 2 == 0:
                    await reader.operate(seq, revision, {"op": "delete", "path": f"n{seq - 1}.txt"})
                revision = (await reader.until("committed"))["revision"]
                await reader.send({"t": "ping", "n": seq})
            grown = resident_kb(started.pid) - before
            assert grown < 40_000, f"{grown} KB"


async def test_a_client_that_reads_late_gets_every_frame_whole_and_in_order(server: Server, owner: Person) -> None:
    name = owner.make()
    narrow = socket.socket()
    narrow.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 4096
    )  # so that the server's own buffer fills, within a frame
    narrow.connect(("127.0.0.1", server.port))
    async with owner.editor(name) as writer, owner.bridge(name, sock=narrow, compression=None) as late:
        await late.send(json.dumps({"t": "hello", "protocol": 1, "client": "late", "revision": None}))
        while json.loads(await late.recv())["t"] != "preview.address":
            pass
        late.transport.pause_reading()
        revision = first = writer.welcome["revision"]
        for seq in range(1, 421):
            await writer.operate(seq, revision, write(f"n{seq}.txt", f"{seq} " + "x" * 15_500))
            revision = (await writer.until("committed"))["revision"]
        late.transport.resume_reading()
        seen = []
        while not seen or seen[-1] < revision:
            frame = json.loads(await asyncio.wait_for(late.recv(), 20))
            if frame["t"] == "committed":
                seen.append(frame["revision"])
                text = frame["ops"][0]["text"]
                assert text == f"{frame['seq']} " + "x" * 15_500
    assert seen == list(range(first + 1, revision + 1))


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def test_no_token_reaches_the_log(django_ready: None) -> None:
    environment = {**os.environ, "QUICKEDIT_LOG_LEVEL": "DEBUG"}
    with program(sys.executable, "-m", "quickedit.serve", "--port", "0", env=environment) as started:
        port = json.loads(started.wait_for('"ready"'))["port"]
        url = links.create().url
        with Server(port).client() as browser:
            browser.get(local(url))
            browser.get(local(url))
            browser.get(f"{local(url)}%0a&next=//x")
        started.stop()
        assert "GET /login" in started.output
        assert url.partition("token=")[2] not in started.output


@pytest.mark.parametrize("flag", [[], ["--http", "httptools", "--ws", "websockets", "--loop", "uvloop"]])
async def test_the_same_application_runs_under_uvicorn(owner: Person, flag: list[str]) -> None:
    name, port = owner.make(), free_port()
    command = [sys.executable, "-m", "uvicorn", "quickedit.asgi:application", "--port", str(port), *flag]
    with program(*command, env=dict(os.environ)) as started:
        await asyncio.to_thread(started.wait_for, "Uvicorn running")
        owner.server = Server(port)
        async with owner.editor(name) as editor:
            await editor.operate(1, editor.welcome["revision"], write("a.txt", "a"))
            assert (await editor.until("committed"))["seq"] == 1
        with owner.server.client(host=settings.EDITOR_HOST) as browser:
            assert browser.get("/parents.json").json() == [settings.PUBLIC_ORIGIN]


def test_many_requests_at_once_are_all_answered(owner: Person) -> None:
    async def ask() -> list[int]:
        limits = httpx.Limits(max_connections=40)
        headers = {"host": settings.PUBLIC_HOST, "cookie": owner.cookie}
        base = f"http://127.0.0.1:{owner.server.port}"
        async with httpx.AsyncClient(base_url=base, headers=headers, limits=limits, timeout=30) as client:
            answers = await asyncio.gather(*(client.get("/api/v1/workers") for _ in range(200)))
        return [answer.status_code for answer in answers]

    assert set(asyncio.run(ask())) == {200}

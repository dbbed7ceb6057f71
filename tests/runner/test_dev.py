"""``python -m preview DIR``: a folder on the real runtime, as a person at a terminal uses it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.runner.support import Reply, answering, read_reply, worker
from tests.support import Program, program


@dataclass
class Dev:
    folder: Path
    process: Program
    port: int

    async def get(self, path: str = "/", *, accept: str = "*/*", host: str = "localhost") -> Reply:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(20):
                head = (
                    f"GET {path} HTTP/1.1\r\nHost: {host}:{self.port}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode())
                return await read_reply(reader)
        finally:
            writer.close()

    def save(self, modules: dict[str, bytes]) -> None:
        for path, content in modules.items():
            (self.folder / path).write_bytes(content)

    async def until(self, condition: Callable[[Reply], bool], **options: str) -> Reply:
        end = time.monotonic() + 20
        while not condition(reply := await self.get(**options)):
            assert time.monotonic() < end, reply
        return reply

    async def says(self, text: str) -> str:
        return await asyncio.to_thread(self.process.wait_for, text)


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Dev]:
    made = Dev(tmp_path, Program([sys.executable, "-m", "preview", tmp_path, "--port", "0"]), 0)
    try:
        made.port = int((await made.says("Ready on http://localhost:")).rpartition(":")[2])
        yield made
    finally:
        await asyncio.to_thread(made.process.stop)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_bytes(answering("first")["main.py"])
    return tmp_path


async def test_a_saved_change_answers_by_itself_and_the_terminal_says_in_how_long(dev: Dev) -> None:
    assert (await dev.get()).text == "first"
    dev.save(answering("second"))
    await dev.until(lambda reply: reply.text == "second")
    assert re.search(r"main\.py: ready in \d+\.\d ms", await dev.says("main.py: ready"))


async def test_a_module_that_does_not_parse_keeps_the_last_good_answer_and_is_named_in_the_terminal(dev: Dev) -> None:
    dev.save({"main.py": b"def broken(:\n"})
    assert "main.py:1:" in await dev.says("last good version")
    assert (await dev.get()).text == "first"


async def test_an_exception_is_a_page_that_reloads_itself_and_a_traceback_for_curl(dev: Dev) -> None:
    dev.save(worker("print('\\x1b[31mred')\nraise ValueError('boom')"))
    reply = await dev.until(lambda reply: reply.status == 500, accept="text/html")
    policy = " ".join(reply.all("content-security-policy"))
    nonce = re.search(r"<script nonce=\"([^\"]+)\">\(\(\)=>\{const shown", reply.text)
    assert nonce and f"'nonce-{nonce[1]}'" in policy and "connect-src 'self'" in policy
    assert "ValueError: boom" in (await dev.get()).text
    assert "\x1b" not in await dev.says("red")


async def test_open_pages_hear_of_a_change(dev: Dev) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", dev.port)
    writer.write(b"GET /__quickedit__/reload HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(20):
        first = await reader.readuntil(b"data: ")
        assert b"text/event-stream" in first
        before = await reader.readline()
        dev.save(answering("second"))
        await reader.readuntil(b"data: ")
        assert await reader.readline() != before
    writer.close()


async def test_O10_only_this_machines_names_answer(dev: Dev) -> None:
    assert (await dev.get(host="127.0.0.1")).text == "first"
    assert (await dev.get(host="evil.com")).status == 421


async def test_ctrl_c_stops_it_cleanly_even_with_an_open_page(dev: Dev) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", dev.port)
    writer.write(b"GET /__quickedit__/reload HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await writer.drain()
    os.killpg(dev.process.pid, signal.SIGINT)  # a terminal signals all that runs in it
    await dev.says("Stopped.")
    assert dev.process.process.wait(20) == 0
    assert "Traceback" not in dev.process.output and "zygote" not in dev.process.output
    writer.close()


def test_a_folder_without_a_main_module_says_what_to_add(tmp_path: Path) -> None:
    (tmp_path / "main.py").unlink()
    with program(sys.executable, "-m", "preview", tmp_path, "--port", "0") as started:
        assert "Add main.py" in started.wait_for("no main module")
        started.wait_for("Ready on")


def test_a_port_in_use_is_a_clear_message(tmp_path: Path) -> None:
    with program(sys.executable, "-m", "preview", tmp_path, "--port", "0") as first:
        port = first.wait_for("Ready on").rpartition(":")[2]
        with program(sys.executable, "-m", "preview", tmp_path, "--port", port) as second:
            second.wait_for(f"Port {port} on 127.0.0.1 is in use")
            assert second.process.wait(20) == 1 and "Traceback" not in second.output


def test_a_folder_that_is_not_there_is_a_clear_message(tmp_path: Path) -> None:
    with program(sys.executable, "-m", "preview", tmp_path / "nowhere") as started:
        started.wait_for("is not a directory")

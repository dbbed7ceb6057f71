"""Idle workers are stopped and wake with their next request; what is busy, or holds a stream, is left alone."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import pytest

from preview.exchange import Host, Program, Ready
from preview.outside import programs as module
from preview.outside.bundles import Bundles
from preview.outside.calls import Calls
from preview.outside.children import Answer
from preview.outside.programs import IDLE_AFTER, Programs
from preview.outside.runs import Run
from preview.protocol import pack_modules
from tests.sandbox.support import Sandbox

pytestmark = pytest.mark.sandbox

HEAD = {"method": "GET", "url": "http://w.localhost/", "headers": [], "private": True}
MAIN = b"""
from workers import Response
count = 0
async def on_fetch(request):
    global count
    count += 1
    return Response(str(count))
"""
PACKED = pack_modules({"main.py": MAIN})


class Nowhere:
    """A web that knows nothing: what is evicted must wake from what the runner has itself."""

    async def resolve(self, label: str) -> tuple[Host, Program] | None:
        return None

    async def modules(self, program: Program) -> bytes | None:
        return None


def program(number: int) -> Program:
    return Program(f"live:{number}", f"w{number}", hashlib.sha256(PACKED).hexdigest(), 1, 1, {})


async def asked(programs: Programs, number: int) -> str:
    run = await programs.acquire(f"live:{number}")
    assert run is not None and run.child is not None
    try:
        answer = await run.child.request(HEAD, b"", lambda records, dropped: None)
        assert isinstance(answer, Answer), answer
        return answer.body.decode()
    finally:
        programs.release(run)


async def ended(run: Run) -> None:
    assert run.child is not None
    async with asyncio.timeout(10):
        await asyncio.wait({run.child.exited})


def with_programs(sandbox: Sandbox, folder: Path, what: object) -> None:
    async def whole() -> None:
        bundles = Bundles(folder)
        programs = Programs(sandbox.children, bundles, Nowhere(), lambda *_: None, Calls(), wall_s=2.5)
        try:
            await what(programs)  # type: ignore[operator]
        finally:
            programs.close()
            bundles.close()

    sandbox.do(whole(), within=60)


def test_an_idle_worker_is_stopped_and_wakes_by_a_fork(sandbox: Sandbox, tmp_path: Path) -> None:
    async def story(programs: Programs) -> None:
        assert isinstance(await programs.run(program(1), PACKED), Ready)
        assert [await asked(programs, 1), await asked(programs, 1)] == ["1", "2"]
        first = programs.current("live:1")
        assert first is not None
        programs.release(first)
        programs.sweep(time.monotonic() + IDLE_AFTER - 5)
        assert await asked(programs, 1) == "3"  # not yet
        programs.sweep(time.monotonic() + IDLE_AFTER + 5)
        await ended(first)
        assert await asked(programs, 1) == "1"  # a fresh one, from the bundle that is here

    with_programs(sandbox, tmp_path, story)


def test_a_worker_that_holds_a_request_is_not_stopped(sandbox: Sandbox, tmp_path: Path) -> None:
    async def story(programs: Programs) -> None:
        await programs.run(program(1), PACKED)
        run = programs.current("live:1")
        assert run is not None
        programs.sweep(time.monotonic() + IDLE_AFTER + 5)
        assert run.child is not None and not run.child.exited.done()
        programs.release(run)
        assert await asked(programs, 1) == "1"

    with_programs(sandbox, tmp_path, story)


def test_above_the_limit_those_idle_for_longest_go_first(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RUNNING", 3)

    async def story(programs: Programs) -> None:
        for number in range(6):
            await programs.run(program(number), PACKED)
        for number in (0, 1, 2, 3, 4, 5, 1):
            await asked(programs, number)
        programs.sweep(time.monotonic())
        assert [await asked(programs, number) for number in range(6)] == ["1", "3", "1", "1", "2", "2"]

    with_programs(sandbox, tmp_path, story)

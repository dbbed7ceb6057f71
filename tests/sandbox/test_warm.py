"""Zygotes that have imported packages: who gets one, that they are as confined as any, and that they give way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from preview.outside.children import Answer, Children
from preview.outside.unavailable import SandboxUnavailable
from preview.outside.warm import MOST, Packages, Warm
from tests.sandbox.support import HEAD, LIMITS, META

pytestmark = pytest.mark.sandbox

MAIN = b"""
import sys
from workers import Response, WorkerEntrypoint
had = "jinja2" in sys.modules
import jinja2
import os

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            outcome = os.listdir("/etc")
        except OSError as error:
            outcome = type(error).__name__
        return Response.json([had, outcome, os.getuid() == 0])
"""


async def test_a_program_that_imported_a_package_wakes_from_a_zygote_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("preview.outside.warm.WORTH", 0.0)
    children = Children(LIMITS, spares=1)
    await children.start()
    meta = {**META, "packages": ["jinja2", "yaml"]}

    async def ask(key: str) -> bytes:
        child = await children.load({"main.py": MAIN}, meta, None, key)
        try:
            answer = await child.request(HEAD, b"", lambda records, dropped: None)
            assert isinstance(answer, Answer), answer
            return answer.body
        finally:
            child.kill()

    try:
        first = await ask("draft:1")
        async with asyncio.timeout(60):
            while (again := await ask("draft:1"))[:5] != b"[true":
                await asyncio.sleep(0.05)
        assert first[:6] == b"[false"
        assert again[6:] == first[7:]  # as confined as the first one was
        assert (await ask("draft:2"))[:6] == b"[false"  # a program that is new has not said what it needs
    finally:
        await children.close()


class _Pool:
    """A pool without processes: what is tested here is who gets which, not what they do."""

    def __init__(self, packages: Packages, number: int) -> None:
        self.packages, self.number = packages, number
        self.in_use = False
        self.closed = False
        self.broken = "flask" in packages

    async def start(self) -> None:
        if self.broken:
            raise SandboxUnavailable("no")

    async def close(self) -> None:
        self.closed = True

    async def load(self, modules: Mapping[str, bytes], meta: dict[str, Any], desk: Any = None, key: str = "") -> Any:
        return None


async def _settled(warm: Warm) -> None:
    while warm._starting:
        await asyncio.sleep(0)


async def test_the_longest_unused_zygote_makes_room_and_one_in_use_never_does() -> None:
    made: list[_Pool] = []

    def make(packages: Packages, number: int) -> _Pool:
        made.append(_Pool(packages, number))
        return made[-1]

    warm = Warm(make)
    for number, name in enumerate(["PIL", "attr", "django", "fastapi"][:MOST]):
        warm.learned(f"draft:{number}", [name], 1000.0)
        await _settled(warm)
    assert [pool.number for pool in made] == [1, 2, 3, 4]
    made[0].in_use = True
    assert warm.pool("draft:0") is made[0] and warm.pool("draft:9") is None
    warm.learned("draft:7", ["yaml"], 1000.0)
    await _settled(warm)
    assert [pool.closed for pool in made] == [False, True, False, False, False]
    assert made[-1].number == 2 and warm.pool("draft:1") is None
    for pool in made:
        pool.in_use = True
    warm.learned("draft:8", ["httpx"], 1000.0)
    await _settled(warm)
    assert warm.pool("draft:8") is None and len(made) == 5
    await warm.close()


async def test_what_is_quick_or_unknown_gets_none_and_one_that_does_not_start_is_done_without() -> None:
    warm = Warm(_Pool)
    warm.learned("a", ["PIL"], 5.0)
    warm.learned("b", ["os", "subprocess"], 1000.0)
    warm.learned("c", ["flask"], 1000.0)
    await _settled(warm)
    assert [warm.pool(key) for key in "abc"] == [None, None, None]
    await warm.close()

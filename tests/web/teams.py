"""Web processes of the tests' own, and typists behind them who know afterwards what must be there."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support import Program
from tests.typist import Typist, check
from tests.web.conftest import Person, Server

SOAK = bool(os.environ.get("SOAK"))
"""``make soak`` takes its time; ``make test`` checks the same with fewer people and shorter waits."""

over_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class Web:
    """One web process on a port of its own; started again it has another one."""

    def __init__(self, **environment: str) -> None:
        self.environment = environment
        self.port = 0
        self.program: Program | None = None

    async def start(self, **more: str) -> None:
        command = [sys.executable, "-m", "quickedit.serve", "--port", "0"]
        self.program = Program(command, env={**os.environ, **self.environment, **more})
        ready = json.loads(await asyncio.to_thread(self.program.wait_for, '"ready"', 60))
        self.port = ready["port"]

    async def stop(self, number: int = signal.SIGTERM) -> None:
        if self.program is not None:
            program, self.program = self.program, None
            await asyncio.to_thread(program.stop, number, 60)

    async def died(self) -> int:
        """Waits for its death and returns the status."""
        assert self.program is not None
        process = self.program.process
        async with asyncio.timeout(60):
            while process.poll() is None:
                self.program.read(0)
                await asyncio.sleep(0.02)
        await self.stop()
        return process.returncode


@asynccontextmanager
async def processes(count: int, **environment: str) -> AsyncIterator[list[Web]]:
    started = [Web(**environment) for _ in range(count)]
    try:
        await asyncio.gather(*(web.start() for web in started))
        yield started
    finally:
        for web in started:
            await web.stop(signal.SIGKILL)


class Team:
    """Typists in one worker, behind whatever port each is given, and what the database holds at the end."""

    def __init__(self, first: Web) -> None:
        self.owner = Person(Server(first.port), "owner")
        self.name = self.owner.make()
        self.typists: list[Typist] = []

    def typist(self, port: Callable[[], int], answer: float = 10.0) -> Typist:
        def dial() -> Any:
            self.owner.server = Server(port())
            return self.owner.bridge(self.name, open_timeout=answer, ping_interval=None)

        async def snapshot() -> dict[str, Any]:
            client = Server(port()).client(cookie=self.owner.cookie)
            answer_ = await asyncio.to_thread(client.get, f"/api/v1/workers/{self.name}/snapshot")
            assert answer_.status_code in (200, 503), answer_.text
            if answer_.status_code == 503:
                raise OSError("no snapshot now: connect anew, as the editor does")
            found: dict[str, Any] = answer_.json()
            return found

        made = Typist(f"t{len(self.typists)}", "main.py", dial, snapshot, answer)
        self.typists.append(made)
        return made

    async def check(self) -> None:
        check(await asyncio.to_thread(self._text), self.typists)

    def _text(self) -> str:
        from django.db import connection

        from quickedit.workers.models import Worker
        from quickedit.workspaces import store

        connection.close()  # this thread may hold one from before the database was restarted
        worker = Worker.objects.get(name=self.name)
        found = store.load(worker.pk)[0]
        connection.close()
        return next(file.text for file in found.files.values() if file.path == "main.py")


async def team(first: Web) -> Team:
    return await asyncio.to_thread(Team, first)


async def typing(work: Awaitable[Any], meanwhile: Awaitable[Any]) -> None:
    """Both, and what goes wrong in either."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_all(work))
        group.create_task(_all(meanwhile))


async def _all(work: Awaitable[Any]) -> None:
    async with asyncio.timeout(120):
        await work


async def until_acknowledged(typists: list[Typist], marks: int) -> None:
    while sum(len(each.acknowledged) for each in typists) < marks:
        await asyncio.sleep(0.01)

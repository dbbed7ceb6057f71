"""Real web processes, and what may happen to them, to the network and to what they depend on. After each: everything that was
acknowledged is there once, and so is everything typed (I3, I4, F1–F3, Y3, R9, W1–W3, G3).
"""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

from quickedit import failpoints
from tests.proxy import Proxy, proxy
from tests.services import Postgres, Redis
from tests.support import Program, over_both_databases
from tests.typist import Typist, check
from tests.web.conftest import Person, Server

SOAK = bool(os.environ.get("SOAK"))
"""``make soak`` takes its time; ``make test`` checks the same with fewer people and shorter waits."""
TYPISTS = 100 if SOAK else 30
LOCKED = 10.0 if SOAK else 1.5
"""Seconds that another program holds the database's lock."""

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


async def test_I3_Y3_kill_9_at_every_point_between_receive_and_acknowledge_loses_and_doubles_nothing(
    database: None,
) -> None:
    async with processes(1) as (web,):
        crew = await team(web)
        typists = [crew.typist(lambda: web.port) for _ in range(3)]

        async def kill() -> None:
            for count, point in enumerate(failpoints.POINTS, 1):
                await web.stop(signal.SIGKILL)
                await web.start(QUICKEDIT_FAILPOINT=f"{point}:{count % 5 + 2}")
                assert await web.died() == -signal.SIGKILL, point
            await web.start()

        done = asyncio.Event()

        async def kill_and_end() -> None:
            await kill()
            done.set()

        await typing(asyncio.gather(*(each.type(1, 0.02, done) for each in typists)), kill_and_end())
        await crew.check()
        assert min(each.connections for each in typists) >= len(failpoints.POINTS)


async def test_Y3_a_network_that_delays_stalls_and_cuts_loses_nothing(database: None) -> None:
    async with processes(1) as (web,), proxy(lambda: web.port, 0.005, random.Random(1)) as line:
        crew = await team(web)
        typists = [crew.typist(lambda: line.port, answer=0.7) for _ in range(3)]

        async def trouble() -> None:
            for turn in range(1, 7):
                await until_acknowledged(typists, turn * 6)
                if turn % 2:
                    line.cut()
                else:
                    line.stalled = True  # nothing arrives any more, and nobody is told
                    await asyncio.sleep(0.1)
                    line.cut()
                    line.stalled = False

        await typing(asyncio.gather(*(each.type(20) for each in typists)), trouble())
        await crew.check()
        assert sum(each.connections for each in typists) > 9


async def test_F2_G3_a_rolling_restart_under_many_typists_loses_nothing_and_says_goodbye(
    database: None, redis: Redis
) -> None:
    async with processes(2, QUICKEDIT_REDIS_URL=redis.url) as webs:
        crew = await team(webs[0])
        current = [webs[0]]  # what a load balancer does: new connections go where one is ready
        typists = [crew.typist(lambda: current[0].port) for _ in range(TYPISTS)]

        async def roll() -> None:
            while not all(each.acknowledged for each in typists):
                await asyncio.sleep(0.05)
            for turn in (1, 2):
                old, current[0] = current[0], webs[turn % 2]
                await old.stop()
                await old.start()
                await until_acknowledged(typists, TYPISTS // 2 + sum(len(each.acknowledged) for each in typists))
            done.set()

        done = asyncio.Event()
        await typing(asyncio.gather(*(each.type(1, 0.5, done) for each in typists)), roll())
        await crew.check()
        told = [each for each in typists if "restart" in each.goodbyes]
        assert len(told) >= TYPISTS * 0.9, len(told)


@over_both_databases
async def test_W1_W2_W3_two_processes_write_one_workspace_and_everybody_sees_everything(
    database: None, redis: Redis
) -> None:
    async with processes(2, QUICKEDIT_REDIS_URL=redis.url) as webs:
        crew = await team(webs[0])
        typists = [crew.typist(lambda web=web: web.port) for web in webs for _ in range(3)]  # type: ignore[misc]
        await typing(asyncio.gather(*(each.type(12) for each in typists)), asyncio.sleep(0))
        await crew.check()
        # A reader on one process sees what is typed on the other at once, by the hint, not after a pulse.
        crew.owner.server = Server(webs[0].port)
        async with crew.owner.editor(crew.name, "reader") as reader:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await typists[-1].type(5)
            for _ in range(5):
                await reader.until("committed")
            assert loop.time() - began < 4.5, "the hints did not arrive"


@over_postgresql
async def test_F1_postgresql_and_redis_restarted_mid_edit_lose_nothing(
    database: None, postgres: Postgres, redis: Redis
) -> None:
    async with processes(2, QUICKEDIT_REDIS_URL=redis.url) as webs:
        crew = await team(webs[0])
        typists = [crew.typist(lambda web=web: web.port) for web in webs for _ in range(2)]  # type: ignore[misc]

        async def restart() -> None:
            for turn, (service, number) in enumerate(
                [(postgres, signal.SIGINT), (redis, signal.SIGKILL), (postgres, signal.SIGQUIT)], 1
            ):
                await until_acknowledged(typists, turn * 10)
                await asyncio.to_thread(service.stop, number)
                await asyncio.to_thread(service.start)

        await typing(asyncio.gather(*(each.type(15, 0.01) for each in typists)), restart())
        await crew.check()


@over_postgresql
async def test_F1_while_postgresql_is_away_pages_and_the_api_say_so_and_what_to_do(
    database: None, postgres: Postgres
) -> None:
    async with processes(1) as (web,):
        crew = await team(web)
        client = Server(web.port).client(cookie=crew.owner.cookie)

        async def get(path: str) -> httpx.Response:
            return await asyncio.to_thread(client.get, path)

        paths = "/", f"/workers/{crew.name}/edit", f"/api/v1/workers/{crew.name}/snapshot"
        await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
        try:
            for path in paths:
                answer = await get(path)
                assert answer.status_code == 503, (path, answer.text)
                assert "The database does not answer now." in answer.text and "Try again" in answer.text
            async with crew.owner.bridge(crew.name) as socket:
                goodbye = json.loads(await socket.recv())
                await socket.wait_closed()
            assert (goodbye["t"], goodbye["code"], goodbye["reconnect"]) == ("goodbye", "database-away", True)
            assert goodbye["after_ms"] >= 1000 and socket.close_code == 4503
        finally:
            await asyncio.to_thread(postgres.start)
        assert [(await get(path)).status_code for path in paths] == [200, 200, 200]
        async with crew.owner.editor(crew.name) as editor:
            assert editor.welcome["worker"] == crew.name


async def test_F4_a_web_process_that_stands_still_loses_nothing(database: None) -> None:
    async with processes(1) as (web,):
        crew = await team(web)
        typists = [crew.typist(lambda: web.port, answer=0.5) for _ in range(2)]

        async def stall() -> None:
            assert web.program is not None
            for turn in (1, 2):
                await until_acknowledged(typists, turn * 8)
                os.kill(web.program.pid, signal.SIGSTOP)
                await asyncio.sleep(0.8)
                os.kill(web.program.pid, signal.SIGCONT)

        await typing(asyncio.gather(*(each.type(15) for each in typists)), stall())
        await crew.check()


async def test_F3_R9_a_full_disk_acknowledges_nothing_says_so_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can mount a small disk; test_durability has the same with SQLite's own limit")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=True)
    try:
        await _fill(disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


async def _fill(disk: Path) -> None:
    migrate = [sys.executable, "manage.py", "migrate", "-v0"]
    environment = {**os.environ, "QUICKEDIT_DATA_DIR": str(disk)}
    await asyncio.to_thread(subprocess.run, migrate, check=True, env=environment)
    link = [sys.executable, "-m", "quickedit.cli", "login-link"]
    made = await asyncio.to_thread(subprocess.run, link, check=True, env=environment, capture_output=True, text=True)
    async with processes(1, QUICKEDIT_DATA_DIR=str(disk)) as (web,):
        person = await asyncio.to_thread(Person, Server(web.port), "owner", made.stdout.strip())
        name = await asyncio.to_thread(person.make)
        async with person.editor(name) as editor:
            revision = editor.welcome["revision"]
            ballast = disk / "ballast"
            with ballast.open("wb") as stream:
                try:
                    while stream.write(b"x" * 65536):
                        stream.flush()
                except OSError:
                    pass
            op = {"op": "create", "file": "big", "path": "big.txt", "text": "x" * 200_000}
            await editor.operate(1, revision, op)
            refused = await editor.until("refused")
            assert (refused["code"], refused["seq"]) == ("not-durable", 1) and refused["hint"]
            assert not [frame for frame in editor.seen if frame["t"] == "committed"]
            ballast.unlink()
            await editor.operate(1, revision, op)
            assert (await editor.until("committed"))["revision"] == revision + 1


async def test_R9_a_database_locked_for_a_while_keeps_everybody_waiting_and_loses_nothing(database: None) -> None:
    async with processes(1) as (web,):
        crew = await team(web)
        typists = [crew.typist(lambda: web.port, answer=30) for _ in range(2)]

        async def lock() -> None:
            await until_acknowledged(typists, 4)
            locker = sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None)
            locker.execute("BEGIN IMMEDIATE")
            before = sum(len(each.acknowledged) for each in typists)
            await asyncio.sleep(LOCKED)
            assert sum(len(each.acknowledged) for each in typists) <= before + 2  # what was committed already
            locker.execute("ROLLBACK")
            locker.close()

        await typing(asyncio.gather(*(each.type(8) for each in typists)), lock())
        await crew.check()


async def test_nobody_starves_ten_typists_of_whom_one_is_far_away(database: None) -> None:
    """DESIGN §4: accepting only on the head gave the far one nothing in 60 s."""
    async with processes(1) as (web,), AsyncExitStack() as stack:
        crew = await team(web)
        lines: list[Proxy] = []
        for delay in (0.075, *[0.005] * 9):
            lines.append(await stack.enter_async_context(proxy(lambda: web.port, delay)))
        typists = [crew.typist(lambda line=line: line.port) for line in lines]  # type: ignore[misc]
        done = asyncio.Event()

        async def far() -> None:
            await typists[0].type(12, 0.05)
            done.set()

        await typing(asyncio.gather(*(each.type(1, 0.01, done) for each in typists[1:])), far())
        await crew.check()
        assert typists[0].connections == 1

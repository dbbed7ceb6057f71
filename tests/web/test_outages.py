"""What may happen to what the web processes depend on: the database, the broker, the disk. After each, everything that was
acknowledged is there once, and so is everything typed (F1, F3, R9).
"""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from tests.services import Postgres, Redis
from tests.web.conftest import Person, Server
from tests.web.teams import SOAK, over_postgresql, processes, team, typing, until_acknowledged

LOCKED = 10.0 if SOAK else 1.5
"""Seconds that another program holds the database's lock."""


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

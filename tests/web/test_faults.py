"""Real web processes, and what may happen to them and to the network. After each: everything that was acknowledged is there once,
and so is everything typed (I3, I4, F2, F4, Y3, W1–W3, G3).
"""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import os
import random
import signal
from contextlib import AsyncExitStack

from quickedit import failpoints
from tests.proxy import Proxy, proxy
from tests.services import Redis
from tests.support import over_both_databases
from tests.web.conftest import Server
from tests.web.teams import SOAK, processes, team, typing, until_acknowledged

TYPISTS = 100 if SOAK else 30


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

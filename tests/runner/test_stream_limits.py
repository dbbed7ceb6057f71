"""What a stream may use: longer than a request, and never more CPU time than others."""

from __future__ import annotations

import asyncio

import pytest

from tests.runner.support import Runner, asked, read_reply, rest, worker


async def test_streams_beyond_their_wall_limit_go_on_and_use_no_cpu_time_of_their_own(strict_runner: Runner) -> None:
    """The runner's limits are 2 s a request and 1 s of CPU: a stream is for longer, and gets CPU time back as it waits."""
    await strict_runner.preview(
        worker("""
import asyncio, time
async def body():
    for n in range(8):
        end = time.thread_time() + 0.02
        while time.thread_time() < end: pass
        yield str(n)
        await asyncio.sleep(0.4)
return Response(body())""")
    )
    async with asked(strict_runner, "GET /\n") as (reader, _):
        await read_reply(reader, body=False)
        assert await rest(reader) == b"01234567"


async def test_S1_a_stream_that_spins_is_stopped(strict_runner: Runner) -> None:
    await strict_runner.preview(worker("def body():\n    yield 'x'\n    while True: pass\nreturn Response(body())"))
    async with asked(strict_runner, "GET /\n") as (reader, _):
        await read_reply(reader, body=False)
        with pytest.raises((ValueError, asyncio.IncompleteReadError, ConnectionError)):
            await rest(reader)
    event = await strict_runner.log(lambda event: any("CPU" in record.text for record in event.records))
    assert event.records[-1].line == 6

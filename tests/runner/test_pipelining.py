"""Several requests on one connection, whole and streamed, with and without a body: each way through the front, after each."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from preview.outside.connections import MAX_PIPELINED
from tests.runner.support import SHARED, Runner, read_reply, rest, rss, worker

pytestmark = SHARED
MIB = 1 << 20

ECHO = worker("""
import asyncio
from urllib.parse import urlsplit
path = urlsplit(request.url).path
text = path + (await request.text() if request.method == "POST" else "")
if path.startswith("/slow"):
    await asyncio.sleep(0.05)
if path.startswith("/stream"):
    return Response(iter([text[:3], text[3:]]))
if path.startswith("/large"):
    return Response(text + "x" * 200_000)
if path.startswith("/fail"):
    raise ValueError(text)
if path.startswith("/nothing"):
    return Response(None, status=204)
return Response(text)""")
KINDS = ("whole", "slow", "stream", "large", "fail", "nothing", "post")


@pytest.fixture
def runner(shared_runner: Runner) -> Runner:
    return shared_runner


def request(kind: str, path: str) -> bytes:
    if kind == "post":
        return f"POST {path} HTTP/1.1\r\nHost: p-1.localhost\r\nContent-Length: 4\r\n\r\nbody".encode()
    return f"GET {path} HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n".encode()


async def expect(reader: asyncio.StreamReader, kind: str, path: str) -> None:
    reply = await read_reply(reader, body=kind != "stream")
    assert reply.status == {"fail": 500, "nothing": 204}.get(kind, 200), (kind, reply)
    if kind == "stream":
        assert await rest(reader) == path.encode()
    elif kind == "fail":
        assert path in reply.text
    elif kind == "large":
        assert reply.text == path + "x" * 200_000
    elif kind != "nothing":
        assert reply.text == path + ("body" if kind == "post" else "")


@pytest.mark.parametrize("pause", [0.0, 0.02], ids=["at-once", "while-one-is-answered"])
async def test_pipelined_requests_are_answered_in_their_order(runner: Runner, pause: float) -> None:
    await runner.preview(ECHO)
    orders = [*itertools.permutations(KINDS, 2), ("whole", "whole", "slow", "whole", "stream", "whole")]
    for kinds in orders:
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
        asked = [(kind, f"/{kind}-{number}") for number, kind in enumerate(kinds)]
        for kind, path in asked:
            writer.write(request(kind, path))
            await asyncio.sleep(pause)
        for kind, path in asked:
            await asyncio.wait_for(expect(reader, kind, path), 10)
        writer.close()


async def test_one_connection_takes_a_request_of_every_kind_after_one_of_every_kind(runner: Runner) -> None:
    await runner.preview(ECHO)
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    for number, (one, other) in enumerate(itertools.permutations(KINDS, 2)):
        for kind in (one, other):
            writer.write(request(kind, f"/{kind}-{number}"))
            await asyncio.wait_for(expect(reader, kind, f"/{kind}-{number}"), 10)
    writer.close()


async def test_B4_a_visitor_that_asks_on_and_reads_no_answer_costs_a_bounded_amount(runner: Runner) -> None:
    await runner.preview(worker("return Response(request.url[-1] * 60_000)"))
    before = rss(runner.process.pid)
    _, writer = await asyncio.open_connection("127.0.0.1", runner.port, limit=1)
    writer.transport.set_write_buffer_limits(1)
    with pytest.raises((TimeoutError, ConnectionError)):
        async with asyncio.timeout(5):
            while True:
                writer.write(request("whole", "/x"))
                await writer.drain()
    assert rss(runner.process.pid) - before < 24 * MIB
    writer.transport.abort()
    assert (await runner.fetch("/")).status == 200


async def test_more_requests_at_once_than_may_wait_are_answered_to_the_limit_and_the_rest_is_for_another_connection(
    runner: Runner,
) -> None:
    await runner.preview(ECHO)
    paths = [f"/whole-{number}" for number in range(20_000)]
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(b"".join(request("whole", path) for path in paths))
    answered = 0
    async with asyncio.timeout(20):
        while (reply := await read_reply(reader)).header("connection") != "close":
            assert reply.text == paths[answered]
            answered += 1
        assert reply.text == paths[answered]
        assert await reader.read() == b""
    assert MAX_PIPELINED <= answered < 200
    writer.close()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_connection_ends_after_the_answer_where_the_client_wants_it(runner: Runner, version: str) -> None:
    await runner.preview(ECHO)
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    head = f"GET /whole HTTP/{version}\r\nHost: p-1.localhost\r\n"
    writer.write((head + ("Connection: close\r\n\r\n" if version == "1.1" else "\r\n")).encode())
    reply = await read_reply(reader)
    assert (reply.text, reply.header("connection")) == ("/whole", "close")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_B3_nonsense_behind_requests_that_wait_ends_their_connection_and_not_the_worker(runner: Runner) -> None:
    await runner.preview(
        worker("""
import asyncio, secrets, sys
module = sys.modules[__name__]
module.born = getattr(module, "born", None) or secrets.token_hex()
if "slow" in request.url:
    await asyncio.sleep(0.3)
return Response(module.born)""")
    )
    born = (await runner.fetch("/")).text
    for waiting in ([], ["post"], ["whole"], ["post", "whole"]):
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
        writer.write(
            request("slow", "/slow") + b"".join(request(kind, "/") for kind in waiting) + b"no HTTP at all\r\n\r\n"
        )
        async with asyncio.timeout(10):
            assert (await read_reply(reader)).status == 400
            assert await reader.read() == b""
        await asyncio.sleep(0.5)  # until the slow one has its answer, which nobody can be given any more
        writer.close()
        assert (await runner.fetch("/")).text == born

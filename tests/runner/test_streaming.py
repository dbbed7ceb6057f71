"""Bodies that come and go piece by piece, over real sockets: order, back-pressure, ends of all kinds, and what they cost."""

from __future__ import annotations

import asyncio

import pytest

from tests.runner.support import SHARED, Reply, Runner, answering, asked, chunk, read_reply, rest, rss, worker

pytestmark = SHARED
MIB = 1 << 20


@pytest.fixture
def runner(shared_runner: Runner) -> Runner:
    return shared_runner


# --- answers --------------------------------------------------------------------------------------------------------


async def test_server_sent_events_arrive_as_they_are_made(runner: Runner) -> None:
    await runner.preview(
        worker("""
import asyncio, sys
module = sys.modules[__name__]
if request.path == "/go":
    module.events.put_nowait("go")
    return Response("said")
module.events = asyncio.Queue()
async def events():
    yield "data: first\\n\\n"
    yield f"data: {await module.events.get()}\\n\\n"
return Response(events(), headers={"content-type": "text/event-stream"})""")
    )
    async with asked(runner, "GET /events\n") as (reader, _):
        head = await read_reply(reader, body=False)
        assert (head.header("content-type"), head.header("transfer-encoding")) == ("text/event-stream", "chunked")
        assert await chunk(reader) == b"data: first\n\n"
        assert (await runner.fetch("/go")).text == "said"
        assert await chunk(reader) == b"data: go\n\n"
        assert await chunk(reader) == b""


STREAMS = {
    "a generator": "def body():\n    yield 'a'\n    yield b'b'\n    yield bytearray(b'c')\nreturn Response(body())",
    "an async generator": "async def body():\n    yield 'a'\n    yield b'bc'\nreturn Response(body())",
    "an iterator": "return Response(iter(['a', b'b', 'c']))",
    "the request's own body": "return Response(request.body)",
    "a clone's body": "other = request.clone()\nassert await other.text() == 'abc'\nreturn Response(request.body)",
    "empty chunks": "return Response(iter(['', 'abc', b'', '']))",
}


@pytest.mark.parametrize("body", STREAMS.values(), ids=[name.replace(" ", "-") for name in STREAMS])
async def test_what_can_be_iterated_is_a_body(runner: Runner, body: str) -> None:
    await runner.preview(worker(body))
    async with asked(runner, "POST /\nTransfer-Encoding: chunked\r\n", body=b"3\r\nabc\r\n0\r\n\r\n") as (reader, _):
        await read_reply(reader, body=False)
        assert await rest(reader) == b"abc"


async def test_a_large_stream_costs_nobody_memory_however_slowly_it_is_read(runner: Runner) -> None:
    await runner.preview(
        worker("def body():\n    for n in range(640): yield bytes([n % 256]) * 100_000\nreturn Response(body())")
    )
    before = rss(runner.process.pid)
    async with asked(runner, "GET /\n") as (reader, _):
        await read_reply(reader, body=False)
        await asyncio.sleep(0.2)  # nobody reads: what can pile up does now
        assert rss(runner.process.pid) - before < 24 * MIB
        size = 0
        while data := await chunk(reader):
            size += len(data)
    assert size == 64_000_000
    assert rss(runner.process.pid) - before < 24 * MIB


async def test_many_slow_readers_of_large_whole_answers_cost_a_bounded_amount(runner: Runner) -> None:
    await runner.preview(worker("return Response(b'x' * 10_000_000)"))
    before = rss(runner.process.pid)
    connections = [await asyncio.open_connection("127.0.0.1", runner.port) for _ in range(60)]
    for _, writer in connections:
        writer.write(b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n")
    async with asyncio.timeout(30):
        statuses = [int((await reader.readline()).split()[1]) for reader, _ in connections]
    assert set(statuses) == {200, 503}, statuses
    assert rss(runner.process.pid) - before < 400 * MIB
    for _, writer in connections:
        writer.transport.abort()
    async with asyncio.timeout(20):
        while len((await runner.fetch()).body) != 10_000_000:
            await asyncio.sleep(0.05)


async def test_a_stream_that_fails_is_cut_off_and_its_error_stands_in_the_console(runner: Runner) -> None:
    await runner.preview(
        worker("def body():\n    yield 'x' * 100\n    raise ValueError('broke')\nreturn Response(body())")
    )
    async with asked(runner, "GET /\n") as (reader, _):
        head = await read_reply(reader, body=False)
        assert head.status == 200
        with pytest.raises((ValueError, asyncio.IncompleteReadError, ConnectionError)):  # never the last chunk
            await rest(reader)
    event = await runner.log(lambda event: bool(event.records))
    assert event.records[0].text == "ValueError: broke" and event.records[0].line == 6
    assert (await runner.fetch("/")).status == 200


async def test_a_stream_that_fails_before_its_first_piece_is_an_error_page(runner: Runner) -> None:
    await runner.preview(
        worker("async def body():\n    raise ValueError('early')\n    yield 'x'\nreturn Response(body())")
    )
    reply = await runner.fetch("/")
    assert reply.status == 500 and "ValueError: early" in reply.text


async def test_a_chunk_of_another_kind_is_an_error_with_a_sentence(runner: Runner) -> None:
    await runner.preview(worker("return Response(iter([1]))"))
    assert "a streamed body yields str or bytes, not int" in (await runner.fetch("/")).text


async def test_a_stream_of_an_announced_length_keeps_it(runner: Runner) -> None:
    await runner.preview(
        worker(
            "size = int(request.query['size'])\n"
            "return Response(iter(['abc', 'de']), headers={'content-length': str(size)})"
        )
    )
    reply = await runner.fetch("/?size=5")
    assert (reply.text, reply.header("transfer-encoding")) == ("abcde", None)
    for size in (4, 6):
        async with asked(runner, f"GET /?size={size}\n") as (reader, _):
            assert (await read_reply(reader, body=False)).header("content-length") == str(size)
            assert len(await reader.read()) < size  # ended, and not whole


async def test_head_makes_no_body_and_the_connection_goes_on(runner: Runner) -> None:
    await runner.preview(
        worker(
            "if request.path == '/known': return Response(None, headers={'content-length': '1234'})\n"
            "def body():\n    print('made')\n    yield 'x'\nreturn Response(body())"
        )
    )
    async with asked(runner, "HEAD /\n") as (reader, writer):
        head = await read_reply(reader, body=False)
        assert (head.status, head.header("content-length"), head.header("transfer-encoding")) == (200, None, None)
        writer.write(b"HEAD /known HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n")
        assert (await read_reply(reader, body=False)).header("content-length") == "1234"
        writer.write(b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n")
        await read_reply(reader, body=False)
        assert await rest(reader) == b"x"
    printed = [record.text for event in runner.logs for record in event.records]
    assert printed.count("made") <= 1


async def test_a_client_of_http_1_0_gets_a_stream_with_a_length(runner: Runner) -> None:
    await runner.preview(worker("return Response(iter(['abc', 'de']))"))
    reply = await runner.raw(b"GET / HTTP/1.0\r\nHost: p-1.localhost\r\n\r\n")
    assert (reply.text, reply.header("transfer-encoding")) == ("abcde", None)


async def test_the_http_tab_gets_what_comes_of_a_stream(runner: Runner) -> None:
    await runner.preview(worker("return Response(iter(['abc', 'de']))"))
    assert (await runner.web.request("p-1", "GET", "/", [], b"")).body == b"abcde"


# --- requests -------------------------------------------------------------------------------------------------------


async def test_an_upload_is_read_while_it_arrives(runner: Runner) -> None:
    await runner.preview(worker("async for chunk in request.body:\n    print(len(chunk))\nreturn Response('done')"))
    async with asked(runner, "POST /\nContent-Length: 200000\r\n", body=b"x" * 1000) as (reader, writer):
        await runner.log(lambda event: any(record.text == "1000" for record in event.records))
        writer.write(b"x" * 199_000)
        assert (await read_reply(reader)).text == "done"


@pytest.mark.parametrize("method", ["bytes", "text", "json", "form_data"])
async def test_a_large_upload_is_read_whole_as_well(runner: Runner, method: str) -> None:
    await runner.preview(worker(f"return Response(str(len(await request.{method}())))"))
    body = {"json": b'"' + b"x" * 300_000 + b'"', "form_data": b"a=" + b"x" * 300_000}.get(method, b"x" * 300_000)
    kind = "application/x-www-form-urlencoded" if method == "form_data" else "text/plain"
    reply = await runner.fetch(method="POST", body=body, headers={"Content-Type": kind})
    assert reply.text == {"form_data": "1"}.get(method, "300000")


async def test_uploads_cost_the_runner_a_bounded_amount_where_the_worker_does_not_read_them(runner: Runner) -> None:
    await runner.preview(worker("import asyncio\nawait asyncio.sleep(1)\nreturn Response('late')"))
    before = rss(runner.process.pid)
    connections = [await asyncio.open_connection("127.0.0.1", runner.port) for _ in range(20)]
    for _, writer in connections:
        writer.write(b"POST / HTTP/1.1\r\nHost: p-1.localhost\r\nContent-Length: 10000000\r\n\r\n" + bytes(10_000_000))
    for reader, writer in connections:
        assert (await read_reply(reader)).text == "late"
        writer.transport.abort()
    assert rss(runner.process.pid) - before < 60 * MIB


async def test_an_answer_before_the_upload_is_read_reaches_its_client(runner: Runner) -> None:
    await runner.preview(answering("enough"))
    for connection in ("keep-alive", "close"):
        body = bytes(5_000_000)
        head = f"POST /\nContent-Length: {len(body)}\r\nConnection: {connection}\r\n"
        async with asked(runner, head) as (reader, writer):
            assert (await read_reply(reader)).text == "enough"
            writer.write(body)
            if connection == "keep-alive":
                writer.write(b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n")
                assert (await read_reply(reader)).text == "enough"
            else:
                assert await reader.read() == b""  # ended in good order


async def test_a_client_that_expects_100_is_told_to_continue(runner: Runner) -> None:
    await runner.preview(worker("return Response(await request.text())"))
    async with asked(runner, "POST /\nContent-Length: 5\r\nExpect: 100-continue\r\n") as (reader, writer):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await read_reply(reader)).text == "hello"


async def test_an_upload_that_breaks_off_is_an_error_in_the_worker_and_costs_nobody_anything(runner: Runner) -> None:
    await runner.preview(
        worker("""
if request.path == "/ok":
    return Response("fine")
try:
    await request.bytes()
except BaseException as error:
    print(type(error).__name__)
    raise""")
    )
    async with asked(runner, "POST /\nContent-Length: 200000\r\n", body=b"x" * 100_000) as (_, writer):
        await writer.drain()
        await asyncio.sleep(0.05)
    event = await runner.log(lambda event: bool(event.records))
    assert event.records[0].text in ("CancelledError", "ConnectionError")
    assert (await runner.fetch("/ok")).text == "fine"


# --- ends -----------------------------------------------------------------------------------------------------------

LEAVING = """
import asyncio
if request.path == "/ok":
    return Response("fine")
async def wait():
    try:
        print("waits")
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        print("cancelled")
        raise
if request.path == "/handler":
    await wait()
async def body():
    yield "x"
    await wait()
return Response(body())
"""


@pytest.mark.parametrize("path", ["/handler", "/stream"])
async def test_a_client_that_leaves_cancels_the_handler(runner: Runner, path: str) -> None:
    await runner.preview(worker(LEAVING))
    async with asked(runner, f"GET {path}\n"):
        await runner.log(lambda event: any(record.text == "waits" for record in event.records))
    event = await runner.log(lambda event: any(record.text == "cancelled" for record in event.records))
    assert event.path == path
    assert (await runner.fetch("/ok")).text == "fine"


async def test_a_stream_under_way_goes_on_while_its_draft_is_replaced(runner: Runner) -> None:
    body = """
import asyncio, os
async def body():
    for n in range(40):
        yield f"{n} "
        await asyncio.sleep(0.01)
return Response(body(), headers={"x-version": "VERSION"})"""
    await runner.preview(worker(body.replace("VERSION", "one")))
    async with asked(runner, "GET /\n") as (reader, _):
        assert (await read_reply(reader, body=False)).header("x-version") == "one"
        await runner.preview(worker(body.replace("VERSION", "two")))
        assert (await runner.fetch("/", method="HEAD")).header("x-version") == "two"
        assert await rest(reader) == "".join(f"{n} " for n in range(40)).encode()


async def test_a_hundred_requests_at_once_share_one_worker(runner: Runner) -> None:
    await runner.preview(
        worker("""
import asyncio, sys
module = sys.modules[__name__]
module.inside = getattr(module, "inside", 0) + 1
module.most = max(getattr(module, "most", 0), module.inside)
while module.inside < 100 and module.most < 100:
    await asyncio.sleep(0.005)
module.inside -= 1
return Response(f"{request.path} {module.most}")""")
    )
    replies: list[Reply] = await asyncio.gather(*(runner.fetch(f"/{n}") for n in range(100)))
    assert [reply.text for reply in replies] == [f"/{n} 100" for n in range(100)]

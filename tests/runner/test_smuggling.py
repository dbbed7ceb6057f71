"""B3 and its kin: requests that two readers may read differently, absurd heads, clients that are slow or half gone.

The cases are those that HTTP implementations have been found to disagree on: RFC 9112's own rules on framing, and what
fuzzers of pairs of servers publish. Whatever comes, one of three things may happen: the worker sees exactly one request
with exactly one body, the request is refused with 400 or 431, or the connection ends. Never does a second request appear
that its sender did not frame as one.
"""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio

from tests.runner.support import SHARED, Runner, read_reply, rss, worker

pytestmark = SHARED

SEEN = worker("""
print(request.method, request.path)
return Response.json([request.method, request.path, await request.text()])""")
HOST = b"Host: p-1.localhost\r\n"
POST = b"POST /one HTTP/1.1\r\n" + HOST
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
HIDDEN = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest_asyncio.fixture(loop_scope="module")
async def runner(shared_runner: Runner) -> Runner:
    if "p-1" not in shared_runner.hosts:
        await shared_runner.preview(SEEN)
    return shared_runner


async def answers(runner: Runner, data: bytes, expected: int = 1, *, shut: bool = False) -> list[bytes]:
    """The status and body of each answer to what is sent on one connection.

    Waits for so many, a second at most where there are fewer, and then a moment for one too many. ``shut`` ends the client's
    side of the connection, which an HTTP server may take for its leaving.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    received = b""
    try:
        writer.write(data)
        if shut:
            writer.write_eof()
        while True:
            async with asyncio.timeout(1 if received.count(b"HTTP/1.1 ") < expected else 0.03):
                if not (piece := await reader.read(1 << 20)):
                    break
                received += piece
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
    return [part.split(b" ", 1)[0] + part[part.find(b"\r\n\r\n") :] for part in received.split(b"HTTP/1.1 ")[1:]]


AMBIGUOUS = {
    "both lengths": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "both lengths, the other order": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n"
    + HIDDEN,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 50\r\n\r\n" + HIDDEN,
    "two equal lengths": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "a list of lengths": POST + b"Content-Length: 0, 50\r\n\r\n" + HIDDEN,
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a hexadecimal length": POST + b"Content-Length: 0x10\r\n\r\n" + HIDDEN,
    "a length with a space in it": POST + b"Content-Length: 1 0\r\n\r\n" + HIDDEN,
    "an empty length": POST + b"Content-Length:\r\n\r\n" + HIDDEN,
    "a length that overflows": POST + b"Content-Length: 18446744073709551616\r\n\r\n" + HIDDEN,
    "a length in other digits": POST + "Content-Length: ٣\r\n\r\n".encode() + HIDDEN,
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked in the middle": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a coding like chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a quoted coding": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n' + HIDDEN,
    "a coding after a vertical tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a tab before the colon": POST + b"Content-Length\t: 0\r\n\r\n" + HIDDEN,
    "a folded header": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a folded length": POST + b"Content-Length: 0\r\n\t50\r\n\r\n" + HIDDEN,
    "a folded first header": b"GET / HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n",
    "a bare line feed in the head": b"POST /one HTTP/1.1\nHost: p-1.localhost\nContent-Length: 0\n\n" + HIDDEN,
    "a bare line feed in a header": POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a bare carriage return": POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "a NUL in a header": POST + b"X: a\x00b\r\n\r\n",
    "a NUL in a name": POST + b"Content\x00-Length: 0\r\n\r\n",
    "a header without a colon": POST + b"Content-Length 0\r\n\r\n" + HIDDEN,
    "a header without a name": POST + b": y\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + HOST + b"Host: shop.localhost\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "an underscore for a hyphen": POST + b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n",
    "HTTP/0.9": b"GET /one\r\n\r\n",
    "HTTP/2 by prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version of two digits": b"GET /one HTTP/1.10\r\n" + HOST + b"\r\n",
    "a version of its own": b"GET /one HTTP/3.1\r\n" + HOST + b"\r\n",
    "a space in the target": b"GET /one two HTTP/1.1\r\n" + HOST + b"\r\n",
    "an upgrade and more": POST + UPGRADE + b"\r\n" + HIDDEN,
    "an upgrade with a body": POST + UPGRADE + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "an upgrade with chunks": POST + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a WebSocket's handshake with a body": POST
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN)
    + HIDDEN,
    "CONNECT": b"CONNECT p-1.localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a chunk size with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + HIDDEN,
    "a chunk size with a prefix": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + HIDDEN,
    "a chunk size with an underscore": POST
    + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\n"
    + bytes(16)
    + b"\r\n0\r\n\r\n",
    "a chunk size that overflows": POST
    + b"Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n"
    + HIDDEN,
    "an empty chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\n\r\n" + HIDDEN,
    "a space after a chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n" + HIDDEN,
    "a chunk longer than its size": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n" + HIDDEN,
    "a chunk that ends with two other bytes": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n" + HIDDEN,
    "a bare line feed after a chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n" + HIDDEN,
    "a bare line feed in a chunk extension": POST
    + b"Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n"
    + HIDDEN,
    "a bare carriage return in a chunk extension": POST
    + b"Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n"
    + HIDDEN,
    "a bare line feed after a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n" + HIDDEN,
    "chunked in HTTP/1.0": b"POST /one HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
}
"""Each ends with a request that is one only for who reads the first one wrongly, or is no request at all."""


@pytest.mark.parametrize("case", AMBIGUOUS.values(), ids=[name.replace(" ", "-") for name in AMBIGUOUS])
async def test_B3_what_can_be_read_in_two_ways_is_not_read_in_either(runner: Runner, case: bytes) -> None:
    for answer in await answers(runner, case):
        refused = answer[:3] in (b"400", b"413", b"431", b"501", b"505")
        whole = answer[:3] == b"200" and b"/one" in answer and b"smuggled" not in answer
        assert refused or whole, answer
    assert not any("/smuggled" in event.path for event in runner.logs)


UNAMBIGUOUS = {
    "a length": (POST + b"Content-Length: 3\r\n\r\nabc", [b'"abc"']),
    "a length with zeros in front": (POST + b"Content-Length: 0003\r\n\r\nabc", [b'"abc"']),
    "no body": (POST + b"\r\n", [b'""']),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", [b'"abc"']),
    "a coding in capitals": (POST + b"TRANSFER-ENCODING: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", [b'"abc"']),
    "a chunk's extension": (POST + b'Transfer-Encoding: chunked\r\n\r\n3;a="b;c"\r\nabc\r\n0\r\n\r\n', [b'"abc"']),
    "trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nHost: evil\r\n\r\n", [b'"abc"']),
    "two in one write": (
        POST + b"Content-Length: 3\r\n\r\nabc" + POST + b"Content-Length: 1\r\n\r\nd",
        [b'"abc"', b'"d"'],
    ),
    "a body that looks like a request": (
        POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + POST + b"\r\n",
        [b"GET /smuggled", b'""'],
    ),
    "a body of a GET": (
        b"GET /one HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc" + POST + b"\r\n",
        [b'"abc"', b'""'],
    ),
    "the whole address as target": (b"GET http://p-1.localhost/one HTTP/1.1\r\n" + HOST + b"\r\n", [b'"/one"']),
    "an upgrade to what nobody speaks": (POST + UPGRADE + b"\r\n", [b'""']),
    "empty lines between requests": (b"\r\n\r\n" + POST + b"\r\n\r\n" + POST + b"\r\n", [b'""', b'""']),
}


@pytest.mark.parametrize("name", UNAMBIGUOUS)
async def test_B3_what_can_be_read_in_one_way_only_is_read_so(runner: Runner, name: str) -> None:
    sent, expected = UNAMBIGUOUS[name]
    received = await answers(runner, sent, len(expected))
    assert [answer[:3] for answer in received] == [b"200"] * len(expected), received
    for answer, part in zip(received, expected, strict=True):
        assert part in answer and b"/one" in answer, answer
    assert not any("/smuggled" in event.path for event in runner.logs)


async def test_B3_a_target_with_another_host_does_not_reach_that_host(runner: Runner) -> None:
    await runner.deploy(worker("return Response('the shop')"))
    for target in (b"http://shop.localhost/one", b"//shop.localhost/one"):
        for answer in await answers(runner, b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"):
            assert b"the shop" not in answer


async def test_B3_a_request_cut_anywhere_is_one_request_or_none(runner: Runner) -> None:
    whole = POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for cut in range(1, len(whole), 3):
        assert [a[:3] for a in await answers(runner, whole[:cut], shut=True)] in ([], [b"400"]), whole[:cut]
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    for byte in whole:
        writer.write(bytes([byte]))
        await writer.drain()
    assert b'"abc"' in (await read_reply(reader)).body
    writer.close()


async def test_B4_absurd_heads_are_refused_and_cost_nothing_that_stays(runner: Runner) -> None:
    before = rss(runner.process.pid)
    heads = [
        b"X" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50_000,
        b"GET / HTTP/1.1\r\n" + HOST + b"X" * 300_000 + b": y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a." * 20_000 + b"localhost\r\n\r\n",
        b"GET /" + b"%41" * 30_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b; " * 20_000 + b"\r\n\r\n",
        b"G" * 70_000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    ]
    for _ in range(4):
        for received in await asyncio.gather(*(answers(runner, head) for head in heads)):
            assert all(answer[:3] in (b"400", b"421", b"431") for answer in received), received
    assert rss(runner.process.pid) - before < 24 << 20


async def test_half_open_and_slow_clients_do_not_move_the_neighbours_latency(runner: Runner) -> None:
    """Three hundred of them, of every kind; the neighbour's median stays within a few times of what it was."""

    async def median() -> float:
        times = []
        for _ in range(40):
            began = time.perf_counter()
            assert (await runner.fetch("/one")).status == 200
            times.append(time.perf_counter() - began)
        return sorted(times)[20]

    quiet = await median()
    starts = [
        b"", b"G", b"POST /one HTTP/1.1\r\n" + HOST, POST + b"Content-Length: 9\r\n\r\nabc",
        POST + b"Content-Length: 900000\r\n\r\n" + b"x" * 70_000, POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ]  # fmt: skip
    connections = [await asyncio.open_connection("127.0.0.1", runner.port) for _ in range(300)]
    for number, (_, writer) in enumerate(connections):
        writer.write(starts[number % len(starts)])
    assert await median() < 4 * quiet + 0.02
    for _, writer in connections:
        writer.transport.abort()


async def test_an_answer_under_way_is_not_lost_to_nonsense_behind_its_request(runner: Runner) -> None:
    received = await answers(runner, POST + b"Content-Length: 3\r\n\r\nabc" + b"\x00\x01 nonsense\r\n\r\n")
    assert received and received[-1][:3] == b"400"
    assert all(answer[:3] in (b"200", b"400") for answer in received)


async def test_B3_what_comes_later_than_an_upgrade_is_no_request_either(runner: Runner) -> None:
    """The parser stops at an upgrade, and would read what comes in another packet as a request: the body, that is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(POST + UPGRADE + b"\r\n")
    assert b"/one" in (await read_reply(reader)).body
    writer.write(HIDDEN)
    assert await reader.read() == b""
    writer.close()
    assert not any("/smuggled" in event.path for event in runner.logs)

"""WebSockets of workers over real sockets: the documented API, limits both ways, ends of all kinds, replacement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from preview.inside.workers import websocket as api
from preview.protocol import MAX_MESSAGE
from tests.runner.support import SHARED, Runner, rss, worker

pytestmark = SHARED

PAIR = "from workers import WebSocketPair\nclient, server = WebSocketPair.new().object_values()\nserver.accept()\n"
ACCEPTED = "return Response(None, status=101, web_socket=client)"
ECHO = worker(f'{PAIR}server.addEventListener("message", lambda event: server.send(event.data))\n{ACCEPTED}')


@pytest.fixture
def runner(shared_runner: Runner) -> Runner:
    return shared_runner


def opened(runner: Runner, path: str = "/", host: str = "p-1", **options: Any) -> connect:
    address = f"ws://{host}.localhost:{runner.port}{path}"
    return connect(address, host="127.0.0.1", port=runner.port, proxy=None, compression=None, **options)


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """The code and the reason with which the other side closes."""
    async with asyncio.timeout(15):
        await socket.wait_closed()
    received = socket.protocol.close_rcvd
    return (received.code, received.reason) if received else (1006, "")


@pytest.mark.parametrize("deployed", [False, True])
async def test_the_documented_form_echoes_text_and_bytes(runner: Runner, deployed: bool) -> None:
    await (runner.deploy(ECHO) if deployed else runner.preview(ECHO))
    async with opened(runner, host="shop" if deployed else "p-1") as socket:
        for message in ("héllo", b"\x00\xff", "", b"", "x" * MAX_MESSAGE):
            await socket.send(message)
            assert await socket.recv() == message
    event = await runner.log(lambda event: event.status == 101)
    assert event.method == "GET"


async def test_messages_can_be_read_in_a_loop_and_the_close_ends_it(runner: Runner) -> None:
    await runner.preview(
        worker(
            f"""{PAIR}
import asyncio
async def talk():
    async for message in server:
        server.send(message.upper())
    print("over", server.readyState)
request.task = asyncio.create_task(talk())
self.ctx.wait_until(request.task)
{ACCEPTED}""".replace("request.task", "task")
        )
    )
    async with opened(runner) as socket:
        await socket.send("a")
        assert await socket.recv() == "A"
    await runner.log(lambda event: any(record.text == "over 3" for record in event.records))


async def test_who_closes_and_why_reaches_the_other_side(runner: Runner) -> None:
    await runner.preview(
        worker(f"""{PAIR}
def closed(event): print("closed", event.code, event.reason, event.wasClean)
def said(event): server.close(4001, "as you wish")
server.addEventListener("close", closed)
server.addEventListener("message", said)
{ACCEPTED}""")
    )
    async with opened(runner) as socket:
        await socket.send("close, please")
        assert await closed(socket) == (4001, "as you wish")
    async with opened(runner) as socket:
        await socket.close(3333, "mine")
    event = await runner.log(lambda event: any("mine" in record.text for record in event.records))
    assert (event.records[0].text, event.path) == ("closed 3333 mine True", "/")
    async with opened(runner) as socket:
        socket.transport.abort()
    await runner.log(lambda event: any("closed 1005" in r.text or "closed 1006" in r.text for r in event.records))


async def test_a_worker_that_talks_when_its_client_leaves_hears_it_as_well(runner: Runner) -> None:
    """What it says then reaches nobody, and that must not be all that comes of it: who counts those present would count on."""
    await runner.preview(
        worker(f"""{PAIR}
import asyncio
server.addEventListener("close", lambda event: print("closed", event.code, event.reason))
async def talk():
    while server.readyState == 1:
        server.send("tick")
        await asyncio.sleep(0)
self.ctx.wait_until(asyncio.create_task(talk()))
{ACCEPTED}""")
    )
    for code in range(3000, 3020):
        async with opened(runner, max_queue=None) as socket:  # it reads on while it closes
            assert await socket.recv() == "tick"
            await socket.close(code, "bye")
        await runner.log(lambda event, code=code: any(record.text == f"closed {code} bye" for record in event.records))


async def test_a_worker_that_never_reads_does_not_hold_a_client_that_has_gone(runner: Runner) -> None:
    await runner.preview(
        worker(f"""{PAIR}
import asyncio
async def talk():
    await server.receive()
    while not server._inbox or server._inbox[-1].type == "message":
        await asyncio.sleep(0.1)
    print("closed", server._inbox[-1].code)
self.ctx.wait_until(asyncio.create_task(talk()))
{ACCEPTED}""")
    )
    async with opened(runner) as socket:
        for _ in range(6):  # more than the worker's window, and little enough for the end to arrive behind it
            await socket.send("x" * 100_000)
        await asyncio.sleep(0.5)
        socket.transport.abort()
    await runner.log(lambda event: any(record.text == "closed 1006" for record in event.records), within=20)


async def test_the_first_words_may_be_said_before_the_handshake_is_answered(runner: Runner) -> None:
    await runner.preview(worker(f"{PAIR}server.send('welcome')\nserver.close(1000, 'and bye')\n{ACCEPTED}"))
    async with opened(runner) as socket:
        assert await socket.recv() == "welcome"
        assert await closed(socket) == (1000, "and bye")


async def test_a_subprotocol_and_headers_of_the_worker_are_in_the_handshake(runner: Runner) -> None:
    await runner.preview(
        worker(
            f"{PAIR}assert request.headers.get('upgrade') == 'websocket'\n"
            "chosen = request.headers.get('sec-websocket-protocol').split(', ')[1]\n"
            "return Response(None, status=101, web_socket=client,"
            " headers={'sec-websocket-protocol': chosen, 'set-cookie': 'a=1', 'Sec-WebSocket-Accept': 'forged'})"
        )
    )
    async with opened(runner, subprotocols=["one", "two"]) as socket:
        assert socket.subprotocol == "two"
        assert socket.response is not None
        assert socket.response.headers["set-cookie"] == "a=1; SameSite=None; Secure; Partitioned"


REFUSING: list[tuple[str, int]] = [
    ("return Response('no', status=403)", 403),
    ("return Response(iter(['n', 'o']), status=403)", 403),
    ("raise ValueError('no')", 500),
    (f"{PAIR}return Response(None, status=101, web_socket=server)", 500),
    ("return Response(None, status=101)", 500),
]


@pytest.mark.parametrize(("body", "status"), REFUSING)
async def test_a_handshake_can_be_answered_otherwise(runner: Runner, body: str, status: int) -> None:
    await runner.preview(worker(body))
    with pytest.raises(websockets.InvalidStatus) as caught:
        await opened(runner)
    assert caught.value.response.status_code == status and b"no" in caught.value.response.body.lower()


async def test_a_websocket_for_a_request_that_asked_for_none_is_an_error_with_a_sentence(runner: Runner) -> None:
    await runner.preview(ECHO)
    reply = await runner.fetch()
    assert reply.status == 500 and "does not ask for a WebSocket" in reply.text


async def test_a_host_that_nobody_has_is_told_so_in_the_handshake(runner: Runner) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await opened(runner, host="p-9")
    assert caught.value.response.status_code == 404


async def test_a_listener_that_fails_closes_with_1011_and_its_error_stands_in_the_console(runner: Runner) -> None:
    await runner.preview(worker(f"{PAIR}server.addEventListener('message', lambda event: 1 / 0)\n{ACCEPTED}"))
    async with opened(runner) as socket:
        await socket.send("x")
        assert (await closed(socket))[0] == 1011
    await runner.log(lambda event: any("ZeroDivisionError" in record.text for record in event.records))


async def test_a_worker_that_dies_closes_with_1011(runner: Runner) -> None:
    await runner.preview(
        worker(f"{PAIR}import os\nserver.addEventListener('message', lambda event: os._exit(1))\n{ACCEPTED}")
    )
    async with opened(runner) as socket:
        await socket.send("x")
        assert (await closed(socket))[0] == 1011


async def test_a_replaced_worker_closes_with_1012_and_hears_it_itself(runner: Runner) -> None:
    await runner.preview(
        worker(f"{PAIR}server.addEventListener('close', lambda event: print('heard', event.code))\n{ACCEPTED}")
    )
    async with opened(runner) as one, opened(runner) as other:
        await runner.preview(ECHO)
        assert await closed(one) == (1012, "The worker was replaced.") == await closed(other)
        await runner.log(lambda event: any(record.text == "heard 1012" for record in event.records))
        async with opened(runner) as again:
            await again.send("x")
            assert await again.recv() == "x"


async def test_L1_a_message_over_a_mebibyte_closes_with_a_reason(runner: Runner) -> None:
    await runner.preview(ECHO)
    async with opened(runner) as socket:
        await socket.send("x" * (MAX_MESSAGE + 1))
        assert (await closed(socket))[0] == 1009
    await runner.preview(
        worker(f"{PAIR}server.addEventListener('message', lambda event: server.send('x' * 1048577))\n{ACCEPTED}")
    )
    async with opened(runner) as socket:
        await socket.send("x")
        assert (await closed(socket))[0] == 1011


async def test_L2_neither_a_flood_nor_a_client_that_never_reads_grows_the_runner(runner: Runner) -> None:
    await runner.preview(
        worker(f"""{PAIR}
import asyncio
async def flood():
    while server.readyState == 1:
        server.send("y" * 100_000)
        await asyncio.sleep(0)
        if len(client._other._inbox) > 10 or client._heard and len(client._heard.__self__._said) > 50:
            await asyncio.sleep(0.01)
self.ctx.wait_until(flood())
{ACCEPTED}""")
    )
    before = rss(runner.process.pid)
    sockets: Sequence[ClientConnection] = [await opened(runner, max_queue=1) for _ in range(8)]
    for socket in sockets:
        socket.transport.pause_reading()
        for _ in range(30):
            await asyncio.wait_for(socket.send(b"z" * 100_000), 1) if socket is sockets[0] else None
    await asyncio.sleep(0.5)
    assert rss(runner.process.pid) - before < 48 << 20
    for socket in sockets:
        socket.transport.abort()
    await runner.preview(ECHO)
    async with opened(runner) as socket:
        await socket.send("x")
        assert await socket.recv() == "x"


async def test_a_thousand_small_messages_arrive_in_order(runner: Runner) -> None:
    await runner.preview(ECHO)
    async with opened(runner) as socket:

        async def send() -> None:
            for number in range(1000):
                await socket.send(str(number))

        sending = asyncio.create_task(send())
        assert [await socket.recv() for _ in range(1000)] == [str(number) for number in range(1000)]
        await sending


@pytest.mark.parametrize("extra", [{"X-Long": "y" * 10_000}, {f"X-{n}": "y" for n in range(200)}])
async def test_B4_an_absurd_handshake_is_refused_and_not_left_without_an_answer(
    runner: Runner, extra: dict[str, str]
) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await opened(runner, additional_headers=extra)
    assert caught.value.response.status_code == 431


async def test_frames_that_no_client_may_send_end_their_connection_and_nothing_else(runner: Runner) -> None:
    await runner.preview(ECHO)
    for frame in (
        b"\xff" * 40,
        b"\x81\x05hello",
        b"\x83\x80\0\0\0\0",
        b"\x88\x81\0\0\0\0x",
        b"\x81\x82\0\0\0\0\xff\xfe",
    ):
        async with opened(runner) as socket:
            socket.transport.write(frame)
            assert (await closed(socket))[0] in (1002, 1006, 1007)
    async with opened(runner) as socket:
        await socket.send("x")
        assert await socket.recv() == "x"


# --- the API's own rules, without a connection --------------------------------------------------------------------------


async def test_the_rules_of_the_api_are_said_where_they_are_broken() -> None:
    client, server = api.WebSocketPair()
    with pytest.raises(api.WebSocketError, match="before the first send"):
        server.send("x")
    server.accept()
    with pytest.raises(api.WebSocketError, match="accepted already"):
        server.accept()
    with pytest.raises(TypeError, match=r"json\.dumps"):
        server.send({})  # type: ignore[arg-type]
    for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000):
        with pytest.raises(ValueError, match="not a code"):
            server.close(code)
    with pytest.raises(ValueError, match="123 bytes"):
        server.close(1000, "é" * 62)
    server.close()
    server.close()
    with pytest.raises(api.WebSocketError, match="closed"):
        server.send("x")
    assert server.readyState == api.WebSocket.CLOSING and client.readyState == api.WebSocket.CONNECTING
    with pytest.raises(ValueError, match="status 101"):
        from preview.inside.workers import Response

        Response("body", web_socket=client)

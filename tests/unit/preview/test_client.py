"""RunnerClient and the control connection, against a peer that answers as a runner does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from preview import bundle, client, exchange, protocol
from preview.client import Host, LogEvent, Program, Ready, Refused, RunnerAway, RunnerClient
from preview.exchange import AnyMessage
from preview.peer import Peer

MODULES = {"main.py": b"1"}
PROGRAM = Program("draft:1", "w", bundle.digest(MODULES), 1, None, {})
Answer = Callable[[AnyMessage], Awaitable[AnyMessage]]


class Runner:
    """The other end of the socket: ``answer`` says what to every question, ``asked`` is what came."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[AnyMessage] = []
        self.peers: list[Peer] = []
        self.answer: Answer = self.usual
        self.came = asyncio.Event()
        self.server: asyncio.Server | None = None

    async def usual(self, message: AnyMessage) -> AnyMessage:
        if isinstance(message, exchange.AskHealth):
            return exchange.Health("A", "3.11", "6")
        if isinstance(message, exchange.AskRun):
            return Ready(1.0)
        return exchange.Done()

    async def serve(self, message: AnyMessage) -> AnyMessage:
        self.asked.append(message)
        self.came.set()
        return await self.answer(message)

    def peer(self) -> Peer:
        peer = Peer(self.serve, lambda message: None, lambda peer: self.peers.remove(peer))
        self.peers.append(peer)
        return peer

    async def start(self) -> None:
        self.server = await asyncio.get_running_loop().create_unix_server(self.peer, str(self.path))

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
            for peer in self.peers.copy():
                peer.close()
            self.path.unlink(missing_ok=True)


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory() as folder:
        made = Runner(Path(folder) / "s")
        await made.start()
        yield made
        await made.stop()


async def resolve(host: str) -> tuple[Host, Program] | None:
    return (Host(host, PROGRAM.key, False, ""), PROGRAM) if host == "w" else None


async def modules(program: Program) -> Mapping[str, bytes]:
    return MODULES


@pytest.fixture
async def web(runner: Runner) -> AsyncIterator[RunnerClient]:
    made = RunnerClient(runner.path, resolve=resolve, modules=modules, on_log=lambda event: None)
    await made.start()
    yield made
    await made.close()


async def test_modules_travel_only_where_the_runner_lacks_them(runner: Runner, web: RunnerClient) -> None:
    await web.run(PROGRAM, MODULES)
    await web.run(PROGRAM, MODULES)
    sent = [message.modules for message in runner.asked if isinstance(message, exchange.AskRun)]
    assert sent == [protocol.pack_modules(MODULES), None]


async def test_a_runner_that_dropped_a_bundle_gets_it_again(runner: Runner, web: RunnerClient) -> None:
    await web.run(PROGRAM, MODULES)

    async def forgetful(message: AnyMessage) -> AnyMessage:
        return exchange.NeedModules() if isinstance(message, exchange.AskRun) and not message.modules else Ready(1.0)

    runner.answer = forgetful
    assert isinstance(await web.run(PROGRAM, MODULES), Ready)
    assert len(runner.asked) == 3


async def test_a_refusal_comes_with_its_code_and_hint(runner: Runner, web: RunnerClient) -> None:
    async def refuse(message: AnyMessage) -> AnyMessage:
        raise Refused("no-main", "There is no main module.", "Add main.py.")

    runner.answer = refuse
    with pytest.raises(Refused) as caught:
        await web.run(PROGRAM, MODULES)
    assert (caught.value.code, caught.value.hint) == ("no-main", "Add main.py.")


async def test_many_questions_at_once_each_get_their_own_answer(runner: Runner, web: RunnerClient) -> None:
    async def echo(message: AnyMessage) -> AnyMessage:
        assert isinstance(message, exchange.AskRequest)
        await asyncio.sleep(0.001 * (int(message.path[1:]) % 7))
        return exchange.HttpAnswer(200, [], message.path.encode(), 0.0)

    runner.answer = echo
    answers = await asyncio.gather(*(web.request("p-1", "GET", f"/{n}", [], b"") for n in range(2500)))
    assert [answer.body for answer in answers] == [f"/{n}".encode() for n in range(2500)]


async def test_a_lost_connection_is_made_again_and_the_question_asked_once_more(
    runner: Runner, web: RunnerClient
) -> None:
    assert (await web.health()).tier == "A"

    async def die_once(message: AnyMessage) -> AnyMessage:
        runner.answer = runner.usual
        runner.peers[0].close()
        return exchange.Done()

    runner.answer = die_once
    assert (await web.health()).python == "3.11"


async def test_a_request_is_never_made_twice(runner: Runner, web: RunnerClient) -> None:
    await web.health()

    async def die(message: AnyMessage) -> AnyMessage:
        runner.peers[0].close()
        return exchange.Done()

    runner.answer = die
    with pytest.raises(RunnerAway):
        await web.request("p-1", "POST", "/", [], b"")
    assert sum(isinstance(message, exchange.AskRequest) for message in runner.asked) == 1


async def test_a_runner_that_comes_later_is_found(runner: Runner) -> None:
    await runner.stop()
    web = RunnerClient(runner.path, resolve=resolve, modules=modules, on_log=lambda event: None)
    await web.start()
    asking = asyncio.create_task(web.health())
    await asyncio.sleep(0)
    await runner.start()
    assert (await asking).tier == "A"
    await web.close()


async def test_a_runner_that_stays_away_is_said_to_be_away(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_WAIT", 0.05)
    await runner.stop()
    web = RunnerClient(runner.path, resolve=resolve, modules=modules, on_log=lambda event: None)
    await web.start()
    with pytest.raises(RunnerAway, match="away"):
        await web.health()
    await web.close()


async def test_a_silent_runner_is_given_up_in_time(
    runner: Runner, web: RunnerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(message: AnyMessage) -> AnyMessage:
        await asyncio.Event().wait()
        raise AssertionError

    runner.answer = never
    monkeypatch.setattr(client, "QUICK", 0.05)
    with pytest.raises(RunnerAway, match="no answer"):
        await web.health()


async def test_the_runner_asks_back_whose_a_host_is_and_for_its_modules(runner: Runner, web: RunnerClient) -> None:
    await web.health()
    peer = runner.peers[0]
    found = await peer.ask(exchange.AskResolve("w"), 5)
    assert found == exchange.Resolved(Host("w", "draft:1", False, ""), PROGRAM)
    assert await peer.ask(exchange.AskResolve("nobody"), 5) == exchange.Resolved(None, None)
    assert await peer.ask(exchange.AskModules(PROGRAM), 5) == exchange.Modules(protocol.pack_modules(MODULES))
    assert await peer.ask(exchange.AskMayCall("1", "w"), 5) == exchange.MayCall(False), "nobody said that it may"
    with pytest.raises(Refused, match="does not answer"):
        await peer.ask(exchange.AskHealth(), 5)


async def test_logs_arrive_one_by_one_and_a_broken_listener_ends_nothing(runner: Runner) -> None:
    heard: list[LogEvent] = []
    done = asyncio.Event()

    def listener(event: LogEvent) -> None:
        heard.append(event)
        if len(heard) == 3:
            done.set()
        raise RuntimeError("a listener's bug")

    web = RunnerClient(runner.path, resolve=resolve, modules=modules, on_log=listener)
    await web.start()
    await web.health()
    events = [LogEvent("draft:1", "w", f"{n}", "GET", "/", 200, 1.0, 0, 1, []) for n in range(3)]
    assert runner.peers[0].tell(exchange.TellLogs(events))
    async with asyncio.timeout(5):
        await done.wait()
    assert heard == events and (await web.health()).tier == "A"
    await web.close()


async def test_closing_ends_the_questions_under_way(runner: Runner, web: RunnerClient) -> None:
    async def never(message: AnyMessage) -> AnyMessage:
        await asyncio.Event().wait()
        raise AssertionError

    runner.answer = never
    asking = asyncio.create_task(web.health())
    await runner.came.wait()
    await web.close()
    with pytest.raises(RunnerAway):
        await asking


async def raw_exchange(runner: Runner, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(runner.path))
    writer.write(data)
    writer.write_eof()
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


def frame(kind: int, payload: bytes) -> bytes:
    return protocol.HEADER.pack(len(payload) + protocol.HEADER.size - 4, kind, 7) + payload


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\x00", b"\xff" * 50, msgspec.msgpack.encode({"t": "no-such-kind"}),
        msgspec.msgpack.encode({"t": "health", "x": 1}),
        msgspec.msgpack.encode({"t": "drop-host", "host": 3}), msgspec.msgpack.encode({"t": "drop-host", "host": "x" * 300}),
        b"\x91" * 100_000,
    ],
)  # fmt: skip
async def test_B2_a_message_that_does_not_decode_is_refused_and_the_runner_lives(
    runner: Runner, web: RunnerClient, payload: bytes
) -> None:
    answer = await raw_exchange(runner, frame(1, payload))
    assert b"bad-message" in answer
    assert (await web.health()).tier == "A"


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, frame(9, msgspec.msgpack.encode({"t": "health"}))]
)
async def test_B2_a_frame_that_breaks_the_rules_ends_its_connection_only(
    runner: Runner, web: RunnerClient, data: bytes
) -> None:
    assert await raw_exchange(runner, data) == b""
    assert (await web.health()).tier == "A"


def test_a_socket_path_that_the_kernel_cannot_hold_is_refused_with_the_setting_to_change() -> None:
    with pytest.raises(ValueError, match="QUICKEDIT_DATA_DIR"):
        RunnerClient(Path("/" + "x" * 120), resolve=resolve, modules=modules, on_log=lambda event: None)

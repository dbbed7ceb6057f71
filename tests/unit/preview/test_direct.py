"""The short way where moments meet that no client can bring about: with a transport and a process that only take notes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.server import ServerState

from preview import protocol
from preview.exchange import Host, Program
from preview.outside.child import Child
from preview.outside.connections import Connection
from preview.outside.front import Front
from preview.outside.hosts import Hosts
from preview.outside.limits import Limits
from preview.outside.listener import make_listener
from preview.outside.logs import LogSink
from preview.outside.runs import Run
from preview.protocol import Kind

REQUEST = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: nobody.example\r\nContent-Length: 10\r\n\r\nhalf-"


class Notes(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Programs:
    """One run, and how many requests hold it."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def current(self, key: str) -> Run:
        self.run.in_flight += 1
        return self.run

    def release(self, run: Run) -> None:
        run.in_flight -= 1


class Line:
    """One visitor's connection to one child."""

    def __init__(self) -> None:
        died: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        process: Any = SimpleNamespace(host_pid=lambda: 0, died=died, signal=lambda number: None)
        self.child = Child(process, Limits(), lambda child: None)
        self.to_child = Notes()
        self.child._link.connection_made(self.to_child)
        self.child._link.data_received(protocol.encode(Kind.SPARE, 0))
        self.child._link.expect(Kind.RESPONSE, Kind.RESPONSE_START, Kind.BODY, Kind.BODY_END)
        program = Program("live:1", "shop", "0" * 64, 1, 1, {})
        self.programs = Programs(Run(program, self.child))
        source: Any = SimpleNamespace()
        hosts = Hosts("localhost", source)
        hosts.put(Host("shop", "live:1", False, ""))
        programs: Any = self.programs
        front = Front(hosts, programs, LogSink(lambda events, lost: None))
        config = make_listener(front, front=front).config
        config.load()
        self.visitor = Notes()
        self.connection = Connection(config=config, server_state=ServerState(), app_state={}, front=front)
        self.connection.connection_made(self.visitor)

    def asked(self) -> list[tuple[int, int]]:
        """Kind and request id of each frame that the child was sent."""
        self.child._link._flush()
        return [(kind, number) for kind, number, _ in protocol.Decoder().feed(self.to_child.written)]

    def says(self, kind: Kind, payload: bytes) -> None:
        self.child._link.data_received(protocol.encode(kind, 1, payload))


def head(**more: Any) -> bytes:
    return protocol.json_payload({"status": 200, "headers": [], **more})


async def test_a_small_answer_goes_out_in_the_moment_in_which_it_comes() -> None:
    line = Line()
    line.connection.data_received(REQUEST)
    assert line.asked() == [(Kind.TO_REQUEST, 1)] and line.programs.run.in_flight == 1
    line.says(Kind.RESPONSE, protocol.join_payload({"status": 200, "headers": []}, b"Hello"))
    assert line.visitor.written.startswith(b"HTTP/1.1 200 OK\r\n") and line.visitor.written.endswith(b"\r\n\r\nHello")
    assert line.programs.run.in_flight == 0 and not line.connection.tasks


async def test_a_visitor_that_leaves_cancels_what_it_asked_for() -> None:
    line = Line()
    line.connection.data_received(REQUEST)
    line.connection.connection_lost(None)
    assert line.asked() == [(Kind.TO_REQUEST, 1), (Kind.TO_CANCEL, 1)] and line.programs.run.in_flight == 0


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_visitor_that_leaves_as_a_stream_begins_holds_neither_child_nor_stream(turns: int) -> None:
    line = Line()
    line.connection.data_received(REQUEST)
    line.says(Kind.RESPONSE_START, head())
    for _ in range(turns):
        await asyncio.sleep(0)
    line.visitor.closed = True
    line.connection.connection_lost(None)
    async with asyncio.timeout(5):
        while line.programs.run.in_flight:
            await asyncio.sleep(0)
    assert line.asked()[-1] == (Kind.TO_CANCEL, 1)
    assert not line.child.busy and not line.connection.tasks


async def test_a_connection_whose_upload_ends_after_its_answer_is_closed_like_any_other_that_is_idle() -> None:
    line = Line()
    line.connection.data_received(UPLOAD)
    async with asyncio.timeout(5):
        while b"\r\n\r\n" not in line.visitor.written:
            await asyncio.sleep(0)
    line.connection.data_received(b"other")
    assert not line.visitor.closed
    soon = asyncio.get_running_loop().time() + line.connection.timeout_keep_alive
    line.connection.end_if_overdue(soon - 5)
    assert not line.visitor.closed
    line.connection.end_if_overdue(soon + 5)
    assert line.visitor.closed

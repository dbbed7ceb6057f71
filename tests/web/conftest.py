"""A real server under Daphne on a free port, sharing the test process's database; and three people: owner, team-mate,
outsider.

Tests connect to 127.0.0.1 and say the public host in the Host header, as ``*.localhost`` does not resolve in Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import websockets
from django.conf import settings

from tests import support
from tests.support import program, wait_until

_numbers = count(1)
ANSWER = 10.0
"""Seconds that a frame or an answer may take on a busy machine."""


@dataclass(frozen=True)
class Server:
    """A running control plane."""

    port: int

    def client(self, host: str = "", **headers: str) -> httpx.Client:
        """Somebody with an empty cookie jar. ``host`` is what the Host header says."""
        said = {"host": host or settings.PUBLIC_HOST, **headers}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=said, timeout=20)


@pytest.fixture(scope="session")
def server(django_ready: None) -> Iterator[Server]:
    with program(sys.executable, "-m", "quickedit.serve", "--port", "0", env=dict(os.environ)) as started:
        ready = json.loads(started.wait_for('"ready"'))
        assert ready["ready"], ready
        yield Server(ready["port"])
        started.stop()
        print(started.output)  # pytest shows it beside a failure


class Person:
    """Somebody in a browser of their own, signed in through a real login link."""

    def __init__(self, server: Server, name: str, login_url: str = "") -> None:
        """``login_url`` is a link of an installation with another database."""
        from django.contrib.auth.models import User

        import tests.with_django  # noqa: F401
        from quickedit.accounts import links

        self.server = server
        self.browser = server.client(origin=settings.PUBLIC_ORIGIN)
        if not login_url:
            self.user = User.objects.create_user(f"{name}-{next(_numbers)}")
            login_url = links.create(self.user).url
        answer = self.browser.get(local(login_url))
        assert answer.status_code == 302, answer.text
        self.csrf = page_data(self.browser.get("/"))["csrfToken"]

    @property
    def cookie(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.cookies.jar)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """A call of the HTTP API with all that our own page sends."""
        headers = {"x-csrftoken": self.csrf, **more.pop("headers", {})}
        if body is not None:
            more["json"] = body
        return self.browser.request(method, f"/api/v1/{path}", headers=headers, **more)

    def make(self, name: str = "", template: str = "hello") -> str:
        """A new worker; its name."""
        name = name or f"shop{next(_numbers)}"
        answer = self.ask("POST", "workers", {"name": name, "template": template})
        assert answer.status_code == 201, answer.text
        return name

    def bridge(self, worker: str, **changes: Any) -> websockets.connect:
        """The WebSocket of the editor, not yet open."""
        options: dict[str, Any] = {
            "origin": settings.PUBLIC_ORIGIN,
            "additional_headers": {"cookie": self.cookie},
            "max_size": None,
            **changes,
        }
        address = f"ws://{settings.PUBLIC_HOST}/ws/workers/{worker}"
        if "sock" not in options:
            options |= {"host": "127.0.0.1", "port": self.server.port}
        return websockets.connect(address, **options)

    @asynccontextmanager
    async def editor(self, worker: str, client: str = "", revision: int | None = None) -> AsyncIterator[Editor]:
        """An open bridge after hello and welcome."""
        async with self.bridge(worker) as socket:
            editor = Editor(socket, client or f"client-{next(_numbers)}")
            await editor.send({"t": "hello", "protocol": 1, "client": editor.client, "revision": revision})
            editor.welcome = await editor.until("welcome")
            yield editor


class Editor:
    """The other end of the bridge: sends frames, and waits for one of a kind."""

    def __init__(self, socket: Any, client: str) -> None:
        self.socket = socket
        self.client = client
        self.welcome: dict[str, Any] = {}
        self.seen: list[dict[str, Any]] = []

    async def send(self, frame: Any) -> None:
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def next(self) -> dict[str, Any]:
        """The next frame, whatever it is."""
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), ANSWER))
        self.seen.append(frame)
        return frame

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of that kind; others are passed over."""
        try:
            async with asyncio.timeout(ANSWER):
                while (frame := await self.next())["t"] != kind:
                    pass
        except TimeoutError:
            raise AssertionError(f"no {kind!r} came, but {self.seen}") from None
        return frame

    async def operate(self, seq: int, base: int, *ops: dict[str, Any]) -> None:
        await self.send({"t": "op", "seq": seq, "base": base, "ops": list(ops)})

    async def closed(self) -> int:
        """The close code, after whatever frames are still on the way."""
        async with asyncio.timeout(ANSWER):
            try:
                while True:
                    await self.next()
            except websockets.ConnectionClosed:
                pass
        return int(self.socket.close_code)


def local(url: str) -> str:
    """A URL's path and query, for a client that connects to 127.0.0.1."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


def page_data(answer: httpx.Response) -> dict[str, Any]:
    """What the page gives its script."""
    return support.page_data(answer.text)


@pytest.fixture
def owner(server: Server) -> Person:
    return Person(server, "owner")


@pytest.fixture
def mate(server: Server) -> Person:
    return Person(server, "mate")


@pytest.fixture
def outsider(server: Server) -> Person:
    return Person(server, "outsider")


def join(mate: Person, worker: str, role: str) -> None:
    """Makes somebody a member. In a thread, as asynchronous tests call it too."""
    from django.db import connection

    from quickedit.workers.models import Membership, Worker

    def work() -> None:
        Membership.objects.create(worker=Worker.objects.get(name=worker, deleted_at=None), user=mate.user, role=role)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


@dataclass(frozen=True)
class DataPlane:
    """A running runner, sandbox and all."""

    port: int

    def ask(self, host: str, path: str = "/", **headers: str) -> httpx.Response:
        """A visitor's request. ``host`` is the first label."""
        said = {"host": f"{host}.{settings.WORKERS_DOMAIN}", **headers}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=said, timeout=30)

    def shows(self, host: str, text: str) -> str:
        """The answer once it has ``text`` in it."""
        answer: str = wait_until(
            lambda: (found := self.ask(host).text) and text in found and found, f"{text!r} at {host}"
        )
        return answer


@pytest.fixture(scope="session")
def visitors(server: Server) -> Iterator[DataPlane]:
    command = [sys.executable, "-m", "preview.outside.serve", "--socket", settings.RUNNER_SOCKET, "--port", "0"]
    more = ["--data", settings.DATA_DIR / "runner", "--domain", settings.WORKERS_DOMAIN]
    with program(*command, *more, env=dict(os.environ)) as started:
        ready = json.loads(started.wait_for('"ready"'))
        yield DataPlane(ready["port"])
        started.stop()
        print(started.output)

"""The control API: the Unix socket through which web drives the runner, and through which the runner asks web.

``serve`` starts it. The socket lies in a directory of mode 0700 and the peer's user is checked, so whoever reaches it
may do everything here; it is never bound to the network. Messages are those of ``preview.exchange``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from preview.exchange import (
    AnyMessage,
    AskData,
    AskDropHost,
    AskDropProgram,
    AskHealth,
    AskMayCall,
    AskModules,
    AskPutHost,
    AskRequest,
    AskResolve,
    AskRun,
    AskTrigger,
    Done,
    Health,
    Host,
    HttpAnswer,
    LogEvent,
    MayCall,
    Modules,
    PeerAway,
    Program,
    Refused,
    Resolved,
    TellLogs,
)
from preview.outside.bindings.browse import Browser, trigger
from preview.outside.bindings.together import Bindings
from preview.outside.front import Front
from preview.outside.hosts import Hosts
from preview.outside.programs import Programs
from preview.outside.within import request_of
from preview.peer import Peer, check_socket_path

log = logging.getLogger(__name__)

WEB_WAIT = 3.0
"""Seconds that a question waits for web to connect (again)."""
ANSWER_WAIT = 10.0
"""Seconds for web's answer."""


A = TypeVar("A")


class Web:
    """The web processes that are connected. The runner's source of hosts and modules, and where its logs go."""

    def __init__(self) -> None:
        self._peers: list[Peer] = []
        self._came = asyncio.Event()

    def joined(self, peer: Peer) -> None:
        self._peers.append(peer)
        self._came.set()

    def left(self, peer: Peer) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
        if not self._peers:
            self._came.clear()

    async def resolve(self, label: str) -> tuple[Host, Program] | None:
        """As hosts.Source.resolve. Raises PeerAway."""
        answer = await self._ask(AskResolve(label), Resolved)
        if answer.host is None or answer.program is None:
            return None
        return answer.host, answer.program

    async def may_call(self, caller: str, called: str) -> bool:
        """As permissions.MayCall. Raises PeerAway."""
        return (await self._ask(AskMayCall(caller, called), MayCall)).allowed

    async def modules(self, program: Program) -> bytes | None:
        """As hosts.Source.modules. Raises PeerAway."""
        return (await self._ask(AskModules(program), Modules)).modules

    def tell_logs(self, events: list[LogEvent], lost: int) -> None:
        message = TellLogs(events, lost)
        for peer in self._peers:
            peer.tell(message)

    async def _ask(self, message: AnyMessage, kind: type[A]) -> A:
        if not self._peers:
            try:
                async with asyncio.timeout(WEB_WAIT):
                    await self._came.wait()
            except TimeoutError:
                pass
        # The newest first: after a restart of web the older connection may be a dying process.
        for peer in reversed(self._peers.copy()):
            try:
                answer = await peer.ask(message, ANSWER_WAIT)
            except PeerAway:
                continue
            except Refused as refused:
                log.warning("Web refused %s: %s", type(message).__name__, refused.message)
                raise PeerAway(refused.message) from None
            if isinstance(answer, kind):
                return answer
            log.error("Web answered %s with %s", type(message).__name__, type(answer).__name__)
        raise PeerAway("No web process is connected.")

    def close(self) -> None:
        for peer in self._peers.copy():
            peer.close()


class Control:
    """Serves the control socket at ``path``."""

    def __init__(
        self,
        path: Path,
        web: Web,
        hosts: Hosts,
        programs: Programs,
        front: Front,
        domain: str,
        health: Callable[[], Health],
        bindings: Bindings,
    ) -> None:
        check_socket_path(str(path))
        self._path = path
        self._web = web
        self._hosts = hosts
        self._programs = programs
        self._front = front
        self._domain = domain
        self._health = health
        self._bindings = bindings
        self._browser = Browser(bindings.stores)
        self._server: asyncio.Server | None = None
        self._handlers: dict[type, Callable[..., Awaitable[AnyMessage]]] = {
            AskHealth: self._on_health,
            AskRun: self._on_run,
            AskPutHost: self._on_put_host,
            AskDropHost: self._on_drop_host,
            AskDropProgram: self._on_drop_program,
            AskRequest: self._on_request,
            AskData: self._on_data,
            AskTrigger: self._on_trigger,
        }

    async def start(self) -> None:
        """Begins to listen. Raises OSError where another runner listens there, or the directory cannot be made
        private."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._remove_stale()
        loop = asyncio.get_running_loop()
        before = os.umask(0o177)
        try:
            self._server = await loop.create_unix_server(self._new_peer, str(self._path))
        finally:
            os.umask(before)

    def _remove_stale(self) -> None:
        if not self._path.exists():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self._path))
            except OSError:
                self._path.unlink(missing_ok=True)
            else:
                raise FileExistsError(
                    f"Another runner listens at {self._path}: stop it first, or use another data directory."
                )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._web.close()
            self._path.unlink(missing_ok=True)

    def _new_peer(self) -> Peer:
        return _ControlPeer(self._serve, _ignore, self._web, self._hosts)

    # What web asks

    async def _serve(self, message: AnyMessage) -> AnyMessage:
        handler = self._handlers.get(type(message))
        if handler is None:
            raise Refused("bad-message", f"A runner does not answer {type(message).__name__}.")
        return await handler(message)

    async def _on_health(self, message: AskHealth) -> AnyMessage:
        return self._health()

    async def _on_run(self, message: AskRun) -> AnyMessage:
        return await self._programs.run(message.program, message.modules)

    async def _on_put_host(self, message: AskPutHost) -> AnyMessage:
        self._hosts.put(message.host)
        return Done()

    async def _on_drop_host(self, message: AskDropHost) -> AnyMessage:
        self._hosts.drop(message.host)
        return Done()

    async def _on_drop_program(self, message: AskDropProgram) -> AnyMessage:
        self._hosts.drop_program(message.key)
        self._programs.drop(message.key)
        self._bindings.dropped(message.key)
        return Done()

    async def _on_request(self, message: AskRequest) -> AnyMessage:
        began = time.perf_counter()
        request = request_of(message, f"{message.host}.{self._domain}")
        status, headers, body = await self._front.inside(request)
        shown = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        return HttpAnswer(status, shown, body, (time.perf_counter() - began) * 1000)

    async def _on_data(self, message: AskData) -> AnyMessage:
        return await self._browser.answer(message)

    async def _on_trigger(self, message: AskTrigger) -> AnyMessage:
        return await trigger(self._bindings.events, message)


class _ControlPeer(Peer):
    """A connection from web: checked to be of our own user, and known to Web while it lasts."""

    def __init__(
        self,
        serve: Callable[[AnyMessage], Awaitable[AnyMessage]],
        told: Callable[[AnyMessage], None],
        web: Web,
        hosts: Hosts,
    ) -> None:
        super().__init__(serve, told, web.left)
        self._web = web
        self._hosts = hosts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        credentials = transport.get_extra_info("socket").getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        _, user, _ = struct.unpack("3i", credentials)
        if user not in (os.geteuid(), 0):
            log.error("A process of the user %d tried to use the control socket", user)
            self.close()
            return
        # What web dropped while it could not reach us must not live on here.
        self._hosts.forget()
        self._web.joined(self)


def _ignore(message: AnyMessage) -> None:
    """Web tells the runner nothing without asking."""

"""The one door from Quick Edit to the runner: run a program, put a host, make a request, hear the logs.

``quickedit.drafts`` and ``quickedit.deployments`` hold one RunnerClient a process. It connects in the background and
for ever, so the runner may start later, be killed, or be replaced; whoever asks meanwhile waits a moment and then
gets RunnerAway. It never runs user code and never parses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
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
    DataAnswer,
    Done,
    Fault,
    Health,
    Host,
    HttpAnswer,
    LogEvent,
    LogRecord,
    MayCall,
    Modules,
    NeedModules,
    PeerAway,
    Program,
    Ready,
    Refused,
    Resolved,
    TellLogs,
    Triggered,
    Unparsed,
)
from preview.peer import Peer, check_socket_path
from preview.protocol import pack_modules

__all__ = [
    "AskData",
    "AskTrigger",
    "Fault",
    "Health",
    "Host",
    "HttpAnswer",
    "LogEvent",
    "LogRecord",
    "Program",
    "Ready",
    "Refused",
    "RunnerAway",
    "RunnerClient",
    "Triggered",
    "Unparsed",
]

log = logging.getLogger(__name__)

CONNECT_WAIT = 3.0
"""Seconds that a question waits for the runner to come (back)."""
QUICK = 5.0
"""Seconds for an answer that needs no user code."""
RUN_WAIT = 140.0
"""Seconds for a run: above the time that an installation of packages and the import of a program may take."""
REQUEST_WAIT = 40.0
"""Seconds for a request: above the wall limit of a request."""
DATA_WAIT = 15.0
"""Seconds for a look into data: above the limit of one statement of SQL."""
MIGRATE_WAIT = 50.0
"""Seconds for migrations: above the time after which the runner begins no further one, and what the last may take."""
_RETRY_FIRST, _RETRY_MOST = 0.05, 1.0
_KNOWN_DIGESTS = 4096

T = TypeVar("T")


class RunnerAway(Exception):
    """The runner is not there or does not answer. Asking again helps once it is back."""


class RunnerClient:
    """``resolve`` says whose a host name is (or None), ``modules`` gives a program's modules, ``on_log`` hears
    requests, ``may_call`` says whether a worker may call methods of another one, both by their ids.

    All are called in the event loop that ``start`` was called in; ``on_log`` must not block.
    """

    def __init__(
        self,
        socket: Path,
        *,
        resolve: Callable[[str], Awaitable[tuple[Host, Program] | None]],
        modules: Callable[[Program], Awaitable[Mapping[str, bytes]]],
        on_log: Callable[[LogEvent], None],
        may_call: Callable[[str, str], Awaitable[bool]] | None = None,
    ) -> None:
        check_socket_path(str(socket))
        self._socket = socket
        self._resolve = resolve
        self._may_call = may_call
        self._modules = modules
        self._on_log = on_log
        self._peer: Peer | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        # Digests that this connection's runner has confirmed: their modules need not be sent again.
        self._known: OrderedDict[str, None] = OrderedDict()

    async def start(self) -> None:
        """Begins to connect, in the background. Does not wait for the runner."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected(), name="runner connection")

    async def close(self) -> None:
        """Ends the connection. Questions under way raise RunnerAway."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        if self._peer is not None:
            self._peer.close()

    @property
    def connected(self) -> bool:
        return self._peer is not None

    async def health(self) -> Health:
        """Raises RunnerAway."""
        return await self._ask(AskHealth(), Health, QUICK)

    async def run(self, program: Program, modules: Mapping[str, bytes]) -> Ready | Unparsed:
        """Makes ``program`` the one that answers under its key, without refusing a request meanwhile.

        ``modules`` must have the program's digest; they are sent only where the runner lacks them. Unparsed means
        that the last good program still answers. Raises Refused (``superseded`` where a newer run of the same key
        overtook this one; ``no-main``, ``bad-config``, ``no-handler`` where the preview now shows a page that says
        what to do) and RunnerAway. A Ready with a fault answers too: with the page about the exception at its import.
        """
        packed = None if program.digest in self._known else pack_modules(modules)
        answer = await self._ask_any(AskRun(program, packed), RUN_WAIT)
        if isinstance(answer, NeedModules):
            answer = await self._ask_any(AskRun(program, pack_modules(modules)), RUN_WAIT)
        if not isinstance(answer, Ready | Unparsed):
            raise RunnerAway(f"The runner gave an answer of the wrong kind, {type(answer).__name__}.")
        self._known[program.digest] = None
        while len(self._known) > _KNOWN_DIGESTS:
            self._known.popitem(last=False)
        return answer

    async def put_host(self, host: Host) -> None:
        """Makes a host name answer with its program from now on. Raises RunnerAway."""
        await self._ask(AskPutHost(host), Done, QUICK)

    async def drop_host(self, host: str) -> None:
        """Forgets a host name: the next request to it asks ``resolve`` again. Raises RunnerAway."""
        await self._ask(AskDropHost(host), Done, QUICK)

    async def drop_program(self, key: str) -> None:
        """Stops a program, and forgets its hosts. Raises RunnerAway."""
        await self._ask(AskDropProgram(key), Done, QUICK)

    async def request(
        self, host: str, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> HttpAnswer:
        """Makes a request to a host as if from outside. Raises Refused (nobody has that host) and RunnerAway. Never
        repeated."""
        answer = await self._ask_any(AskRequest(host, method, path, headers, body), REQUEST_WAIT, again=False)
        return _expect(answer, HttpAnswer)

    async def data(self, asked: AskData) -> bytes:
        """The answer to a look into a worker's data, or to a change of it, as JSON. Raises Refused and RunnerAway. A change
        is never repeated."""
        again = asked.method in ("list", "get", "tables", "rows", "migrations")
        wait = MIGRATE_WAIT if asked.method == "migrate" else DATA_WAIT
        return _expect(await self._ask_any(asked, wait, again=again), DataAnswer).value

    async def trigger(self, asked: AskTrigger) -> Triggered:
        """Runs a handler now. Raises Refused and RunnerAway. Never repeated."""
        return _expect(await self._ask_any(asked, REQUEST_WAIT, again=False), Triggered)

    # Asking

    async def _ask(self, message: AnyMessage, kind: type[T], timeout: float) -> T:
        return _expect(await self._ask_any(message, timeout), kind)

    async def _ask_any(self, message: AnyMessage, timeout: float, *, again: bool = True) -> AnyMessage:
        """Asks, once more where the connection was lost on the way and asking twice does no harm."""
        peer = await self._connection()
        try:
            return await peer.ask(message, timeout)
        except PeerAway as away:
            if not again or self._peer is peer:
                raise RunnerAway(str(away)) from None
        peer = await self._connection()
        try:
            return await peer.ask(message, timeout)
        except PeerAway as away:
            raise RunnerAway(str(away)) from None

    async def _connection(self) -> Peer:
        if self._peer is None and self._keeper is not None:
            try:
                async with asyncio.timeout(CONNECT_WAIT):
                    await self._up.wait()
            except TimeoutError:
                pass
        if self._peer is None:
            raise RunnerAway("The runner is away: previews and deployed workers wait until it is back.")
        return self._peer

    # The connection

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        delay = _RETRY_FIRST
        while True:
            self._down.clear()
            try:
                _, peer = await loop.create_unix_connection(self._new_peer, str(self._socket))
            except OSError:
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))
                delay = min(delay * 2, _RETRY_MOST)
                continue
            if self._down.is_set():  # it went away between connecting and this line
                continue
            delay = _RETRY_FIRST
            self._known.clear()
            self._peer = peer
            self._up.set()
            await self._down.wait()
            log.warning("The runner went away; connecting again")

    def _new_peer(self) -> Peer:
        return Peer(self._serve, self._told, self._on_lost)

    def _on_lost(self, peer: Peer) -> None:
        self._peer = None
        self._up.clear()
        self._down.set()

    async def _serve(self, message: AnyMessage) -> AnyMessage:
        if isinstance(message, AskResolve):
            found = await self._resolve(message.host)
            return Resolved(*found) if found is not None else Resolved(None, None)
        if isinstance(message, AskModules):
            return Modules(pack_modules(await self._modules(message.program)))
        if isinstance(message, AskMayCall):
            return MayCall(self._may_call is not None and await self._may_call(message.caller, message.called))
        raise Refused("bad-message", f"Web does not answer {type(message).__name__}.")

    def _told(self, message: AnyMessage) -> None:
        if isinstance(message, TellLogs):
            for event in message.events:
                try:
                    self._on_log(event)
                except Exception:
                    log.exception("A listener to workers' logs failed")


def _expect(answer: AnyMessage, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise RunnerAway(f"The runner gave an answer of the wrong kind, {type(answer).__name__}.")
    return answer

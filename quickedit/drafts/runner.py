"""This process's one connection to the runner, opened at the first use in the event loop that serves requests.

Daphne starts the loop after this is imported, so nothing here runs at import. ``quickedit.programs`` says how hosts and
modules are found, as that needs rooms and deployments, which this package must not know. Logs of a program go to
whoever subscribed to its key.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from django.conf import settings

from preview.client import Host, LogEvent, Program, RunnerAway, RunnerClient

Resolve = Callable[[str], Awaitable[tuple[Host, Program] | None]]
Modules = Callable[[Program], Awaitable[Mapping[str, bytes]]]
MayCall = Callable[[str, str], Awaitable[bool]]

SOON = 1.0
"""Seconds that a person waits for the runner where the answer does not depend on it."""

_log = logging.getLogger(__name__)
_sources: tuple[Resolve, Modules, MayCall] | None = None
_client: RunnerClient | None = None
_loop: asyncio.AbstractEventLoop | None = None
_starting: asyncio.Lock | None = None
_subscribers: defaultdict[str, list[Callable[[LogEvent], None]]] = defaultdict(list)
_background: set[asyncio.Task[None]] = set()


def install(resolve: Resolve, modules: Modules, may_call: MayCall) -> None:
    """Says where hosts and modules are found, and which worker may call which. Called once, before the first request."""
    global _sources
    _sources = resolve, modules, may_call


async def client() -> RunnerClient:
    """The connection, which reconnects by itself; its calls raise RunnerAway while there is no runner."""
    global _client, _loop, _starting
    loop = asyncio.get_running_loop()
    if _loop is not loop:
        _client, _loop, _starting = None, loop, asyncio.Lock()
    assert _starting is not None
    async with _starting:
        if _client is None:
            if _sources is None:
                raise RuntimeError("drafts.runner.install has not been called")
            resolve, modules, may_call = _sources
            made = RunnerClient(
                settings.RUNNER_SOCKET, resolve=resolve, modules=modules, on_log=_on_log, may_call=may_call
            )
            await made.start()
            _client = made
    return _client


async def close() -> None:
    """Closes the connection where there is one; the runner goes on serving."""
    global _client
    if _client is not None:
        closing, _client = _client, None
        await closing.close()


def subscribe(program: str, callback: Callable[[LogEvent], None]) -> Callable[[], None]:
    """Calls back for every log event of the program, in the event loop. Returns what ends it."""
    _subscribers[program].append(callback)

    def end() -> None:
        callbacks = _subscribers[program]
        callbacks.remove(callback)
        if not callbacks:
            del _subscribers[program]

    return end


def _on_log(event: LogEvent) -> None:
    for callback in tuple(_subscribers.get(event.program, ())):
        callback(event)


async def soon(work: Coroutine[Any, Any, None]) -> None:
    """Does work for the runner and waits a moment for it: with a runner that is there it is done when this returns, and one
    that is away keeps nobody waiting. Nothing is lost then, as it asks for every host anew when it is back."""

    async def do() -> None:
        try:
            await work
        except RunnerAway:
            pass
        except Exception:
            _log.exception("work for the runner failed")

    task = asyncio.get_running_loop().create_task(do())
    _background.add(task)
    task.add_done_callback(_background.discard)
    await asyncio.wait({task}, timeout=SOON)


async def forget_hosts(hosts: list[str]) -> None:
    """The runner stops answering under these labels at once. Raises RunnerAway."""
    connection = await client()
    for host in hosts:
        await connection.drop_host(host)

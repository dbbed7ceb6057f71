"""The language line of one session: hands LSP bodies to ``quickedit.language`` in order, and never lets an old question
delay a new one.

Notifications change the language session's state and run one after the other. Requests run as tasks beside them; of the
kinds that only the newest cursor position needs, a newer one cancels the older, which is answered as cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from quickedit import rooms
from quickedit.language.session import LanguageSession

MAX_WAITING = 256
"""Messages that may wait; an editor sends a few a second."""
_NEWEST_WINS = frozenset({"textDocument/completion", "textDocument/hover", "textDocument/signatureHelp"})
_REQUEST_CANCELLED = -32800
_REFRESH = 0.05
"""Seconds in which changes of the workspace are gathered before the language session hears of them."""

_log = logging.getLogger(__name__)


class LanguageLine:
    """``send`` gets every LSP body for the client. The workspace comes from the room, also when others edit it."""

    def __init__(self, send: Callable[[dict[str, Any]], None], room: rooms.Room) -> None:
        self._send = send
        self._session = LanguageSession(send)
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_WAITING)
        self._newest: dict[str, tuple[Any, asyncio.Task[None]]] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._refresh: asyncio.TimerHandle | None = None
        self._give_workspace(room)
        self._worker = self._loop.create_task(self._work())

    def put(self, body: dict[str, Any]) -> bool:
        """Queues one body from the client. False where too many wait."""
        try:
            self._queue.put_nowait(body)
        except asyncio.QueueFull:
            return False
        return True

    def workspace_changed(self, room: rooms.Room) -> None:
        """Somebody's batch was committed."""
        if self._refresh is None:
            self._refresh = self._loop.call_later(_REFRESH, self._give_workspace, room)

    def variables_changed(self, names: frozenset[str]) -> None:
        """The worker has these variables by its settings from now on."""
        self._session.settings_changed(variables=sorted(names))

    def packages_changed(self, environment: str) -> None:
        """The worker runs with these packages from now on. Cheap where they are the same."""
        self._session.packages_changed(environment)

    async def close(self) -> None:
        """Ends every task and the language session."""
        if self._refresh is not None:
            self._refresh.cancel()
        tasks = [self._worker, *self._requests]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    def _give_workspace(self, room: rooms.Room) -> None:
        self._refresh = None
        self._session.workspace_changed(
            {file.path: file.text for file in room.workspace.files.values() if not file.digest}
        )

    async def _work(self) -> None:
        while True:
            body = await self._queue.get()
            method = body.get("method")
            if "id" in body and isinstance(method, str):
                self._ask(method, body)
            else:
                await self._handle(body)

    def _ask(self, method: str, body: dict[str, Any]) -> None:
        if method in _NEWEST_WINS:
            self._cancel_older(method)
        task = self._loop.create_task(self._handle(body))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)
        if method in _NEWEST_WINS:
            self._newest[method] = body["id"], task

    def _cancel_older(self, method: str) -> None:
        older = self._newest.pop(method, None)
        if older is None or older[1].done():
            return
        older[1].cancel()
        error = {"code": _REQUEST_CANCELLED, "message": "A newer question came."}
        self._send({"jsonrpc": "2.0", "id": older[0], "error": error})

    async def _handle(self, body: dict[str, Any]) -> None:
        try:
            await self._session.handle(body)
        except Exception:
            _log.exception("a language message failed")
            if "id" in body:
                error = {"code": -32603, "message": "The language service failed; it starts again by itself."}
                self._send({"jsonrpc": "2.0", "id": body["id"], "error": error})

"""The bridge's edge: a Channels consumer that admits, decodes, bounds and closes; what messages mean is ``session``'s.

One socket per editor page at ``/ws/workers/<name>``. The host router has checked the origin before this runs. A mistake
in a frame is answered by name and survived; a client that keeps making them, sends too much or does not read is closed
with a code and, before it, a ``goodbye`` that says why.
"""

from __future__ import annotations

import asyncio
import logging
from random import randrange
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from quickedit import failpoints
from quickedit.editor.entry import admit, session_cookie
from quickedit.editor.outbox import NOW, Outbox
from quickedit.editor.session import Session
from quickedit.errors import BadFrame, QuickEditError, TooLarge, Unavailable
from quickedit.threads import DATABASE_AWAY, database_away, in_database
from quickedit.wire import codec
from quickedit.wire import messages as wire

MAX_MISTAKES = 20
"""Frames that could not be understood before the connection ends."""
HELLO_WAIT = 20.0
"""Seconds in which hello must come."""
DRAIN_WAIT = 3.0
"""Seconds that a stopping server gives a socket to get its answers."""
SLOW_CLOSE = 4408
SLOW_MS = 1000
"""Milliseconds after which a slow client may come back."""
SPREAD_MS = 1500
"""Milliseconds over which the clients of a stopping server spread their return."""
AWAY_MS = 1000
"""Milliseconds after which clients may come back where a part of ours is down, and over which they spread their return."""
RESTART_CLOSE = Unavailable.close_code

CLOSE_WAIT = 1.0
"""Seconds that a stopping server gives a client to answer the close frame: until then the transport must live."""

_log = logging.getLogger(__name__)


class Bridge(AsyncWebsocketConsumer):  # type: ignore[misc]
    """See the module. Channels makes one for each socket."""

    channel_layer_alias = "none"
    """No channel of its own in the layer: hints between processes are the rooms' (``quickedit.rooms.hints``)."""
    _session: Session | None = None
    _outbox: Outbox | None = None
    _mistakes = 0
    _closing: asyncio.Task[None] | None = None
    _hello_timer: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            # Daphne cancels at SIGTERM and sends no close frame: what was submitted is answered, then the client comes
            # back.
            if self._session is not None:
                await self._session.drain(DRAIN_WAIT)
            self._say_goodbye("restart", "Quick Edit restarts.", "Your edits are kept.", after=randrange(SPREAD_MS))
            if self._outbox is not None:
                await self._outbox.flush(CLOSE_WAIT)
            await self._send_close(RESTART_CLOSE, "restart")
            await _until_closed(receive)
            raise
        finally:
            await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does it, without its visit to a thread for database connections: none are opened in this one."""
        try:
            await getattr(self, message["type"].replace(".", "_"))(message)
        except DATABASE_AWAY as error:
            _log.error("%s: the database does not answer: %s", message["type"], error)
            self._end_with(database_away())

    async def connect(self) -> None:
        await self.accept()
        self._outbox = Outbox(self._send_text, self._too_slow, self._send_now)
        key = session_cookie(self.scope["headers"])
        try:
            person, access = await in_database(admit, key, self.scope["worker_name"])
        except QuickEditError as error:
            self._end_with(error)
            return
        self._session = Session(access, person, key, self._outbox, self._end)
        loop = asyncio.get_running_loop()
        self._hello_timer = loop.call_later(
            HELLO_WAIT, self._end, BadFrame.close_code, "hello-first", "“hello” did not come in time."
        )

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._session is None or self._closing is not None:
            return
        try:
            if text_data is None:
                raise BadFrame("Frames are text, not bytes.")
            message = codec.decode(text_data)
            failpoints.reach("received")
            await self._session.receive(message)
        except QuickEditError as error:
            self._mistake(error)
        else:
            if isinstance(message, wire.HelloToServer) and self._hello_timer is not None:
                self._hello_timer.cancel()

    async def disconnect(self, code: int) -> None:
        await self._leave()

    def _mistake(self, error: QuickEditError) -> None:
        self._mistakes += 1
        fatal = (
            isinstance(error, TooLarge) or error.code in ("hello-first", "protocol") or self._mistakes >= MAX_MISTAKES
        )
        if fatal or not isinstance(error, BadFrame):
            self._end_with(error)
        else:
            self._refuse(error.code, error.message, error.hint)

    def _refuse(self, code: str, message: str, hint: str) -> None:
        if self._outbox is not None:
            self._outbox.put(codec.encode(wire.RefusedToClient(seq=None, code=code, message=message, hint=hint)))

    def _say_goodbye(self, code: str, message: str, hint: str = "", after: int | None = None) -> None:
        """``after`` is given where the client should come back, in milliseconds."""
        if self._outbox is not None:
            self._outbox.put(
                codec.encode(
                    wire.GoodbyeToClient(
                        code=code, message=message, hint=hint, reconnect=after is not None, after_ms=after or 0
                    )
                )
            )

    def _too_slow(self) -> None:
        """Nothing more fits (G2): what waits is dropped, and the reason stands before the close frame."""
        if self._outbox is not None:
            self._outbox.clear()
        self._end(SLOW_CLOSE, "slow", "This connection reads too slowly.", "It comes back by itself.", after=SLOW_MS)

    def _end_with(self, error: QuickEditError) -> None:
        """For good, but where asking again helps: a part of ours is down for the moment. What is damaged stays so."""
        again = isinstance(error, Unavailable) and error.code != "damaged"
        after = AWAY_MS + randrange(AWAY_MS) if again else None
        self._end(error.close_code, error.code, error.message, error.hint, after=after)

    def _end(self, close_code: int, code: str, reason: str, hint: str = "", after: int | None = None) -> None:
        """Says why and closes, once; what was queued before goes out first."""
        if self._closing is not None:
            return
        self._say_goodbye(code, reason, hint, after)

        async def close() -> None:
            if self._outbox is not None:
                await self._outbox.flush(DRAIN_WAIT)
            await self._send_close(close_code, code)

        self._closing = asyncio.get_running_loop().create_task(close())

    async def _send_text(self, frame: str) -> None:
        await self.send(text_data=frame)
        failpoints.reach("sent")

    def _send_now(self, frame: str) -> bool:
        now = self.scope.get("extensions", {}).get(NOW)
        if now is None or not now(frame):
            return False
        failpoints.reach("sent")
        return True

    async def _send_close(self, code: int, reason: str) -> None:
        try:
            await self.close(code, reason)
        except Exception:
            _log.debug("a socket was gone before it was closed", exc_info=True)

    async def _leave(self) -> None:
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        session, self._session = self._session, None
        if session is not None:
            await session.leave()
        outbox, self._outbox = self._outbox, None
        if outbox is not None:
            await outbox.close()


async def _until_closed(receive: Any) -> None:
    try:
        async with asyncio.timeout(CLOSE_WAIT):
            while (await receive())["type"] != "websocket.disconnect":
                pass
    except TimeoutError:
        pass

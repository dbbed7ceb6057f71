"""One client of the bridge after it was let in: reads decoded messages, keeps their order, and sends what it must see.

The consumer (``quickedit.editor.consumer``) owns the socket and decodes; this owns the meaning. Batches of operations
are submitted one after the other by one task, language questions by another, so that neither waits for the other and
reading never stops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

from preview.client import RunnerAway
from quickedit import failpoints, rooms
from quickedit.drafts import runner
from quickedit.editor import live
from quickedit.editor.languages import LanguageLine
from quickedit.editor.outbox import Outbox
from quickedit.errors import BadFrame, Forbidden, NotFound, QuickEditError, Stale, TooLarge
from quickedit.threads import in_database
from quickedit.wire import codec
from quickedit.wire import messages as wire
from quickedit.workers.access import Access
from quickedit.workspaces import blobs

MAX_BATCHES = 32
"""Batches of one client that may wait for the room: a good client has one under way."""
_SNAPSHOT = "/api/v1/workers/{name}/snapshot"
_RETRY_ADDRESS = 2.0
"""Seconds between attempts to learn the sandbox's tier while the runner is away."""

_log = logging.getLogger(__name__)


class Session:
    """A watcher of a live worker (``live.Watcher``). ``close`` ends the socket with a close code, a code and a reason;
    it may be called twice.
    """

    def __init__(
        self,
        access: Access,
        person: wire.Person,
        session_key: str,
        outbox: Outbox,
        close: Callable[[int, str, str], None],
    ) -> None:
        self.user_id = person.id
        self.session_key = session_key
        self.client = ""
        self._access = access
        self._person = person
        self._outbox = outbox
        self._close = close
        self._live: live.LiveWorker | None = None
        self._stack = AsyncExitStack()
        self._batches: asyncio.Queue[wire.OpToServer] = asyncio.Queue(MAX_BATCHES)
        self._language: LanguageLine | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._welcomed = -1
        self._others: list[wire.PresenceToClient] = []

    # --- what the consumer calls ----------------------------------------------------------------------------------

    async def receive(self, message: wire.Message) -> None:
        """Handles one decoded message; returns soon. Raises BadFrame where the conversation breaks its rules."""
        if isinstance(message, wire.HelloToServer):
            await self._hello(message)
        elif self._live is None:
            raise BadFrame("The first frame must be “hello”.", code="hello-first")
        elif isinstance(message, wire.OpToServer):
            self._operate(message)
        elif isinstance(message, wire.LspToServer):
            self._ask_language(message)
        elif isinstance(message, wire.RunToServer):
            self._live.draft.run_now()
        elif isinstance(message, wire.PingToServer):
            self.tell(wire.PongToClient(n=message.n, revision=self._live.room.revision))
        elif isinstance(message, wire.PresenceToServer):
            self._live.presence.move(self, self.client, message)
        else:
            raise BadFrame(f"The server does not take {type(message).__name__}.")

    async def drain(self, timeout: float) -> None:
        """Waits, so many seconds at most, until submitted batches are durable and their answers on the way."""
        try:
            async with asyncio.timeout(timeout):
                await self._batches.join()
        except TimeoutError:
            pass
        await self._outbox.flush(timeout)

    async def leave(self) -> None:
        """Ends all tasks and leaves the worker."""
        if self._live is not None:
            self._live.presence.leave(self, self.client)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._language is not None:
            await self._language.close()
        await self._stack.aclose()

    # --- what the live worker calls -------------------------------------------------------------------------------

    def committed(self, frame: str) -> None:
        self.show(frame)
        if self._language is not None and self._live is not None:
            self._language.workspace_changed(self._live.room)

    def variables_changed(self, names: frozenset[str]) -> None:
        if self._language is not None:
            self._language.variables_changed(names)

    def packages_changed(self, environment: str) -> None:
        if self._language is not None:
            self._language.packages_changed(environment)

    def show(self, frame: str, *, courtesy: bool = False) -> None:
        if self._live is not None:  # what comes before the welcome is part of it
            self._outbox.put(frame, courtesy=courtesy)

    def tell(self, message: wire.Message) -> None:
        """Sends a message to this client alone."""
        self.show(codec.encode(message))

    def end(self, close_code: int, code: str, reason: str) -> None:
        self._close(close_code, code, reason)

    def set_access(self, access: Access | None) -> None:
        """The person's access is another one now, or none (A3)."""
        if access is None:
            self.end(NotFound.close_code, "removed", "You are not a member of this worker any more.")
        elif access.role is not self._access.role:
            self._access = access
            if self._live is not None:
                self.tell(wire.RoleToClient(role=access.role_name))
                self._live.presence.enter(self, self._present())

    def _present(self) -> wire.PresenceToClient:
        return wire.PresenceToClient(client=self.client, person=self._person, role=self._access.role_name)

    # --- hello ----------------------------------------------------------------------------------------------------

    async def _hello(self, hello: wire.HelloToServer) -> None:
        if self._live is not None:
            raise BadFrame("“hello” comes once.", code="hello-first")
        if hello.protocol != wire.PROTOCOL:
            text = f"This page speaks protocol {hello.protocol}, the server {wire.PROTOCOL}."
            raise BadFrame(text, code="protocol", hint="Reload the page; your edits are kept.")
        self.client = hello.client
        entered = await self._stack.enter_async_context(live.enter(self._access.worker.pk, self))
        if hello.revision is not None:
            with suppress(Stale):
                await entered.room.reach_back(hello.revision)
        self._others = entered.presence.others(hello.client)
        # From here to the end of this method nothing awaits: the welcome and the subscription see the same revision.
        self._live = entered
        self._welcomed = entered.room.revision
        self.show(self._welcome(entered, hello))
        entered.presence.enter(self, self._present())
        if entered.draft.last is not None:
            self.tell(entered.draft.last)
        self._begin(self._submit_in_order())
        self._begin(self._announce_preview(entered))

    def _welcome(self, entered: live.LiveWorker, hello: wire.HelloToServer) -> str:
        """Catch-up where the client's revision allows it and it fits a frame, a snapshot otherwise."""
        room = entered.room
        if hello.revision is not None and hello.revision <= room.revision:
            try:
                return codec.encode(self._welcome_message(room, hello, room.catch_up(hello.revision)))
            except (Stale, TooLarge):
                pass
        return codec.encode(self._welcome_message(room, hello, None))

    def _welcome_message(
        self, room: rooms.Room, hello: wire.HelloToServer, catch_up: list[wire.Committed] | None
    ) -> wire.WelcomeToClient:
        name = self._access.worker.name
        return wire.WelcomeToClient(
            protocol=wire.PROTOCOL,
            worker=name,
            you=self._person,
            role=self._access.role_name,
            revision=room.revision,
            last_seq=room.last_seq(hello.client),
            snapshot=_SNAPSHOT.format(name=name) if catch_up is None else None,
            catch_up=catch_up or [],
            present=self._others,
        )

    async def _announce_preview(self, entered: live.LiveWorker) -> None:
        """Tells the preview's address, and again with the sandbox's tier once a runner that was away is there."""
        address = await entered.preview_address(self.user_id)
        self.tell(address)
        while not address.tier:
            await asyncio.sleep(_RETRY_ADDRESS)
            try:
                await (await runner.client()).health()
            except RunnerAway:
                continue
            address = await entered.preview_address(self.user_id)
            self.tell(address)

    # --- operations -----------------------------------------------------------------------------------------------

    def _operate(self, message: wire.OpToServer) -> None:
        if not self._access.can_edit:
            self._refuse(message.seq, Forbidden("You can look at this worker, not change it.", hint="Ask an owner."))
            return
        try:
            self._batches.put_nowait(message)
        except asyncio.QueueFull:
            self._close(TooLarge.close_code, "flood", "Too many batches at once.")

    async def _submit_in_order(self) -> None:
        while True:
            message = await self._batches.get()
            try:
                await self._submit(message)
            finally:
                self._batches.task_done()

    async def _submit(self, message: wire.OpToServer) -> None:
        assert self._live is not None
        room = self._live.room
        try:
            ops = await self._operations(message)
            committed = await room.submit(
                client=self.client, by=self.user_id, seq=message.seq, base=message.base, ops=ops
            )
        except Stale:
            self.tell(wire.StaleToClient(seq=message.seq, floor=room.floor))
        except QuickEditError as error:
            self._refuse(message.seq, error)
        except Exception:
            _log.exception("a batch for worker %s failed", self._live.worker_id)
            self._close(QuickEditError.close_code, "internal", "A batch could not be stored.")
        else:
            # A resend of what was durable before this session began: it was never broadcast to it.
            failpoints.reach("answered")
            if committed.revision <= self._welcomed:
                self.tell(committed)

    async def _operations(self, message: wire.OpToServer) -> list[wire.AnyOperation]:
        if (message.ops is None) == (message.blob is None):
            raise BadFrame("A batch has either operations or a blob.", code="bad-batch")
        if message.ops is not None:
            return message.ops
        assert message.blob is not None and self._live is not None
        return codec.decode_operations(await in_database(blobs.get, self._live.worker_id, message.blob))

    def _refuse(self, seq: int | None, error: QuickEditError) -> None:
        self.tell(wire.RefusedToClient(seq=seq, code=error.code, message=error.message, hint=error.hint))

    # --- language -------------------------------------------------------------------------------------------------

    def _ask_language(self, message: wire.LspToServer) -> None:
        assert self._live is not None
        if self._language is None:
            self._language = LanguageLine(lambda body: self.tell(wire.LspToClient(body=body)), self._live.room)
            self._begin(self._tell_variables(self._live))
            self.packages_changed(self._live.draft.environment)
        if not self._language.put(message.body):
            self._close(TooLarge.close_code, "flood", "Too many language messages at once.")

    async def _tell_variables(self, opened: live.LiveWorker) -> None:
        self.variables_changed(await opened.variables())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

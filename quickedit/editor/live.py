"""One worker that somebody has open: its room, its draft on the runner and the sessions that watch, put together.

Made when the first session enters and taken down when the last one leaves. Sessions get every committed batch, every
preview event, logs and deployments from here; nothing here knows about sockets.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from django.conf import settings
from msgspec import convert

from preview.client import LogEvent, RunnerAway
from quickedit import rooms
from quickedit.deployments import history, publish
from quickedit.deployments.history import Live as LiveVersion
from quickedit.drafts import draft, labels, runner
from quickedit.editor.presence import Presence
from quickedit.errors import NotFound, NotSignedIn
from quickedit.rooms.hints import hints
from quickedit.threads import in_database
from quickedit.wire import codec
from quickedit.wire import messages as wire
from quickedit.workers.access import Access, access_of_all
from quickedit.workers.models import Worker

MEMBERS, CHANGED, DELETED, DEPLOYED, SIGNED_OUT = "members", "worker", "deleted", "deployed", "signed-out"
"""Kinds of hints about a worker."""

_log = logging.getLogger(__name__)
_open: dict[int, LiveWorker] = {}
_entering: dict[int, asyncio.Lock] = {}


class Watcher(Protocol):
    """What a session offers to the worker it watches. All are called in the event loop and must return at once."""

    user_id: int
    session_key: str
    client: str

    def committed(self, frame: str) -> None: ...
    def variables_changed(self, names: frozenset[str]) -> None: ...
    def packages_changed(self, environment: str) -> None: ...
    def set_access(self, access: Access | None) -> None: ...
    def show(self, frame: str, *, courtesy: bool = False) -> None: ...
    def end(self, close_code: int, code: str, reason: str) -> None: ...


class LiveWorker:
    """See the module. Use ``enter``."""

    def __init__(self, worker_id: int, room: rooms.Room) -> None:
        self.worker_id = worker_id
        self.room = room
        self.watchers: set[Watcher] = set()
        self.loop = asyncio.get_running_loop()
        self._described: tuple[str, Mapping[str, str]] | None = None
        self.presence = Presence(worker_id, hints(), self._tell_others)
        self._tasks: set[asyncio.Task[None]] = set()
        self.draft = draft.Draft(
            worker_id, head=self._head, describe=self._describe, emit=self._ran, wait=settings.DRAFT_WAIT
        )

    def begin(self, stack: AsyncExitStack) -> None:
        """Subscribes to everything; the stack ends it."""
        stack.push_async_callback(self.draft.close)
        stack.callback(self.room.subscribe(self._committed))
        stack.callback(runner.subscribe(draft.program_key(self.worker_id), self._log))
        stack.callback(publish.on_deployed(self._deployed))
        stack.callback(hints().listen(self.worker_id, self._heed))
        stack.callback(hints().listen(0, self._heed))
        stack.callback(self.presence.close)
        self.draft.run_now()

    def worker_changed(self) -> None:
        """The worker's name or variables changed: the draft runs again with them."""
        self._described = None
        self.draft.changed()
        self._spawn(self._tell_variables())

    async def variables(self) -> frozenset[str]:
        """The names of the variables that the worker has by its settings."""
        return frozenset((await self._describe())[1])

    async def _tell_variables(self) -> None:
        names = await self.variables()
        for watcher in tuple(self.watchers):
            watcher.variables_changed(names)

    def members_changed(self) -> None:
        """Somebody's role changed, or somebody was removed: it counts from now on."""
        self._spawn(self._look_at_members())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end_all(self, close_code: int, code: str, reason: str) -> None:
        """Ends everybody's sockets."""
        for watcher in tuple(self.watchers):
            watcher.end(close_code, code, reason)

    def end_session(self, session: str) -> None:
        """Ends the sockets of a session that is named by its digest, as its key is a secret (O3)."""
        for watcher in tuple(self.watchers):
            if digest_of(watcher.session_key) == session:
                watcher.end(NotSignedIn.close_code, "signed-out", "You signed out.")

    async def _look_at_members(self) -> None:
        found = await in_database(access_of_all, self.worker_id)
        for watcher in tuple(self.watchers):
            watcher.set_access(found.get(watcher.user_id))

    def _heed(self, kind: str, data: dict[str, Any]) -> None:
        """What another process says of this worker."""
        if kind == MEMBERS:
            self.members_changed()
        elif kind == SIGNED_OUT:
            self.end_session(str(data.get("session", "")))
        elif kind == CHANGED:
            self.worker_changed()
        elif kind == DELETED:
            self.end_all(NotFound.close_code, "deleted", "This worker was deleted.")
        elif kind == DEPLOYED:
            self._spawn(self._tell_live())

    async def _tell_live(self) -> None:
        live = await in_database(history.live_of, self.worker_id)
        if live is not None:
            self._tell_all(deployed_message(live))

    def _tell_others(self, frame: str, client: str, courtesy: bool) -> None:
        for watcher in tuple(self.watchers):
            if watcher.client != client:
                watcher.show(frame, courtesy=courtesy)

    async def preview_address(self, user_id: int) -> wire.PreviewAddressToClient:
        """Where that member sees the draft, known to the runner by then if there is one."""
        label = await in_database(labels.label_of, self.worker_id, user_id)
        tier = python = ""
        try:
            connection = await runner.client()
            health = await connection.health()
            tier, python = health.tier, health.python
            await connection.put_host(draft.private_host(label, self.worker_id))
        except RunnerAway:
            pass  # It asks for the host when it is back.
        origin = f"{settings.WORKERS_SCHEME}://{label}.{settings.WORKERS_DOMAIN}"
        return wire.PreviewAddressToClient(origin=origin, tier=tier, python=python)

    def _head(self) -> draft.Head:
        return draft.Head(self.room.revision, self.room.modules())

    async def _describe(self) -> tuple[str, Mapping[str, str]]:
        if self._described is None:
            worker = await in_database(Worker.objects.get, pk=self.worker_id)
            self._described = worker.name, worker.variables
        return self._described

    def _committed(self, message: wire.Committed) -> None:
        frame = codec.encode(message)  # once, however many watch
        for watcher in tuple(self.watchers):
            watcher.committed(frame)
        self.draft.changed()

    def _ran(self, event: draft.Event) -> None:
        self._tell_all(event)
        for watcher in tuple(self.watchers):
            watcher.packages_changed(self.draft.environment)

    def _tell_all(self, message: wire.Message) -> None:
        frame = codec.encode(message)
        for watcher in tuple(self.watchers):
            watcher.show(frame)

    def _log(self, event: LogEvent) -> None:
        if self.watchers:
            frame = codec.encode(log_message(event))
            for watcher in tuple(self.watchers):
                watcher.show(frame, courtesy=True)

    def _deployed(self, live: LiveVersion) -> None:
        if live.worker_id == self.worker_id:
            hints().tell(self.worker_id, DEPLOYED)
            self._tell_all(deployed_message(live))


def digest_of(session_key: str) -> str:
    """What may be said of a session to others."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def log_message(event: LogEvent) -> wire.LogToClient:
    """A runner's log event as a frame."""
    return wire.LogToClient(
        request=event.request,
        method=event.method,
        path=event.path,
        status=event.status,
        ms=event.ms,
        at=event.at,
        revision=event.revision,
        records=[convert(record, wire.LogRecord, from_attributes=True) for record in event.records],
        dropped=event.dropped,
    )


def deployed_message(live: LiveVersion) -> wire.DeployedToClient:
    """A deployment as a frame."""
    return wire.DeployedToClient(
        version=live.version,
        revision=live.revision,
        url=live.url,
        by=wire.Person(id=live.by_id, name=live.by_name),
        at=int(live.at.timestamp() * 1000),
    )


def find(worker_id: int) -> LiveWorker | None:
    """The worker where somebody has it open in this process."""
    return _open.get(worker_id)


def all_open() -> tuple[LiveWorker, ...]:
    """Every worker that somebody has open in this process."""
    return tuple(_open.values())


@asynccontextmanager
async def enter(worker_id: int, watcher: Watcher) -> AsyncIterator[LiveWorker]:
    """The live worker with this watcher in it, for as long as the block lasts."""
    lock = _entering.setdefault(worker_id, asyncio.Lock())
    async with lock:
        opened = _open.get(worker_id)
        if opened is None:
            opened = await _take_up(worker_id)
    opened.watchers.add(watcher)
    try:
        yield opened
    finally:
        opened.watchers.discard(watcher)
        if not opened.watchers:
            async with lock:
                if not opened.watchers and _open.get(worker_id) is opened:
                    del _open[worker_id]
                    await _stacks.pop(worker_id).aclose()


_stacks: dict[int, AsyncExitStack] = {}


async def _take_up(worker_id: int) -> LiveWorker:
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(rooms.enter(worker_id))
        opened = LiveWorker(worker_id, room)
        opened.begin(stack)
        _open[worker_id], _stacks[worker_id] = opened, stack.pop_all()
    return opened

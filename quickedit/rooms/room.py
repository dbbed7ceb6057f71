"""The live room of one workspace: it orders batches, has them written, and tells everybody what became durable.

There is one per workspace and event loop (see ``registry``). ``workspace`` and ``revision`` are what is on disk; what
is on its way there is kept apart and forgotten if the disk refuses. Nothing that is not durable ever leaves this
module: no answer, no broadcast, no snapshot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from quickedit import failpoints
from quickedit.errors import BadInput, QuickEditError, Stale
from quickedit.rooms.contents import Contents
from quickedit.rooms.listeners import Listeners, Snapshots
from quickedit.rooms.reading import read
from quickedit.rooms.submission import Submission, not_durable, not_yours
from quickedit.rooms.tail import Tail
from quickedit.rooms.writer import Flight, Outcome, Writer
from quickedit.wire.messages import AnyOperation, Committed
from quickedit.workspaces import log, store
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.canonical import canonicalise
from quickedit.workspaces.log import Write
from quickedit.workspaces.store import Known, Loaded
from quickedit.workspaces.tree import Workspace

MAX_REACH = 20_000
"""Revisions behind the head that a batch can be based on, as long as the log holds them."""
MAX_WAITING = 1000
"""Batches of one workspace that may wait for the disk before more are refused."""
_MAX_RACES = 200
"""Two seconds or so: how often a batch is brought up to a head that another process moved, before its client must try again."""

_log = logging.getLogger(__name__)


class Room:
    """Made by the registry; all methods belong to one event loop."""

    def __init__(
        self, worker_id: int, loaded: Loaded, writer: Writer, announce: Callable[[int], None] = lambda revision: None
    ) -> None:
        """``announce`` is told the head after every commit of this process."""
        self.worker_id = worker_id
        self.workspace = loaded.workspace
        self.revision = loaded.revision
        self.floor = loaded.floor
        """The oldest revision that a batch can be based on."""
        self._tail = Tail(loaded.revision, loaded.workspace.tree, loaded.tail)
        self._clients = dict(loaded.clients)
        self._contents = Contents(worker_id, loaded.contents)
        self._writer = writer
        self._announce = announce
        self._ahead = loaded.workspace
        """The workspace after all that waits."""
        self._waiting: list[Submission] = []
        """Prepared, in order, on top of each other; the first ``_flying`` of them are with the writer."""
        self._flying = 0
        self._flight: asyncio.Future[None] | None = None
        self._doubt = False
        """The disk may hold more than we know: read it before the next batch."""
        self._reading: asyncio.Task[None] | None = None
        self._snapshots = Snapshots(worker_id, loaded.snapshot, self._set_floor)
        self._listeners = Listeners()

    # --- reading --------------------------------------------------------------------------------------------------

    def last_seq(self, client: str) -> int:
        """The last durable batch of that client, or 0."""
        known = self._clients.get(client)
        return known.seq if known else 0

    def catch_up(self, since: int) -> list[Committed]:
        """What was committed after a revision, in order. Raises Stale where that is further back than memory reaches
        (see ``reach_back``), and BadInput ahead of the head.
        """
        if since > self.revision:
            raise BadInput(f"Revision {since} does not exist; the newest is {self.revision}.", code="base-ahead")
        if since < self._tail.start:
            raise Stale(f"What followed revision {since} is not in memory.")
        return [batch.committed for batch in self._tail.after(since)]

    async def reach_back(self, since: int) -> None:
        """Reads older batches from the log, so that ``catch_up`` reaches back that far. Raises Stale below the
        floor."""
        since = max(0, since)
        if since < self.floor:
            raise Stale(f"The log begins at revision {self.floor}.")
        if since < self._tail.start:
            if since < self.revision - MAX_REACH:
                raise Stale(f"Revision {since} is more than {MAX_REACH} behind.")
            until = self._tail.start
            older = await read(store.history, self.worker_id, since, until)
            self._tail.prepend(older, until)

    def modules(self) -> dict[str, bytes]:
        """The bytes of every file by path."""
        return self._contents.modules(self.workspace)

    def snapshot(self) -> dict[str, Any]:
        """What a client starts from, as JSON-able data."""
        return self.workspace.snapshot(self.revision)

    def subscribe(self, callback: Callable[[Committed], None]) -> Callable[[], None]:
        """Calls back in the event loop for every revision from now on, in order, the author's own included, once it is
        durable. Returns what ends it. A callback must not raise.
        """
        return self._listeners.add(callback)

    # --- writing --------------------------------------------------------------------------------------------------

    async def submit(self, *, client: str, by: int, seq: int, base: int, ops: Sequence[AnyOperation]) -> Committed:
        """Does a batch; returns when it is durable, with its canonical form. A batch that was done before gets its
        first answer. Raises Stale, Conflict, BadInput, TooLarge, NotFound, Forbidden; and Unavailable where it cannot
        be written now: then it may be sent again, under the same seq.
        """
        if self._doubt:
            await self.refresh()
        await self._contents.need(ops)
        arrived = client, by, seq, base, ops
        try:
            answer = await self._accept(*arrived)
        except QuickEditError:
            # A refusal is final for the client, so it must rest on all that is durable: what another process has
            # committed may be the very batch that this one repeats.
            await self.refresh()
            answer = await self._accept(*arrived)
        return await asyncio.shield(answer)

    async def _accept(
        self, client: str, by: int, seq: int, base: int, ops: Sequence[AnyOperation]
    ) -> asyncio.Future[Committed]:
        """What will answer the batch. Raises as ``submit`` does, and has then changed nothing."""
        failpoints.reach("arrived")
        repeated = self._repeated(client, by, seq)
        if repeated is None and base < self._tail.start:
            await self.reach_back(base)
            repeated = self._repeated(client, by, seq)  # a resend may have come while the log was read
        if repeated is not None:
            return repeated
        if len(self._waiting) >= MAX_WAITING:
            raise not_durable("Too many edits wait for the disk.")
        submission = Submission(client, by, seq, base, ops, asyncio.get_running_loop().create_future())
        self._prepare(submission)
        self._launch()
        return submission.answer

    def _repeated(self, client: str, by: int, seq: int) -> asyncio.Future[Committed] | None:
        """What answers a batch that is done or under way. Raises BadInput for a seq that does not follow the last
        one."""
        known = self._clients.get(client)
        last = known.seq if known else 0
        if known is not None and known.by != by:
            raise not_yours()
        for waiting in self._waiting:
            if waiting.client != client:
                continue
            if waiting.by != by:
                raise not_yours()
            if waiting.seq == seq:
                return waiting.answer
            last = waiting.seq
        if seq <= last:
            return asyncio.ensure_future(self._first_answer(client, seq))
        if seq != last + 1:
            raise BadInput(f"Batch {seq} follows batch {last}: {last + 1} is missing.", code="seq-gap")
        return None

    async def _first_answer(self, client: str, seq: int) -> Committed:
        batch = self._tail.find(client, seq)
        if batch is None:
            batch = await read(store.answer, self.worker_id, client, seq) if seq > 0 else None
        if batch is None:
            raise Stale(f"Batch {seq} was done long ago.")
        return batch.committed

    def _prepare(self, submission: Submission) -> None:
        """Brings a batch up to what is ahead and puts it in the queue. Raises, and has then changed nothing."""
        if submission.base > self.revision:
            message = f"The batch is based on revision {submission.base}; the newest is {self.revision}."
            raise BadInput(message, code="base-ahead")
        if submission.base < self._tail.start:
            raise Stale(f"The log begins at revision {self._tail.start}.")
        ahead = [waiting.batch for waiting in self._waiting if waiting.batch is not None]
        since = [*self._tail.after(submission.base), *ahead]
        base = since[0].before if since else self._ahead.tree
        ops, after = canonicalise(submission.ops, self._ahead, base, since)
        revision = self.revision + len(self._waiting) + 1
        author = (submission.client, submission.seq, submission.by)
        batch = Batch(revision, *author, log.now_ms(), ops, self._ahead.tree)
        submission.batch, submission.data = log.make(batch)
        submission.after = self._ahead = after
        self._waiting.append(submission)

    def _launch(self) -> None:
        """Hands all that waits to the writer, unless it has some already or the log is being read."""
        if self._flight is not None or self._reading is not None or not self._waiting:
            return
        failpoints.reach("prepared")
        loop = asyncio.get_running_loop()
        self._flying, self._flight = len(self._waiting), loop.create_future()
        batches = [(waiting.batch, waiting.data) for waiting in self._waiting if waiting.batch is not None]
        self._writer.put(Flight(Write(self.worker_id, self.revision, batches), loop, self._landed))

    def _landed(self, outcome: Outcome) -> None:
        failpoints.reach("committed")
        landed, self._flying = self._waiting[: self._flying], 0
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.set_result(None)
        if outcome is Outcome.DURABLE:
            del self._waiting[: len(landed)]
            for submission in landed:
                assert submission.batch is not None and submission.after is not None
                self._advance(submission.batch, submission.after)
                submission.settle(submission.batch.committed)
            self._announce(self.revision)
            self._launch()
            self._contents.trim(self.workspace, self._ahead)
            self._snapshots.consider(self.revision, self.workspace)
            return
        self._doubt = True
        if outcome is Outcome.FAILED:
            # What the disk holds now is uncertain, so the next batch reads it first. What waited on top falls too.
            self._give_up()
            return
        for submission in landed:
            submission.races += 1
        self._read()

    def _give_up(self) -> None:
        fallen, self._waiting, self._ahead = self._waiting, [], self.workspace
        for submission in fallen:
            submission.settle(not_durable())

    def _advance(self, batch: Batch, after: Workspace) -> None:
        """A batch is durable: it is now what everybody sees."""
        self.workspace, self.revision = after, batch.revision
        self._tail.append(batch)
        self._clients[batch.client] = Known(batch.seq, batch.revision, batch.by)
        failpoints.reach("told")
        self._listeners.tell(batch.committed)

    # --- other processes ------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Takes in what another process has appended. Raises Unavailable where the log cannot be read."""
        await asyncio.shield(self._read())
        if self._doubt:
            raise not_durable("The history of this worker cannot be read now.")

    def _read(self) -> asyncio.Task[None]:
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read_on())
        return self._reading

    async def _read_on(self) -> None:
        """Reads the newer log, shows it, and brings everything that waits up to it."""
        try:
            if self._flight is not None:
                await asyncio.shield(self._flight)
            newer = await read(store.newer, self.worker_id, self.revision, self.workspace)
            if newer:
                await self._contents.follow(newer[-1][1])
        except Exception as error:
            _log.error("worker %s: %s", self.worker_id, error, exc_info=not isinstance(error, QuickEditError))
            self._doubt = True
            self._give_up()
        else:
            self._doubt = False
            for batch, after in newer:
                self._advance(batch, after)
            self._prepare_again()
        finally:
            self._reading = None
        self._launch()

    def _prepare_again(self) -> None:
        waiting, self._waiting, self._ahead = self._waiting, [], self.workspace
        for submission in waiting:
            try:
                self._prepare_anew(submission)
            except QuickEditError as error:
                submission.settle(error)

    def _prepare_anew(self, submission: Submission) -> None:
        known = self._clients.get(submission.client)
        last = known.seq if known else 0
        if submission.seq <= last:
            done = self._tail.find(submission.client, submission.seq)
            submission.settle(done.committed if done else Stale(f"Batch {submission.seq} was done long ago."))
            return
        ahead = [waiting.seq for waiting in self._waiting if waiting.client == submission.client]
        if submission.seq != (ahead[-1] if ahead else last) + 1:
            raise not_durable("An earlier batch of this editor was not written.")
        if submission.races > _MAX_RACES:
            raise not_durable("Too many others are writing to this worker.")
        self._prepare(submission)

    def _set_floor(self, floor: int) -> None:
        self.floor = floor

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way, so that the room may be forgotten."""
        return not (self._waiting or self._reading or self._listeners or self._snapshots.is_busy)

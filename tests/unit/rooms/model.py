"""Schedules for the model test: seeded orders of typing, sending, losing, crashing and racing over real rooms.

The rooms, the log and the database are the real ones. Only the moment of a commit is the schedule's to choose, so that
a seed always gives the same run; and many schedules run side by side, so that their commits share a sync of the disk.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from quickedit.errors import BadInput, QuickEditError, Stale, Unavailable
from quickedit.rooms.room import Room
from quickedit.rooms.writer import Flight, Outcome, Writer
from quickedit.threads import in_database
from quickedit.wire.messages import Committed
from quickedit.workspaces import store
from tests.unit.rooms.model_client import Gap, ModelClient

CLIENTS = 3
STEPS = 45


class HeldWriter(Writer):
    """Holds flights until the schedule lets them go, through the real writer."""

    def __init__(self, real: Writer) -> None:
        super().__init__()
        self._real = real
        self.held: list[Flight] = []

    def put(self, flight: Flight) -> None:
        self.held.append(flight)

    async def release(self, fault: str = "") -> None:
        """Commits the oldest held flight. ``fault``: "lost" reports a failure that is one, "unsure" one that is
        none."""
        flight = self.held.pop(0)
        outcome = Outcome.FAILED
        if fault != "lost":
            ended: asyncio.Future[Outcome] = flight.loop.create_future()
            self._real.put(Flight(flight.write, flight.loop, ended.set_result))
            outcome = await ended
        flight.done(Outcome.FAILED if fault else outcome)


class Server:
    """One web process: a room, and the clients that are connected to it."""

    def __init__(self, worker_id: int, real: Writer, make: Callable[..., Room]) -> None:
        self._worker_id, self._real, self._make = worker_id, real, make
        self.shown: dict[tuple[str, int], Committed] = {}
        """What anybody was told is durable, by client and seq."""

    async def start(self) -> None:
        self.writer = HeldWriter(self._real)
        loaded = await in_database(store.load_room, self._worker_id)
        self.room = self._make(self._worker_id, loaded, self.writer)
        self.room.subscribe(lambda message: self.shown.__setitem__((message.client, message.seq), message))

    async def settle(self, tasks: dict[asyncio.Task[Any], tuple[str, int]]) -> None:
        """Until everything that can go on without a commit has done so."""
        for _ in range(4000):
            waiting = {(waiting.client, waiting.seq) for waiting in self.room._waiting}
            reading = self.room._reading is not None
            if reading and self.room._flight is not None:
                return  # it reads after the commit, which is the schedule's to choose
            if not reading and all(task.done() or name in waiting for task, name in tasks.items()):
                return
            await asyncio.sleep(0.0005)
        raise AssertionError("the room does not come to rest")


class Schedule:
    """One run. ``make_room`` and ``client_type`` are where a test plants its bugs."""

    def __init__(
        self, seed: int, worker_id: int, real: Writer, make_room: Callable[..., Room], client_type: type[ModelClient]
    ) -> None:
        self.rng = random.Random(seed)
        self.worker_id = worker_id
        self._letters = iter(chr(code) for code in range(0x4E00, 0x9FFF))
        self._wide = iter(chr(code) for code in range(0x20000, 0x2A000))
        self.servers = [Server(worker_id, real, make_room) for _ in range(2 if self.rng.random() < 0.3 else 1)]
        self._client_type = client_type
        self.clients: list[ModelClient] = []
        self.home: dict[str, Server] = {}
        self.online: dict[str, Callable[[], None]] = {}
        self.tasks: dict[asyncio.Task[Any], tuple[str, int]] = {}
        self.previews: list[tuple[int, dict[str, bytes]]] = []
        """What a preview was given to run, and the revision that it was told (I7)."""

    def fresh(self) -> str:
        return next(self._wide if self.rng.random() < 0.3 else self._letters)

    async def run(self) -> None:
        for server in self.servers:
            await server.start()
        start = self.servers[0].room
        for number in range(CLIENTS):
            client = self._client_type(f"c{number}", number, self.rng, self.fresh, start.workspace, start.revision)
            self.clients.append(client)
            self.home[client.name] = self.rng.choice(self.servers)
            await self.connect(client)
        for _ in range(STEPS):
            await self.step()
        await self.heal()

    async def step(self) -> None:
        client = self.rng.choice(self.clients)
        actions: list[tuple[int, Callable[[ModelClient], Awaitable[None] | None]]] = [
            (30, lambda one: one.edit()), (8, lambda one: one.change_tree()), (20, self.send), (20, self.receive),
            (16, self.commit), (3, self.repeat), (2, self.lose), (4, self.disconnect), (4, self.connect), (1, self.crash),
            (2, self.fail), (2, self.hint), (3, self.preview),
        ]  # fmt: skip
        action = self.rng.choices([each for _, each in actions], [weight for weight, _ in actions])[0]
        done = action(client)
        if done is not None:
            await done
        await self.settle()

    async def settle(self) -> None:
        for server in self.servers:
            mine = {task: name for task, name in self.tasks.items() if self.home.get(name[0]) is server}
            await server.settle(mine)
        for task, (name, seq) in list(self.tasks.items()):
            if task.done():
                del self.tasks[task]
                self._answered(next(client for client in self.clients if client.name == name), seq, task)

    def _answered(self, client: ModelClient, seq: int, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Stale | Unavailable) or client.name not in self.online:
            return  # it is sent again
        if isinstance(error, QuickEditError) and not isinstance(error, BadInput):
            client.refused(
                seq
            )  # two acted at once, and one of them could not; what was right on its base is never wrong
        elif error is not None:
            raise error

    # --- the network ----------------------------------------------------------------------------------------------

    def send(self, client: ModelClient) -> None:
        batch = client.take() if client.name in self.online else None
        if batch is not None:
            self._submit(client, batch)

    def repeat(self, client: ModelClient) -> None:
        """The batch under way once more, though nothing was lost."""
        batch = client.resend() if client.name in self.online else None
        if batch is not None:
            self._submit(client, batch)

    def _submit(self, client: ModelClient, batch: tuple[int, int, Any]) -> None:
        seq, base, ops = batch
        room = self.home[client.name].room
        task = asyncio.ensure_future(room.submit(client=client.name, by=client.by, seq=seq, base=base, ops=ops))
        self.tasks[task] = client.name, seq

    async def receive(self, client: ModelClient) -> None:
        for _ in range(self.rng.randint(1, 3)):
            if client.inbox:
                try:
                    client.receive()
                except Gap:
                    await self.disconnect(client)
                    await self.connect(client)

    def lose(self, client: ModelClient) -> None:
        """A broadcast that never arrives."""
        if client.inbox:
            del client.inbox[self.rng.randrange(len(client.inbox))]

    async def disconnect(self, client: ModelClient) -> None:
        """Nothing of what was on its way to the client arrives, answers neither; what it sent is with the server."""
        unsubscribe = self.online.pop(client.name, None)
        if unsubscribe is not None:
            unsubscribe()
            client.inbox.clear()
            for task in [task for task, (name, _) in self.tasks.items() if name == client.name]:
                task.cancel()
                del self.tasks[task]

    async def connect(self, client: ModelClient) -> None:
        if client.name in self.online:
            return
        self.home[client.name] = self.rng.choice(self.servers)
        room = self.home[client.name].room
        if client.revision > room.revision:
            await self._refresh(room)
        if client.revision > room.revision:
            return  # the other process is ahead and cannot be read yet
        await room.reach_back(client.revision)
        client.inbox.extend(room.catch_up(client.revision))
        self.online[client.name] = room.subscribe(client.inbox.append)
        batch = client.resend()
        if batch is not None:
            self._submit(client, batch)

    # --- the server's troubles --------------------------------------------------------------------------------------

    async def commit(self, _client: ModelClient) -> None:
        await self._release("")

    async def fail(self, _client: ModelClient) -> None:
        await self._release(self.rng.choice(["lost", "unsure"]))

    async def _release(self, fault: str) -> None:
        held = [server for server in self.servers if server.writer.held]
        if held:
            await self.rng.choice(held).writer.release(fault)

    async def hint(self, _client: ModelClient) -> None:
        await self._refresh(self.rng.choice(self.servers).room)

    def preview(self, _client: ModelClient) -> None:
        """A run of the draft, as ``editor.live`` and ``drafts`` take it: whatever waits for the disk is not in it."""
        room = self.rng.choice(self.servers).room
        self.previews.append((room.revision, room.modules()))

    async def _refresh(self, room: Room) -> None:
        if room._flight is None:  # else it would wait for the commit, which is the schedule's to choose
            await room.refresh()

    async def crash(self, _client: ModelClient) -> None:
        """kill -9 of one process: what its writer held is gone, all its clients lose their connection."""
        server = self.rng.choice(self.servers)
        for client in self.clients:
            if self.home[client.name] is server:
                await self.disconnect(client)
        await server.start()

    # --- the end --------------------------------------------------------------------------------------------------

    async def heal(self) -> None:
        """The network and the disk are good again: until nothing is pending anywhere."""
        for _ in range(60):
            for server in self.servers:
                while server.writer.held:
                    await server.writer.release()
                    await self.settle()
                await self._refresh(server.room)
            for client in self.clients:
                await self.connect(client)
                if client.sent is not None and not any(name == client.name for name, _ in self.tasks.values()):
                    self.repeat(client)
                await self.settle()
                while client.inbox:
                    await self.receive(client)
                if client.name in self.online and client.revision < self.home[client.name].room.revision:
                    # The last broadcast was lost, so that no gap shows: the head in a pong does (C3).
                    await self.disconnect(client)
                    await self.connect(client)
                self.send(client)
                await self.settle()
            if self._is_quiet():
                return
        raise AssertionError("it does not come to rest")

    def _is_quiet(self) -> bool:
        head = max(server.room.revision for server in self.servers)
        held = any(server.writer.held for server in self.servers)
        busy = any(
            c.sent or c.buffer or c.inbox or c.revision != head or c.name not in self.online for c in self.clients
        )
        behind = any(server.room.revision != head for server in self.servers)
        return not held and not busy and not behind and not self.tasks

"""A workspace on disk, and rooms of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

import tests.with_django  # noqa: F401
from quickedit.rooms.room import Room
from quickedit.rooms.writer import Writer
from quickedit.threads import in_database
from quickedit.wire.messages import AnyOperation, Committed, Edit
from quickedit.workers.models import Worker
from quickedit.workspaces import store
from quickedit.workspaces.models import LogEntry

FILES = {"main.py": "hello", "lib/util.py": "x = 1\n"}


@pytest.fixture
def worker_id(database: None) -> int:
    """A worker whose workspace is at revision 1."""
    worker = Worker.objects.create(name="shop")
    store.create(worker.pk, FILES, by=1)
    return worker.pk


@pytest.fixture
def open_room(worker_id: int) -> Callable[..., Awaitable[Room]]:
    """Opens a room of it, as another process would."""

    async def make(writer: Writer | None = None, kind: type[Room] = Room) -> Room:
        return kind(worker_id, await in_database(store.load_room, worker_id), writer or Writer())

    return make


def file_id(room: Room, path: str = "main.py") -> str:
    return room.workspace.tree.ids[path]


def append(room: Room, text: str, path: str = "main.py") -> Edit:
    """An edit at the end of a file as the room has it now."""
    file = room.workspace.files[file_id(room, path)]
    return Edit(file=file.id, changes=[*([file.units] if file.units else []), [0, text]])


async def submit(
    room: Room, seq: int, ops: Sequence[AnyOperation], *, client: str = "c1", base: int | None = None, by: int = 1
) -> Committed:
    based = room.revision if base is None else base
    async with asyncio.timeout(20):
        return await room.submit(client=client, by=by, seq=seq, base=based, ops=ops)


async def on_disk(worker_id: int) -> Any:
    """The workspace and the revision as another process reads them."""
    return await in_database(store.load, worker_id)


async def rows(worker_id: int) -> list[LogEntry]:
    return await in_database(lambda: list(LogEntry.objects.filter(worker_id=worker_id).order_by("revision")))

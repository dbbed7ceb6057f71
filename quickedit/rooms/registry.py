"""Which rooms are open: one per workspace and event loop, opened by the first who enters, closed some time after the
last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from quickedit.errors import QuickEditError
from quickedit.rooms.hints import hints
from quickedit.rooms.reading import read
from quickedit.rooms.room import Room
from quickedit.rooms.writer import Writer
from quickedit.workspaces import store

HEAD = "head"
"""The kind of hint that says how far a workspace is."""
PULSE = 5.0
"""Seconds between two looks at how far the open workspaces are: what another process committed is seen by then at latest."""
IDLE = 60.0
"""Seconds that a room stays open after the last one left: a reload of the page finds it warm."""


_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    opening: asyncio.Task[Room]
    people: int = 0
    closing: asyncio.TimerHandle | None = None
    deaf: Callable[[], None] | None = None
    """Ends listening to hints."""


class Registry:
    """The rooms of one event loop."""

    def __init__(self, writer: Writer, idle: float = IDLE) -> None:
        self._writer = writer
        self._idle = idle
        self._places: dict[int, _Place] = {}
        self._pulse: asyncio.Task[None] | None = None
        self._refreshing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._places)

    @asynccontextmanager
    async def enter(self, worker_id: int) -> AsyncIterator[Room]:
        """The room of a worker's workspace. Raises NotFound, and Unavailable where it cannot be read."""
        place = self._places.get(worker_id)
        if place is None:
            place = self._places[worker_id] = _Place(asyncio.ensure_future(self._open(worker_id)))
            place.deaf = hints().listen(worker_id, partial(self._hint, worker_id))
            if self._pulse is None:
                self._pulse = asyncio.ensure_future(self._look())
        if place.closing is not None:
            place.closing.cancel()
            place.closing = None
        place.people += 1
        try:
            yield await asyncio.shield(place.opening)
        finally:
            place.people -= 1
            if place.people == 0:
                self._left(worker_id, place)

    async def _open(self, worker_id: int) -> Room:
        loaded = await read(store.load_room, worker_id)
        return Room(worker_id, loaded, self._writer, lambda revision: hints().tell(worker_id, HEAD, revision=revision))

    def _hint(self, worker_id: int, kind: str, data: dict[str, Any]) -> None:
        if kind == HEAD and isinstance(revision := data.get("revision"), int):
            self._moved(worker_id, revision)

    def _moved(self, worker_id: int, revision: int) -> None:
        """Another process has committed, perhaps: the room reads on."""
        place = self._places.get(worker_id)
        if place is None or not place.opening.done() or place.opening.cancelled() or place.opening.exception():
            return
        room = place.opening.result()
        if revision > room.revision:
            task = asyncio.ensure_future(_refresh(room, revision))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)

    async def _look(self) -> None:
        """Until no room is open: compares their heads with the database's."""
        while self._places:
            await asyncio.sleep(PULSE)
            try:
                found = await read(store.heads, tuple(self._places))
            except QuickEditError:
                continue
            for worker_id, edited in found.items():
                self._moved(worker_id, edited.revision)
        self._pulse = None

    def _left(self, worker_id: int, place: _Place) -> None:
        if place.opening.done() and (place.opening.cancelled() or place.opening.exception() is not None):
            self._forget(worker_id, place)
        else:
            loop = asyncio.get_running_loop()
            place.closing = loop.call_later(self._idle, self._close, worker_id, place)

    def _close(self, worker_id: int, place: _Place) -> None:
        """Forgets the room, unless somebody is in it or something is still on its way to the disk."""
        place.closing = None
        if place.people == 0:
            if place.opening.done() and (place.opening.exception() is not None or place.opening.result().is_quiet):
                self._forget(worker_id, place)
            else:
                self._left(worker_id, place)

    def _forget(self, worker_id: int, place: _Place) -> None:
        if self._places.get(worker_id) is place:
            del self._places[worker_id]
            if place.deaf is not None:
                place.deaf()


async def _refresh(room: Room, revision: int) -> None:
    """Twice at most: a reading that was under way may have begun before that revision was there."""
    try:
        for _ in range(2):
            if room.revision < revision:
                await room.refresh()
    except QuickEditError as error:
        _log.warning("worker %s: %s", room.worker_id, error)


_writer = Writer()
_registries: WeakKeyDictionary[asyncio.AbstractEventLoop, Registry] = WeakKeyDictionary()


def registry() -> Registry:
    """The registry of the running event loop."""
    return _registries.setdefault(asyncio.get_running_loop(), Registry(_writer))

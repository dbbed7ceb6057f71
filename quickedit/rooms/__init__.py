"""Live rooms: ``async with rooms.enter(worker_id) as room``. The bridge, the API and the runner's callbacks use
them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from quickedit.rooms.registry import registry
from quickedit.rooms.room import Room

__all__ = ["Room", "enter"]


def enter(worker_id: int) -> AbstractAsyncContextManager[Room]:
    """The room of a worker's workspace, shared by all who are in it. Raises NotFound where there is none."""
    return registry().enter(worker_id)

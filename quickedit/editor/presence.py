"""Who has a worker open and where their cursors are (rules N1–N3): kept in memory only, told to the others, never waited for.

One per live worker. Moves are gathered for a moment and only the newest of each editor goes out. Other web processes hear the
same through hints, say again now and then who is with them, and whoever is not heard of for a while counts as gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from quickedit.rooms.hints import Hints
from quickedit.wire import codec
from quickedit.wire import messages as wire

GATHER = 0.04
"""Seconds in which moves are gathered: what a cursor does in between nobody can see."""
ANNOUNCE = 20.0
"""Seconds between two announcements to other processes."""
EXPIRES = 60.0
"""Seconds after which an editor in another process that was not heard of counts as gone."""
MAX_TOLD = 200
"""Editors that a welcome lists; a frame has a limit."""
_HERE, _GONE, _WHO = "presence", "presence.left", "presence.who"

_decoder = msgspec.json.Decoder(wire.PresenceToClient)

Broadcast = Callable[[str, str, bool], None]


@dataclass(slots=True)
class _Elsewhere:
    shown: wire.PresenceToClient
    heard: float = field(default_factory=lambda: asyncio.get_running_loop().time())


class Presence:
    """``broadcast(frame, client, courtesy)`` sends a frame to every watcher but that client."""

    def __init__(self, worker_id: int, hints: Hints, broadcast: Broadcast) -> None:
        self._worker_id = worker_id
        self._hints = hints
        self._broadcast = broadcast
        self._here: dict[str, wire.PresenceToClient] = {}
        self._owner: dict[str, object] = {}
        self._elsewhere: dict[str, _Elsewhere] = {}
        self._moved: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deaf = hints.listen(worker_id, self._heed)
        self._announcer = self._loop.create_task(self._announce())
        hints.tell(worker_id, _WHO)

    def others(self, client: str) -> list[wire.PresenceToClient]:
        """All but that client."""
        shown = {**{name: other.shown for name, other in self._elsewhere.items()}, **self._here}
        shown.pop(client, None)
        return list(shown.values())[:MAX_TOLD]

    def enter(self, session: object, shown: wire.PresenceToClient) -> None:
        """An editor came, or its role changed. A client that comes back before its old socket ended is the same one."""
        self._owner[shown.client] = session
        self._elsewhere.pop(shown.client, None)
        self._here[shown.client] = shown
        self._gather(shown.client)

    def move(self, session: object, client: str, where: wire.PresenceToServer) -> None:
        """Its cursors moved."""
        shown = self._here.get(client)
        if shown is not None and self._owner.get(client) is session:
            changes = {"file": where.file, "revision": where.revision, "ranges": where.ranges}
            self._here[client] = msgspec.structs.replace(shown, **changes)
            self._gather(client)

    def leave(self, session: object, client: str) -> None:
        """It is gone, unless it is back already by another socket."""
        if self._owner.get(client) is session:
            del self._owner[client], self._here[client]
            self._moved.discard(client)
            self._hints.tell(self._worker_id, _GONE, client, client=client)
            self._broadcast(codec.encode(wire.PresenceLeftToClient(client=client)), client, False)

    def close(self) -> None:
        """Nobody is here any more."""
        self._deaf()
        self._announcer.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _gather(self, client: str) -> None:
        self._moved.add(client)
        if self._timer is None:
            self._timer = self._loop.call_later(GATHER, self._flush)

    def _flush(self) -> None:
        self._timer = None
        moved, self._moved = self._moved, set()
        for client in moved & self._here.keys():
            frame = codec.encode(self._here[client])
            self._broadcast(frame, client, True)
            self._hints.tell(self._worker_id, _HERE, client, frame=frame)

    # --- other processes --------------------------------------------------------------------------------------------

    def _heed(self, kind: str, data: dict[str, Any]) -> None:
        if kind == _WHO:
            self._say_all()
        elif kind == _GONE:
            self._gone(str(data.get("client", "")))
        elif kind == _HERE:
            try:
                shown = _decoder.decode(str(data.get("frame", "")))
            except msgspec.DecodeError:
                return
            if shown.client not in self._here:
                self._elsewhere[shown.client] = _Elsewhere(shown)
                self._broadcast(codec.encode(shown), shown.client, True)

    def _gone(self, client: str) -> None:
        if self._elsewhere.pop(client, None) is not None:
            self._broadcast(codec.encode(wire.PresenceLeftToClient(client=client)), client, False)

    def _say_all(self) -> None:
        for client, shown in self._here.items():
            self._hints.tell(self._worker_id, _HERE, client, frame=codec.encode(shown))

    async def _announce(self) -> None:
        while True:
            await asyncio.sleep(ANNOUNCE)
            self._say_all()
            now = self._loop.time()
            for client in [name for name, other in self._elsewhere.items() if now - other.heard > EXPIRES]:
                self._gone(client)

"""A web process for the kill tests: several typists in one room; each line that it prints is a batch that it
acknowledged.

``acker.py WORKER TYPISTS``. ``QUICKEDIT_FAILPOINT`` says where it dies (see ``quickedit.failpoints``).
"""

from __future__ import annotations

import asyncio
import os
import sys

import django

django.setup()

from quickedit import rooms  # noqa: E402
from quickedit.rooms.room import Room  # noqa: E402
from quickedit.wire.messages import Edit  # noqa: E402


async def type_on(room: Room, name: str) -> None:
    file = room.workspace.tree.ids["main.py"]
    seq = room.last_seq(name)
    if seq:
        # The one before may have been acknowledged or not: sent again, it must not be there twice.
        await room.submit(client=name, by=1, seq=seq, base=room.revision, ops=[])
    while True:
        seq += 1
        units = room.workspace.files[file].units
        edit = Edit(file=file, changes=[units, [0, f"<{name}.{seq}>"]])
        answer = await room.submit(client=name, by=1, seq=seq, base=room.revision, ops=[edit])
        os.write(1, f"{name} {seq} {answer.revision}\n".encode())


async def main(worker_id: int, typists: int) -> None:
    async with rooms.enter(worker_id) as room:
        await asyncio.gather(*(type_on(room, f"t{number}") for number in range(typists)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

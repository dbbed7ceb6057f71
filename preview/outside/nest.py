"""The control group that a child is born into.

To move a process into a group the kernel waits until every CPU has taken note, for 15 ms. A child would be idle
meanwhile, and whoever waits for it as well. So the zygote goes ahead: while nobody waits it is moved into a fresh group,
and its next child finds itself there from its first instruction on. `children` owns one nest for all of its zygotes.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from preview.outside.cgroups import Cgroups, Group


class Nest:
    """Use from one event loop; the groups are entered in a thread."""

    def __init__(self, groups: Cgroups) -> None:
        self._groups = groups
        self._thread = ThreadPoolExecutor(1, "cgroups")
        self._moving: asyncio.Future[Group | None] | None = None

    def move(self, zygote: int) -> None:
        """Begins to move a zygote, by its process id, into a fresh group. It stays with its last child until it is there,
        which is before that child can have filled it."""
        self._moving = asyncio.get_running_loop().run_in_executor(self._thread, self._groups.enter, zygote)

    async def group(self) -> Group | None:
        """Where the next child will be born; None where there are no groups."""
        return await asyncio.shield(self._moving) if self._moving is not None else None

    def leave(self, group: Group) -> bool:
        """The child that was born there is dead: whether for want of memory."""
        return self._groups.leave(group)

    def forsake(self) -> None:
        """The zygote is dead."""
        moving, self._moving = self._moving, None
        if moving is not None:
            moving.add_done_callback(self._give_back)

    def _give_back(self, moved: asyncio.Future[Group | None]) -> None:
        if not moved.cancelled() and moved.exception() is None and (group := moved.result()) is not None:
            self._groups.leave(group)

    async def close(self) -> None:
        """Removes the groups. Call it once all processes are dead; it waits for the kernel to have taken note."""
        await asyncio.to_thread(self._thread.shutdown)
        for _ in range(100):
            if self._groups.close():
                break
            await asyncio.sleep(0.01)

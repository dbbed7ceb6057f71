"""Zygotes that have imported packages already, so that a worker with FastAPI wakes in milliseconds and not in half a second.

Importing a large package takes most of a worker's start. `children` tells what each program imported; from then on its
children are forked from a zygote that holds just those packages of the runtime. A zygote runs no worker's code, so
programs of different owners may share one; a worker that imports nothing never sees any of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from preview.outside.unavailable import SandboxUnavailable

log = logging.getLogger(__name__)

PRELOADABLE = frozenset([
    "PIL", "attr", "django", "fastapi", "flask", "httpx", "jinja2", "markdown", "pydantic", "pygments", "requests",
    "starlette", "yaml",
])  # fmt: skip
"""What a zygote may be asked to import: packages of requirements/worker.txt that people import by name."""
MOST = 4
"""Such zygotes at once, of some 30 MB each that their children share. Above it the longest unused one makes room."""
WORTH = 60.0
"""Milliseconds of a load above which it is worth one."""
_RETRY = 60.0  # seconds after one did not start
_MAX_KEYS = 8192

Packages = frozenset[str]


class Pool(Protocol):
    """As Children: what a zygote's children come from."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def load(
        self,
        modules: Mapping[str, bytes],
        meta: dict[str, Any],
        desk: Any = None,
        key: str = "",
        packed: bytes | None = None,
    ) -> Any: ...
    @property
    def in_use(self) -> bool: ...


class Warm:
    """The pools of one runner by what they have imported. ``make`` gives one for a set of packages and a number that no
    other one has at the time."""

    def __init__(self, make: Callable[[Packages, int], Pool]) -> None:
        self._make = make
        self._needs: OrderedDict[str, Packages] = OrderedDict()
        self._pools: OrderedDict[Packages, tuple[Pool, int]] = OrderedDict()
        self._starting: dict[Packages, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._not_before = 0.0
        self._closed = False

    def pool(self, key: str) -> Pool | None:
        """The pool for a program's next child, None where it has none (yet)."""
        needs = self._needs.get(key)
        if needs is None or needs not in self._pools:
            return None
        self._pools.move_to_end(needs)
        return self._pools[needs][0]

    def learned(self, key: str, packages: list[str], ms: float) -> None:
        """A program was loaded: what of PRELOADABLE it has imported (what a child says, so no more than a hint), and how
        long its load took."""
        needs = PRELOADABLE & set(packages)
        if self._closed or not needs or (ms < WORTH and key not in self._needs):
            return
        self._needs[key] = needs
        self._needs.move_to_end(key)
        while len(self._needs) > _MAX_KEYS:
            self._needs.popitem(last=False)
        if needs not in self._pools and needs not in self._starting and time.monotonic() > self._not_before:
            task = asyncio.get_running_loop().create_task(self._start(needs))
            self._starting[needs] = task
            task.add_done_callback(lambda _: self._starting.pop(needs, None))

    async def close(self) -> None:
        self._closed = True
        for task in list(self._starting.values()):
            task.cancel()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool, _ in self._pools.values()))
        self._pools.clear()

    async def _start(self, needs: Packages) -> None:
        async with self._turn:  # one by one: each takes half a second of a processor
            await self._start_now(needs)

    async def _start_now(self, needs: Packages) -> None:
        number = await self._room()
        if number is None:
            return
        pool = self._make(needs, number)
        try:
            await pool.start()
        except SandboxUnavailable as error:
            log.warning("no zygote with %s: %s", ", ".join(sorted(needs)), error)
            self._not_before = time.monotonic() + _RETRY
            return
        except BaseException:
            await pool.close()
            raise
        self._pools[needs] = pool, number

    async def _room(self) -> int | None:
        """A free number; None where all pools are in use."""
        while len(self._pools) >= MOST:
            idle = next((needs for needs, (pool, _) in self._pools.items() if not pool.in_use), None)
            if idle is None:
                return None
            pool, _ = self._pools.pop(idle)
            await pool.close()
        taken = {number for _, number in self._pools.values()}
        return next((number for number in range(1, MOST + 1) if number not in taken), None)

"""Looks at every child some times a second and has it check its limits. Children owns one.

CPU time is read from outside, by the process's clock: about a microsecond a child. Busy children are looked at every
50 ms, idle ones every second, since a thread may spin on after the last response.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

BUSY_EVERY = 0.05
IDLE_EVERY = 1.0


class Watched(Protocol):
    @property
    def busy(self) -> bool: ...
    def check_limits(self, now: float) -> None: ...


class Watch:
    def __init__(self, children: Iterable[Watched]) -> None:
        self._children = children
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        idle_at = 0.0
        while True:
            await asyncio.sleep(BUSY_EVERY)
            now = time.monotonic()
            every = now >= idle_at
            if every:
                idle_at = now + IDLE_EVERY
            for child in list(self._children):
                if every or child.busy:
                    child.check_limits(now)

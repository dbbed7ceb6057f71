"""Runs the ``scheduled`` handlers of deployed workers when their cron triggers are due. Times are UTC, to the minute.

A minute that passed while the runner was down is not made up for, as on Cloudflare. A worker whose last run is still
under way is run all the same: its handler must allow for that there, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

from preview.cron import BadCron, Cron, parse
from preview.outside.bindings.events import Events

log = logging.getLogger(__name__)

MAX_AT_ONCE = 16
"""Runs that start together; the others of the same minute follow as these end."""


class Schedule:
    """The cron triggers of one runner. Use from one event loop."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._crons: dict[str, tuple[Cron, ...]] = {}
        self._turn = asyncio.Semaphore(MAX_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._clock: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._clock = asyncio.get_running_loop().create_task(self._keep_time(), name="cron triggers")

    def close(self) -> None:
        for task in (*self._tasks, *([self._clock] if self._clock is not None else [])):
            task.cancel()

    def update(self, key: str, crons: tuple[str, ...]) -> None:
        """The triggers of a program from now on; () for none."""
        self._crons.pop(key, None)
        parsed = []
        for text in crons:
            try:
                parsed.append(parse(text))
            except BadCron as error:  # the configuration was checked; an older one may hold what it does not any more
                log.warning("A cron trigger of %s is left out: %s", key, error)
        if parsed:
            self._crons[key] = tuple(parsed)

    def due(self, minute: datetime) -> list[tuple[str, str]]:
        """(key, expression) of what is due in a minute."""
        return [(key, cron.text) for key, crons in self._crons.items() for cron in crons if cron.matches(minute)]

    def fire(self, minute: datetime) -> None:
        """Runs what is due in a minute, in the background."""
        for key, cron in self.due(minute):
            task = asyncio.get_running_loop().create_task(self._run(key, cron, int(minute.timestamp() * 1000)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, key: str, cron: str, at: int) -> None:
        async with self._turn:
            outcome = await self._events.scheduled(key, cron, at)
        if outcome.error:
            log.info("A scheduled run of %s failed: %s", key, outcome.error.splitlines()[0][:200])

    async def _keep_time(self) -> None:
        while True:
            now = time.time()
            await asyncio.sleep(60 - now % 60)
            # A clock that was set back, or a sleep that ended early, must not run a minute twice.
            minute = datetime.fromtimestamp(round(now - now % 60 + 60), UTC)
            if datetime.now(UTC) < minute - timedelta(seconds=1):
                continue
            self.fire(minute)

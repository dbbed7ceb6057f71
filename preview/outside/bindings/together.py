"""The bindings of one runner put together: stores, capabilities, consumers, cron triggers, and what outlives a restart.

``serve`` and ``dev`` make one. It hears of every program that is loaded, so that its consumers and triggers run without
anybody visiting it; which deployed programs have some is remembered on disk, and they are loaded again at the start.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path

from preview.bundle import Config
from preview.exchange import PeerAway, Program
from preview.outside.bindings import capability
from preview.outside.bindings.consumers import Consumers
from preview.outside.bindings.events import Events
from preview.outside.bindings.permissions import Permissions
from preview.outside.bindings.schedule import Schedule
from preview.outside.bindings.services import Services
from preview.outside.bindings.stores import Stores
from preview.outside.calls import Calls, Context
from preview.outside.hosts import Source
from preview.outside.logs import LogSink
from preview.outside.programs import Programs

log = logging.getLogger(__name__)

_ASK_AGAIN = 5.0
"""Seconds between two attempts to learn from web what was deployed before the runner started."""


class Bindings:
    """Use from one event loop. ``layered`` is False for the dev server, whose drafts are what is live."""

    def __init__(self, folder: Path, calls: Calls, *, layered: bool = True) -> None:
        self.stores = Stores(folder, layered=layered)
        self.permissions = Permissions()
        self.services = Services(self.permissions)
        self.events: Events
        self._consumers: Consumers | None = None
        self._schedule: Schedule | None = None
        self._remembered = folder / "triggers.json"
        self._labels: dict[str, str] = {}
        self._crons: dict[str, tuple[str, ...]] = {}
        self._recovering: asyncio.Task[None] | None = None
        calls.add("kv", capability.KV(self.stores))
        calls.add("d1", capability.D1(self.stores))
        calls.add("r2", capability.R2(self.stores))
        calls.add("queue", capability.Queues(self.stores, self._sent))
        calls.add("service", self.services)

    def start(self, programs: Programs, sink: LogSink, source: Source | None, *, confined: bool) -> None:
        """Begins to run consumers and triggers. ``source`` says what is deployed; None where nothing is. ``confined`` is
        False where the operator switched the sandbox off: then SQL runs without it, too."""
        self.stores.confined = confined
        self.events = Events(programs, sink)
        self._consumers = Consumers(self.stores, programs, self.events, self.permissions)
        self._schedule = Schedule(self.events)
        self._schedule.start()
        programs.on_loaded = self.loaded
        if source is not None:
            self._labels = self._read()
            self._recovering = asyncio.get_running_loop().create_task(self._recover(programs, source))

    def stop(self) -> None:
        """Begins no more events. Before the programs end."""
        if self._recovering is not None:
            self._recovering.cancel()
        if self._consumers is not None and self._schedule is not None:
            self._consumers.close()
            self._schedule.close()

    async def close(self) -> None:
        """Closes the stores. After the programs ended."""
        self.stop()
        await self.stores.close()

    def loaded(self, program: Program, config: Config) -> None:
        """A program runs from now on under its key."""
        kind = program.key.partition(":")[0]
        if self._consumers is None or self._schedule is None or kind not in ("draft", "live"):
            return
        declared = config.declared
        self._consumers.update(program.key, program.version is None, declared.consumers)
        self._crons[program.key] = declared.crons
        if program.version is not None:  # a preview's scheduled handler runs when a person says so
            self._schedule.update(program.key, declared.crons)
            self._remember(program.key, program.worker if declared.crons or declared.consumers else "")

    def crons(self, key: str) -> tuple[str, ...]:
        """The cron triggers that the configuration of a loaded program names."""
        return self._crons.get(key, ())

    def dropped(self, key: str) -> None:
        """A program is not to run any more."""
        self._crons.pop(key, None)
        if self._consumers is not None and self._schedule is not None:
            self._consumers.update(key, True, ())
            self._schedule.update(key, ())
            self._remember(key, "")

    def _sent(self, context: Context, queue: str) -> None:
        if self._consumers is not None:
            self._consumers.sent(context.program.key, queue)

    # What outlives a restart

    def _remember(self, key: str, label: str) -> None:
        if self._labels.get(key, "") == label:
            return
        if label:
            self._labels[key] = label
        else:
            self._labels.pop(key, None)
        half = self._remembered.with_suffix(".half")
        try:
            half.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            half.write_text(json.dumps(self._labels))
            os.replace(half, self._remembered)
        except OSError as error:
            log.warning("What has triggers could not be remembered: %s", error)

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._remembered.read_text())
        except (OSError, ValueError):
            return {}
        return {str(key): str(label) for key, label in found.items()} if isinstance(found, dict) else {}

    async def _recover(self, programs: Programs, source: Source) -> None:
        """Loads every deployed program that has consumers or triggers."""
        for key, label in list(self._labels.items()):
            while True:
                try:
                    found = await source.resolve(label)
                    break
                except PeerAway:
                    await asyncio.sleep(_ASK_AGAIN)
            if found is None or found[1].key != key:
                self._remember(key, "")
                continue
            programs.offer(found[1])
            try:
                run = await programs.acquire(key)
            except Exception as error:
                log.warning("A worker with triggers could not be loaded: %s", error)
                continue
            if run is not None:
                programs.release(run)

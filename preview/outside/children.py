"""The runner's children: a zygote, a pool of spare sandboxed processes, and one process for each worker version.

``programs`` asks for a child with `Children.load` and puts requests to it. This module is the runtime's one way to
run user code; it fails closed: where no sandbox can be had, nothing runs, unless the operator said "off" in so many
words.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from preview import forking
from preview.bundle import PACKAGES
from preview.outside.calls import Desk
from preview.outside.cgroups import Cgroups
from preview.outside.child import Child
from preview.outside.codes import Codes
from preview.outside.demand import Demand
from preview.outside.limits import MB, Limits
from preview.outside.nest import Nest
from preview.outside.outcomes import DoesNotParse, Exit
from preview.outside.requests import Answer, Failure
from preview.outside.unavailable import SandboxUnavailable
from preview.outside.warm import Warm
from preview.outside.watch import Watch
from preview.outside.zygote import ForkRefused, Zygote, ZygoteGone

__all__ = ["Answer", "Child", "Children", "Exit", "Failure", "Limits", "SandboxUnavailable", "Unparsed"]

Unparsed = DoesNotParse

log = logging.getLogger(__name__)

SANDBOXES = ("auto", "A", "B", "off")
"""``auto`` is A where namespaces are to be had, else B; A and B insist. All but ``off`` fail closed."""
UID_BASE = 0x70000000
"""Host uids of root's children: 65,536 from here on, out of the way of people, services and the usual subuid ranges."""

CLEAR_AFTER = 0.02
"""Seconds after a load at which the child that it superseded is ended, if that is idle."""
FILL_AFTER = 0.05
"""Seconds after a load at which a spare is made in place of the one that it took. This and the other are several milliseconds
of work for the kernel; at once they would delay the first answer of what was loaded."""
_SPARE_WAIT = 10.0  # seconds for a child to confine itself; milliseconds are usual
_RESTART_FIRST, _RESTART_MOST = 0.05, 5.0
_LOAD_TRIES = 3


class Children:
    """``tier`` and ``python`` are known once it is started. Use from one event loop."""

    def __init__(
        self,
        limits: Limits,
        spares: int = 3,
        sandbox: str = "auto",
        python: str = sys.executable,
        packages: Path | None = PACKAGES,
        environments: Path | None = None,
        preload: Iterable[str] = (),
        number: int = 0,
        landlock: int | None = None,
        without: Sequence[str] = (),
    ) -> None:
        """``environments`` is the folder with what single workers asked for, ``preload`` names packages that the zygote imports,
        ``number`` tells such a zygote's uids from others'.

        ``landlock`` and ``without`` are for tests, see forking.Plan; neither can be reached from a setting."""
        if sandbox not in SANDBOXES:
            raise ValueError(f"sandbox must be one of {', '.join(SANDBOXES)}, not {sandbox!r}")
        self.tier: str = ""
        self.python = ""
        self.landlock = 0
        self.weaker_because = ""
        """Why this is not tier A, where it is tier B by necessity."""
        self._limits = limits
        self._demand = Demand(spares)
        self.codes = Codes()
        """Compiled modules, by tenant."""
        self._interpreter = python
        self._packages = packages
        self._environments = environments
        plan = _plan(limits, "A" if sandbox == "auto" else sandbox, packages, environments)
        plan = dataclasses.replace(plan, landlock=landlock, without=list(without), preload=sorted(preload))
        self._plan = dataclasses.replace(plan, uid_base=plan.uid_base and plan.uid_base + number * plan.uid_width)
        self._warm = Warm(self._warmed)
        self._may_be_weaker = sandbox == "auto"
        self._zygote: Zygote | None = None
        self._all: set[Child] = set()
        self._spares: list[Child] = []
        self._filling: asyncio.Task[None] | None = None
        self._fill_timer: asyncio.TimerHandle | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._closed = False
        self._watch = Watch(self._all)
        self._cgroups = Cgroups(0, 0)
        self._nest = Nest(self._cgroups)
        self._births = asyncio.Lock()

    async def start(self) -> None:
        """Returns once a first child is confined: the proof that the sandbox holds. Raises SandboxUnavailable."""
        if platform.system() != "Linux":
            raise SandboxUnavailable("Workers run on Linux only: use a Linux virtual machine.")
        if self._plan.tier == "off":
            log.warning("the sandbox is off: workers can do whatever this user can")
        self._cgroups = Cgroups.find(self._limits.memory_in_all, self._limits.threads)
        self._nest = Nest(self._cgroups)
        try:
            await self._prove()
        except SandboxUnavailable as error:
            if not self._may_be_weaker:
                raise
            await self._fall_back(error)
        self._watch.start()
        self._fill()

    async def _prove(self) -> None:
        await self._start_zygote()
        try:
            self._spares.append(await self._make_spare())
        except (ConnectionError, ForkRefused, ZygoteGone) as error:
            await self._end_all()
            raise SandboxUnavailable(f"A worker's process could not confine itself.\n{error}") from error

    async def _fall_back(self, error: SandboxUnavailable) -> None:
        """Tier B, where this machine has no namespaces for us. Raises SandboxUnavailable where it has no Landlock, either."""
        self._plan = dataclasses.replace(self._plan, tier="B")
        try:
            await self._prove()
        except SandboxUnavailable as second:
            raise SandboxUnavailable(f"{error}\nWithout namespaces (tier B) it is no better:\n{second}") from second
        self.weaker_because = str(error)
        log.warning("the sandbox is tier B, without namespaces. %s", error)

    async def close(self) -> None:
        self._closed = True
        await self._warm.close()
        self._watch.close()
        for task in (self._filling, self._restarting):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._end_all()
        await self._nest.close()

    def describe(self) -> dict[str, Any]:
        """What the sandbox consists of here, for ``quickedit doctor``; ``weaker`` says why it is not tier A."""
        return {
            "landlock": self.landlock,
            "own_uids": self.own_uids,
            "cgroups": list(self._cgroups.controllers),
            "no_cgroups": self._cgroups.lack,
            "weaker": self.weaker_because,
        }

    @property
    def cgroups(self) -> Cgroups:
        """Which control groups hold the children, for the health check and doctor."""
        return self._cgroups

    async def _end_all(self) -> None:
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.kill()
        # Their deaths are told in callbacks; let these run.
        while self._all:
            await asyncio.sleep(0)

    @property
    def zygote_pid(self) -> int | None:
        """For tests and the health check; None while there is none."""
        return self._zygote.pid if self._zygote is not None else None

    async def load(
        self,
        modules: Mapping[str, bytes],
        meta: dict[str, Any],
        desk: Desk | None = None,
        key: str = "",
        packed: bytes | None = None,
    ) -> Child:
        """A child that has imported the worker. ``meta``: main, root, env, changed, and ``locals`` (default True);
        ``desk`` answers what it asks for outside itself; ``key`` names a program whose imports are worth remembering, and
        whose compiled modules are used and kept; ``packed`` are the modules as they travel, where the caller has them so.

        Raises Unparsed where a changed module does not parse, and SandboxUnavailable where the sandbox is away for
        longer than a few seconds. An exception at import time is not raised: see Child.load_failure.
        """
        if (pool := self._warm.pool(key)) is not None:
            with contextlib.suppress(SandboxUnavailable):
                warmed: Child = await pool.load(modules, meta, desk, packed=packed)
                self._warm.learned(key, warmed.packages, warmed.ready_ms)
                return warmed
        for _ in range(_LOAD_TRIES):
            hurry = not self._spares
            child = await self._take()
            try:
                codes = self.codes.known(key, modules) if key else None
                await child.load(modules, meta, desk, codes, packed)
            finally:
                if key:
                    self.codes.put(key, modules, child.codes)
                self._fill_soon(0 if hurry else FILL_AFTER)
            if not child.fell_with_zygote:
                if key:
                    self._warm.learned(key, child.packages, child.ready_ms)
                return child
        raise SandboxUnavailable("The sandbox keeps ending while this worker is loaded.")

    def place(self, environment: str) -> str:
        """Where a child finds an environment of packages."""
        return os.path.join(forking.ENVIRONMENTS if self.tier == "A" else self._plan.environments, environment)

    @property
    def own_uids(self) -> bool:
        """Whether each child is a user of its own."""
        return self._zygote is not None and self._zygote.own_uids

    @property
    def in_use(self) -> bool:
        """Whether any child is more than a spare."""
        return len(self._all) > len(self._spares)

    def _warmed(self, packages: frozenset[str], number: int) -> Children:
        """Children like these whose zygote has imported packages."""
        return Children(
            self._limits,
            spares=1,
            sandbox=self.tier,
            python=self._interpreter,
            packages=self._packages,
            environments=self._environments,
            preload=packages,
            number=number,
        )

    async def _take(self) -> Child:
        while self._spares:
            child = self._spares.pop()
            if not child.is_dead():
                return child
        self._demand.missed(time.monotonic())
        for _ in range(_LOAD_TRIES):
            try:
                async with asyncio.timeout(_RESTART_MOST):
                    await self._up.wait()
                return await self._make_spare(at_once=True)
            except TimeoutError:
                break
            except (ZygoteGone, ConnectionError):
                continue
            except ForkRefused as error:
                raise SandboxUnavailable(f"No process can be made for this worker: {error}") from error
        raise SandboxUnavailable("The sandbox is being restarted. Try again in a moment.")

    async def _make_spare(self, *, at_once: bool = False) -> Child:
        """Raises ZygoteGone, ForkRefused, or ConnectionError where the child did not manage to confine itself."""
        zygote = self._zygote
        if zygote is None:
            raise ZygoteGone
        async with self._births:
            group = await self._nest.group()
            forked = await zygote.fork(at_once=at_once)
            self._nest.move(zygote.host_pid)
        counted = self.tier == "A" or zygote.own_uids or "pids" in self._cgroups.controllers
        child = Child(forked, self._limits, self._gone, count_threads=not counted)
        self._all.add(child)
        if group is not None:
            child.grouped(functools.partial(self._nest.leave, group))
        try:
            await child.connect()
            async with asyncio.timeout(_SPARE_WAIT):
                await child.is_spare
        except TimeoutError:
            child.kill()
            raise ConnectionError("it did not report back in time") from None
        except BaseException:
            child.kill()
            raise
        return child

    def _fill_soon(self, seconds: float) -> None:
        if self._closed or (self._fill_timer is not None and seconds):
            return
        if self._fill_timer is not None:
            self._fill_timer.cancel()
        self._fill_timer = asyncio.get_running_loop().call_later(seconds, self._fill)

    def _fill(self) -> None:
        self._fill_timer = None
        if self._closed or len(self._spares) >= self._demand.wanted or (self._filling and not self._filling.done()):
            return
        self._filling = asyncio.get_running_loop().create_task(self._fill_up())

    def shrink(self, now: float) -> None:
        """Called every few seconds: ends a spare where fewer are needed again."""
        if self._demand.calmed(now) and len(self._spares) > self._demand.wanted:
            self._spares.pop(0).kill()

    @property
    def spares(self) -> int:
        """How many wait at this moment."""
        return len(self._spares)

    async def _fill_up(self) -> None:
        while len(self._spares) < self._demand.wanted:
            try:
                self._spares.append(await self._make_spare())
            except (ZygoteGone, ForkRefused, ConnectionError) as error:
                log.warning("no spare child: %r", error)
                return

    def _gone(self, child: Child) -> None:
        self._all.discard(child)
        if child in self._spares:
            self._spares.remove(child)

    # The zygote

    async def _start_zygote(self) -> None:
        zygote = await Zygote.start(self._plan, self._zygote_gone, self._interpreter)
        self._zygote = zygote
        self._nest.move(zygote.host_pid)
        self.tier, self.python, self.landlock = zygote.tier, zygote.python, zygote.landlock
        self._up.set()

    def _zygote_gone(self, zygote: Zygote) -> None:
        if zygote is not self._zygote or self._closed:
            return
        log.error("the zygote ended, and all workers with it; starting another")
        self._zygote = None
        self._nest.forsake()
        self._up.clear()
        self._spares.clear()
        self._restarting = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        wait = _RESTART_FIRST
        while True:
            try:
                await self._start_zygote()
                break
            except SandboxUnavailable as error:
                log.error("the zygote does not start: %s", error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _RESTART_MOST)
        self._fill()


def _plan(limits: Limits, tier: str, packages: Path | None, environments: Path | None) -> forking.Plan:
    return forking.Plan(
        tier=tier,  # type: ignore[arg-type]
        address_space=limits.address_space,
        tmp_size=limits.tmp_mb * MB,
        files_size=limits.files_mb * MB,
        open_files=limits.open_files,
        threads=limits.threads,
        uid_base=UID_BASE if os.geteuid() == 0 else 0,
        packages=str(packages) if packages is not None and packages.is_dir() else "",
        environments=str(environments) if environments is not None and environments.is_dir() else "",
    )

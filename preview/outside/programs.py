"""The programs of one runner: which child answers under which key, replaced atomically.

``control`` runs and drops programs, ``front`` borrows the current child for each request. A request keeps the child
that it began with; a superseded child dies soon after it holds none. A child that was killed is replaced when the
next request comes. Between looking up the current child and counting the request nothing awaits: that is why no
request is ever refused while a draft is replaced.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from preview.bundle import Config
from preview.exchange import NeedModules, Program, Ready, Refused, Unparsed
from preview.outside.bundles import BadDigest, Bundles
from preview.outside.calls import Calls
from preview.outside.children import CLEAR_AFTER, Child, Children
from preview.outside.environments import Environments
from preview.outside.hosts import Source
from preview.outside.loading import Heard, Loader, Unavailable
from preview.outside.runs import Run, Slot

MAX_RUNNING = 200
"""Children at once; above it the one idle for longest is stopped. 200 idle ones are about 1 GB at most."""
MAX_PROGRAMS = 8192
"""Programs remembered; the least recently used are forgotten and asked for again."""
IDLE_AFTER = 600.0
"""Seconds without a request after which a child is stopped; the next request starts another within milliseconds."""
FAILED_FOR = 1.0
"""Seconds for which a deployed program whose import failed is not tried again."""
GRACE = 2.0
"""Seconds above the wall limit after which a superseded child is killed whatever it holds."""


class Programs:
    """All programs of one runner. Use from one event loop."""

    def __init__(
        self,
        children: Children,
        bundles: Bundles,
        source: Source,
        heard: Heard,
        calls: Calls,
        *,
        wall_s: float,
        environments: Environments | None = None,
    ) -> None:
        self._children = children
        self._bundles = bundles
        self._loader = Loader(children, bundles, source, heard, calls, environments)
        self._wall_s = wall_s
        self.on_loaded: Callable[[Program, Config], None] = lambda program, config: None
        """Hears of each program that answers from now on, with its configuration."""
        self._slots: dict[str, Slot] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._sweeper = asyncio.create_task(self._sweep(), name="idle programs")

    def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for key in list(self._slots):
            self.drop(key)

    # What web asks for

    async def run(self, program: Program, packed: bytes | None) -> Ready | Unparsed | NeedModules:
        """Makes ``program`` the current one of its key. Raises Refused; see RunnerClient.run."""
        began = time.perf_counter()
        if packed is None:
            packed = await self._bundles.get(program.digest)
            if packed is None:
                return NeedModules()
        else:
            try:
                self._bundles.put(program.digest, packed, program.key)
            except BadDigest as error:
                raise Refused("bad-digest", str(error)) from None
        slot = self._slot(program.key)
        if slot.loading is not None:
            slot.loading.cancel()
        slot.wanted = program
        task = self._begin(slot, program, packed, began)
        try:
            # Not cancelled with the asker: web may lose its connection, the draft is to be replaced all the same.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            raise Refused("superseded", "A newer run of the same program overtook this one.") from None
        except Unavailable as error:
            raise Refused("unavailable", str(error)) from None

    def offer(self, program: Program) -> None:
        """What web says a key is, in passing: it is loaded with the next request, unless that is what runs already."""
        slot = self._slot(program.key)
        if slot.loading is None and (slot.run is None or _differs(slot.run.program, program)):
            slot.wanted = program

    def drop(self, key: str) -> None:
        slot = self._slots.pop(key, None)
        if slot is None:
            return
        self._children.codes.drop(key)
        self._bundles.drop(key)
        if slot.loading is not None:
            slot.loading.cancel()
        if slot.run is not None:
            self._supersede(slot.run)

    def revision(self, key: str) -> int:
        """The revision that answers under a key, 0 where none does."""
        slot = self._slots.get(key)
        return slot.run.program.revision if slot is not None and slot.run is not None else 0

    # What a request asks for

    def current(self, key: str) -> Run | None:
        """The run of a key where one can answer at once, with the request counted. Must be released."""
        slot = self._slots.get(key)
        if slot is None or slot.wanted is not None:
            return None
        run = slot.run
        if run is None or not run.answers or (run.failure is not None and self._is_stale(run)):
            return None
        run.in_flight += 1
        return run

    async def acquire(self, key: str) -> Run | None:
        """As ``current``, waiting for a child where needed; None for an unknown key. Raises Unavailable."""
        for _ in range(4):
            if (run := self.current(key)) is not None:
                return run
            slot = self._slots.get(key)
            if slot is None:
                return None
            if slot.loading is None:
                program = slot.wanted or (slot.run.program if slot.run is not None else None)
                if program is None:
                    return None
                await asyncio.wait({self._begin(slot, program, None, time.perf_counter())})
            elif slot.run is None or not slot.run.answers:
                await asyncio.wait({slot.loading})
            # Else a newer run is on its way: the last one answers meanwhile, and stays where the newer one failed.
            if slot.run is not None and slot.run.answers:
                slot.run.in_flight += 1
                return slot.run
        slot = self._slots.get(key)
        raise Unavailable(slot.trouble if slot is not None and slot.trouble else "The program does not stay up.")

    def release(self, run: Run) -> None:
        """Ends a request that current or acquire counted."""
        run.in_flight -= 1
        run.used = time.monotonic()
        if run.superseded and run.in_flight == 0 and run.child is not None and run.program.version is None:
            _clear_away(run.child)

    # Loading

    def _begin(
        self, slot: Slot, program: Program, packed: bytes | None, began: float
    ) -> asyncio.Task[Ready | Unparsed]:
        task = asyncio.create_task(self._load(slot, program, packed, began))
        slot.loading = task

        def ended(task: asyncio.Task[Ready | Unparsed]) -> None:
            if slot.loading is task:
                slot.loading = None
            if not task.cancelled() and (error := task.exception()) is not None:
                slot.trouble = str(error)

        task.add_done_callback(ended)
        return task

    async def _load(self, slot: Slot, program: Program, packed: bytes | None, began: float) -> Ready | Unparsed:
        loaded = await self._loader.load(program, packed, slot.run, self._environments_in_use, began)
        # From here on nothing awaits: a newer run that cancels this one would leave the child to nobody.
        if loaded.run is not None:
            self._swap(slot, loaded.run)
        elif slot.wanted is program:
            slot.wanted = None
        if loaded.environment is not None:
            slot.environment = loaded.environment
        if loaded.config is not None:
            self.on_loaded(program, loaded.config)
        if isinstance(loaded.answer, Refused):
            raise loaded.answer
        return loaded.answer

    def _environments_in_use(self) -> set[str]:
        return {slot.environment for slot in self._slots.values()}

    def _swap(self, slot: Slot, run: Run) -> None:
        old, slot.run = slot.run, run
        slot.wanted = None
        slot.trouble = ""
        if old is not None:
            self._supersede(old)
        if self._slots.get(run.program.key) is not slot:  # dropped while it was loading
            self._supersede(run)

    def _supersede(self, run: Run) -> None:
        run.superseded = True
        if run.child is None or run.child.exited.done():
            return
        # A draft that holds no request goes; what a deployed worker left to wait_until has as long as a request.
        if run.in_flight == 0 and run.program.version is None:
            _clear_away(run.child)
            return
        run.child.replaced()
        asyncio.get_running_loop().call_later(self._wall_s + GRACE, run.child.kill)

    # Housekeeping

    def _slot(self, key: str) -> Slot:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot()
        slot.used = time.monotonic()
        return slot

    def _is_stale(self, run: Run) -> bool:
        # A draft's failure is shown until the draft changes; what is deployed may fail at import for a passing reason.
        return run.program.version is not None and time.monotonic() - run.born > FAILED_FOR

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(5)
            self.sweep(time.monotonic())

    def sweep(self, now: float) -> None:
        """Stops children that were idle for long, and the most idle ones above MAX_RUNNING; forgets programs above
        MAX_PROGRAMS; has the pool of spares follow the demand."""
        self._children.shrink(now)
        alive = [
            run
            for slot in self._slots.values()
            if (run := slot.run) is not None
            and run.child is not None
            and not run.child.exited.done()
            and not run.in_flight
        ]
        alive.sort(key=lambda run: run.used)
        surplus = max(0, len(alive) - MAX_RUNNING)
        for index, run in enumerate(alive):
            if run.child is not None and (index < surplus or now - run.used > IDLE_AFTER):
                run.child.kill()
        if len(self._slots) > MAX_PROGRAMS:
            idle = sorted(
                (slot.used, key) for key, slot in self._slots.items() if slot.run is None or not slot.run.in_flight
            )
            for _, key in idle[: len(self._slots) - MAX_PROGRAMS]:
                self.drop(key)


def _clear_away(child: Child) -> None:
    asyncio.get_running_loop().call_later(CLEAR_AFTER, child.kill)


def _differs(one: Program, other: Program) -> bool:
    return (one.digest, one.variables, one.version, one.packages) != (
        other.digest, other.variables, other.version, other.packages,
    )  # fmt: skip

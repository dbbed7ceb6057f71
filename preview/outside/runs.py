"""One run of a program, and the slot of its key. Kept and changed by `programs` alone; `front` reads a run's child."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from preview.exchange import Program, Ready, Unparsed
from preview.outside.child import Child


@dataclass(slots=True, eq=False)
class Run:
    """One run of a program: a child, or a failure to show in place of one. ``in_flight`` counts the requests that it
    holds."""

    program: Program
    child: Child | None
    failure: dict[str, Any] | None = None
    seen: dict[str, int] | None = None
    """A fingerprint of each module, to tell what the next run changed; None where this run was no good."""
    in_flight: int = 0
    superseded: bool = False
    used: float = field(default_factory=time.monotonic)
    born: float = field(default_factory=time.monotonic)

    @property
    def answers(self) -> bool:
        return self.failure is not None or (self.child is not None and not self.child.exited.done())


@dataclass(slots=True, eq=False)
class Slot:
    """What a key means at the moment."""

    run: Run | None = None
    loading: asyncio.Task[Ready | Unparsed] | None = None
    wanted: Program | None = None
    """What web last said this key is, where no run of it has begun yet."""
    trouble: str = ""
    """Why the last load ended without a run."""
    environment: str = ""
    """The name of the packages that the last run asked for."""
    used: float = field(default_factory=time.monotonic)

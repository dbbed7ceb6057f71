"""What a benchmark hands back: rows of one table. Every module of ``bench/`` uses it, ``bench/run.py`` prints them."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line. ``ok`` is None for a peer's figure and for what has no target; ``target`` reads like "≤ 3"."""

    what: str
    value: float | str
    unit: str = ""
    target: str = ""
    ok: bool | None = None
    note: str = ""


async def collect(measured: AsyncIterator[Row]) -> list[Row]:
    """The rows of a benchmark that measures in an event loop."""
    return [row async for row in measured]


class CannotRun(Exception):
    """This benchmark needs something that is not here; the message says what."""


class Stopwatch:
    """``ms`` is the time between start and end of the block, in milliseconds."""

    ms = 0.0


@contextmanager
def ms() -> Iterator[Stopwatch]:
    watch, began = Stopwatch(), time.perf_counter()
    try:
        yield watch
    finally:
        watch.ms = (time.perf_counter() - began) * 1000


def percentile(samples: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile. Raises ValueError for no samples."""
    if not samples:
        raise ValueError("no samples")
    return sorted(samples)[max(0, math.ceil(len(samples) * percent / 100) - 1)]


def median(samples: Sequence[float]) -> float:
    return percentile(samples, 50)

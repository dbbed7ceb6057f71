"""How many type checkers run at a time in this process, by the memory that they may take together. Beyond it a session is
answered by jedi alone until another one has rested for a while. Used by ``checker``.
"""

from __future__ import annotations

import time
from typing import Protocol

from django.conf import settings

EACH = 45 * 1024 * 1024
"""Bytes that one checker is reckoned to need: what a small worker's takes, its share of the program's own pages included."""
RESTED = 10.0
"""Seconds after its last question in which a checker keeps its place."""


class Running(Protocol):
    def yield_place(self) -> None: ...


_used: dict[Running, float] = {}


def most() -> int:
    """At least one: without any, the setting says so by 0."""
    memory: int = settings.LANGUAGE_MEMORY
    return max(1, memory // EACH) if memory > 0 else 0


def enter(checker: Running) -> bool:
    """Whether this one may start. Ends the one that rested longest, where there is no other place."""
    if len(_used) >= most():
        rested = min(_used, key=_used.__getitem__, default=None)
        if rested is None or time.monotonic() - _used[rested] < RESTED:
            return False
        rested.yield_place()
    _used[checker] = time.monotonic()
    return True


def is_full() -> bool:
    """Whether a checker that asks now has to wait."""
    return len(_used) >= most()


def used(checker: Running) -> None:
    if checker in _used:
        _used[checker] = time.monotonic()


def leave(checker: Running) -> None:
    _used.pop(checker, None)

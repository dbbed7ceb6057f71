"""How many spare children wait: a few as a rule, more for a while after they were too few.

`children` asks it. A spare costs its memory and saves a load some milliseconds; where many programs start at once, as a
class begins or a runner returns, the pool follows.
"""

from __future__ import annotations

MOST = 12
"""Spares at once; about 4 MB each."""
CALM = 20.0
"""Seconds without a load that found no spare, after which the pool shrinks by one."""


class Demand:
    """``least`` is what waits in calm times."""

    def __init__(self, least: int) -> None:
        self._least = least
        self.wanted = least
        self._missed = 0.0

    def missed(self, now: float) -> None:
        """A load found no spare."""
        self._missed = now
        if self._least:  # none at all is a setting, for tests and tiny machines
            self.wanted = min(max(MOST, self._least), self.wanted + max(1, self.wanted // 2))

    def calmed(self, now: float) -> bool:
        """Called now and then; whether there is one spare too many now."""
        if self.wanted <= self._least or now - self._missed < CALM:
            return False
        self._missed = now
        self.wanted -= 1
        return True

"""From where on a child's CPU time counts against its limit: since it was last idle, as concurrent requests share it.

`child` owns one and asks it some times a second. Two kinds of workers are never idle and yet do nothing wrong: one under
steady load, of which no request is old, and one that holds streams. For the first, time is counted from the beginning of its
oldest request on; for the second, some is given back as it passes.
"""

from __future__ import annotations

from collections import deque

STREAM_REFILL = 0.1
"""Of a core: what a worker may use for ever while it holds streams and no other request."""
_MOST_MARKS = 2048


class Budget:
    """``since`` is the CPU clock of the child, in seconds, from which on its use counts."""

    def __init__(self, now: float) -> None:
        self.since = 0.0
        self._looked = now
        self._marks: deque[tuple[int, float]] = deque(maxlen=_MOST_MARKS)

    def idle(self, cpu: float) -> None:
        """The child holds nothing at this moment."""
        self.since = cpu
        self._marks.clear()

    def look(self, now: float, cpu: float, oldest: int | None, newest: int) -> None:
        """``oldest`` is the number of the request that waits for longest, None where only streams are held; ``newest`` is the
        last number that was given. Numbers grow."""
        passed, self._looked = now - self._looked, now
        if oldest is None:
            self.since = min(cpu, self.since + passed * STREAM_REFILL)
            return
        while self._marks and self._marks[0][0] < oldest:
            self.since = max(self.since, self._marks.popleft()[1])
        self._marks.append((newest, cpu))

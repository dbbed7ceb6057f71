"""What requests printed, on its way to web: gathered per request, limited per program, sent in batches.

``front`` opens a RequestLog for each request; ``serve`` gives the batches to ``control``. Everything is bounded: a
worker that prints for ever, or a thousand requests a second, costs a fixed amount of memory and of web's attention.
Records come from untrusted code and stay plain text.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from preview.exchange import Host, LogEvent, LogRecord, Program

EVENTS_PER_SECOND = 100
"""Events of one program; above it events without a word are left out, and above twice that all are."""
MAX_WAITING = 2000
"""Events that wait to be sent; above it the oldest are lost, and counted."""
BATCH_AFTER = 0.02
"""Seconds that the first event of a batch waits for others."""
MAX_BATCH = 200
PARTIAL_AFTER = 0.25
"""Seconds after which what a request printed so far is sent while it still runs."""
LAST_PRINTED = 50
"""Texts that a request keeps to show with its error."""
MAX_TEXT = 16 * 1024
"""Characters of one record, already cut by the child; cut again because the child is not trusted."""
_LEVELS = frozenset(["debug", "info", "warning", "error"])


class LogSink:
    """Collects events and hands them to ``send`` in batches, with the number that was lost."""

    def __init__(self, send: Callable[[list[LogEvent], int], None]) -> None:
        self._send = send
        self._waiting: deque[LogEvent] = deque()
        self._lost = 0
        self._timer: asyncio.TimerHandle | None = None
        self._budget: dict[str, int] = {}
        self._second = 0
        self._count = 0
        # Request ids are unique within a run of the runner; the start keeps two runs apart in one console.
        self._prefix = f"{int(time.time()) & 0xFFFFFF:x}-"

    def next_id(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count:x}"

    def admits(self, program: str, worth: bool) -> bool:
        """Whether another event of a program may be sent in this second; ``worth`` for one that holds text or a
        failure."""
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._budget.clear()
        spent = self._budget.get(program, 0)
        if spent >= EVENTS_PER_SECOND and (not worth or spent >= 2 * EVENTS_PER_SECOND):
            return False
        self._budget[program] = spent + 1
        return True

    def add(self, event: LogEvent) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(event)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_AFTER, self.flush)

    def flush(self) -> None:
        """Sends what waits, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            lost, self._lost = self._lost, 0
            self._send(batch, lost)


def outside_requests(sink: LogSink) -> Callable[[Program, list[dict[str, Any]], int], None]:
    """The callback for what a program prints at import or after its requests: events without a method."""

    def heard(program: Program, records: list[dict[str, Any]], dropped: int) -> None:
        if sink.admits(program.key, True):
            at = int(time.time() * 1000)
            said = [_record(record) for record in records]
            sink.add(LogEvent(program.key, "", sink.next_id(), "", "", 0, 0.0, at, program.revision, said, dropped))

    return heard


class RequestLog:
    """What one request prints. ``heard`` is the callback for the child; ``end`` says how the request went."""

    __slots__ = (
        "_at",
        "_began",
        "_dropped",
        "_host",
        "_method",
        "_ms",
        "_path",
        "_printed",
        "_program",
        "_records",
        "_sink",
        "_status",
        "_timer",
        "id",
    )

    def __init__(self, sink: LogSink, host: Host, program: Program, method: str, path: str) -> None:
        self._sink = sink
        self._host = host
        self._program = program
        self._method = method
        self._path = path
        self._at = int(time.time() * 1000)
        self._began = time.perf_counter()
        self._records: list[LogRecord] = []
        self._printed: deque[str] | None = None
        self._dropped = 0
        self._status = 0
        self._ms = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.id = sink.next_id()

    def heard(self, records: list[dict[str, Any]], dropped: int) -> None:
        """Takes records from the child, during the request or after it."""
        taken = [_record(record) for record in records]
        self._records.extend(taken)
        if self._printed is None:
            self._printed = deque(maxlen=LAST_PRINTED)
        self._printed.extend(record.text for record in taken)
        self._dropped += dropped
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PARTIAL_AFTER, self._emit)

    def printed(self) -> list[str]:
        """What the worker printed last, oldest first: for the error page."""
        return list(self._printed or ())

    def say(self, level: str, text: str, path: str = "", line: int = 0) -> None:
        """Adds a record of the front's own."""
        self._records.append(LogRecord(level, text[:MAX_TEXT], int(time.time() * 1000), path, line))

    def end(self, status: int) -> float:
        """The request is answered. Sends the event; returns the milliseconds that the request took."""
        self._status = status
        self._ms = (time.perf_counter() - self._began) * 1000
        self._emit()
        return self._ms

    def _emit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        program = self._program
        if not self._sink.admits(program.key, bool(self._records) or self._status >= 400):
            self._dropped += len(self._records)
            self._records = []
            return
        records, self._records = self._records, []
        dropped, self._dropped = self._dropped, 0
        self._sink.add(
            LogEvent(
                program.key,
                self._host.host,
                self.id,
                self._method,
                self._path[:2000],
                self._status,
                round(self._ms, 3),
                self._at,
                program.revision,
                records,
                dropped,
            )
        )


def _record(record: dict[str, Any]) -> LogRecord:
    """A child's record, whatever it holds, as one of ours."""
    level, at, line = record.get("level"), record.get("at"), record.get("line")
    return LogRecord(
        level if isinstance(level, str) and level in _LEVELS else "info",
        _clean(record.get("text"), MAX_TEXT),
        at if type(at) is int and 0 <= at < 1 << 53 else int(time.time() * 1000),
        _clean(record.get("path"), 1024),
        line if type(line) is int and 0 <= line < 1 << 31 else 0,
    )


def _clean(text: object, limit: int) -> str:
    # A lone surrogate cannot be encoded, and one in a log must not break the batch of everybody else's.
    return text[:limit].encode("utf-8", "replace").decode() if isinstance(text, str) else ""

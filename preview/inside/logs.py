"""What a worker prints and logs, as LOG frames: bounded for each request, and cheap once the bound is reached.

Runs beside untrusted code. The child installs it before the main module is imported. `current` tells which request is
being answered; what runs outside any request counts as request 0, which has an allowance of its own that refills.
"""

from __future__ import annotations

import contextvars
import functools
import io
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from preview import protocol
from preview.inside import unhandled
from preview.inside.outbox import Outbox

current: contextvars.ContextVar[int] = contextvars.ContextVar("quickedit_request", default=0)

_EVERY = 0.05  # seconds between two frames of one request, unless one is full
_FULL = 8 * 1024  # characters that are sent at once
_PIECE = 2500  # characters of one record; six bytes each at worst, and a frame is at most MAX_LOG_FRAME
_BACKGROUND_REFILL = 0.1  # of the allowance of request 0, a second
_LOOK_BACK = 30  # frames, in search of the user's line


@dataclass
class _Pending:
    """What one request has logged: how much so far, and what is not yet sent."""

    records_left: int
    bytes_left: int
    refilled: float = 0.0
    records: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    dropped: int = 0
    sent: float = 0.0


class Logs:
    """Collects records and sends them. ``later`` schedules a flush on the loop's thread, from any thread."""

    def __init__(self, outbox: Outbox, *, later: Callable[[float, Callable[[], None]], None]):
        self._outbox = outbox
        self._records = self._bytes = 0
        self._later = later
        self._lock = threading.RLock()
        self._pending = {0: _Pending(0, 0)}
        self._timer = False
        self._emitting = False
        self._handler = _Handler(self)
        self._streams = _Stream(self, "info"), _Stream(self, "warning")

    def install(self) -> None:
        """Takes over what `logging` does where the worker has configured nothing."""
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(logging.INFO)
        logging.basicConfig = functools.partial(_basic_config, self._handler, logging.basicConfig)

    def redirect(self) -> None:
        """Takes over sys.stdout and sys.stderr."""
        sys.stdout, sys.stderr = self._streams

    def allow(self, *, records: int, size: int) -> None:
        """Starts anew, with so many records and bytes for each request."""
        self._records = records
        self._bytes = size
        self._pending = {0: _Pending(records, size, time.monotonic())}

    def begin(self, request: int) -> None:
        with self._lock:
            self._pending[request] = _Pending(self._records, self._bytes)

    def finish(self, request: int) -> None:
        """Sends what is left of a request. What it still prints afterwards counts as request 0's."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, _Stream):
                stream.flush()
        with self._lock:
            pending = self._pending.pop(request, None)
            if pending is not None:
                self._send(request, pending)

    def emit(self, level: str, text: str, path: str = "", line: int = 0) -> None:
        """Adds a record, or counts it as dropped. Any thread."""
        with self._lock:
            self._emitting = True
            try:
                self._emit(level, text, path, line)
            finally:
                self._emitting = False

    def _emit(self, level: str, text: str, path: str, line: int) -> None:
        request = current.get()
        pending = self._pending.get(request)
        if pending is None:
            request, pending = 0, self._pending[0]
        if request == 0:
            self._refill(pending)
        for start in range(0, max(len(text), 1), _PIECE):
            piece = text[start : start + _PIECE]
            if pending.records_left <= 0 or pending.bytes_left < len(piece):
                pending.dropped += 1
                break
            pending.records_left -= 1
            pending.bytes_left -= len(piece)
            pending.size += len(piece) + 80
            at = int(time.time() * 1000)
            pending.records.append({"level": level, "text": piece, "at": at, "path": path, "line": line})
            if pending.size > _FULL:
                self._send(request, pending)
        if pending.records and time.monotonic() - pending.sent > _EVERY:
            self._send(request, pending)
        elif not self._timer:
            self._timer = True
            self._later(_EVERY, self.flush)

    def flush(self) -> None:
        with self._lock:
            self._timer = False
            for request, pending in list(self._pending.items()):
                self._send(request, pending)

    def flush_from_signal(self) -> None:
        """As flush, for a signal handler: gives up where the signal came in the middle of emit."""
        if self._lock.acquire(timeout=0.1):
            try:
                if not self._emitting:
                    self.flush()
            finally:
                self._lock.release()

    def _refill(self, pending: _Pending) -> None:
        now = time.monotonic()
        share = (now - pending.refilled) * _BACKGROUND_REFILL
        if share * self._records >= 1:
            pending.records_left = min(self._records, pending.records_left + int(share * self._records))
            pending.bytes_left = min(self._bytes, pending.bytes_left + int(share * self._bytes))
            pending.refilled = now

    def _send(self, request: int, pending: _Pending) -> None:
        if not pending.records and not pending.dropped:
            return
        body: dict[str, Any] = {"records": pending.records}
        if pending.dropped:
            body["dropped"] = pending.dropped
        pending.records, pending.size, pending.dropped, pending.sent = [], 0, 0, time.monotonic()
        self._outbox.send(protocol.encode(protocol.Kind.LOG, request, _fitting(body)))


def _fitting(body: dict[str, Any]) -> bytes:
    """The payload, halved until it fits: only text of nothing but exotic characters is ever cut."""
    payload = protocol.json_payload(body)
    while len(payload) > protocol.MAX_LOG_FRAME:
        records = body["records"]
        if len(records) > 1:
            kept = len(records) // 2
            body = {"records": records[:kept], "dropped": body.get("dropped", 0) + len(records) - kept}
        else:
            records[0]["text"] = records[0]["text"][: len(records[0]["text"]) // 2]
        payload = protocol.json_payload(body)
    return payload


def _user_line() -> tuple[str, int]:
    """Where in the worker's own modules the call came from: (path, line), ("", 0) where from none of them."""
    frame = sys._getframe(2)
    for _ in range(_LOOK_BACK):
        if frame.f_code.co_filename.startswith("/worker/"):
            return frame.f_code.co_filename[8:], frame.f_lineno
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "", 0


class _Stream(io.TextIOBase):
    """sys.stdout or sys.stderr: a record for each write that ends a line, so that one print is one record."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, logs: Logs, level: str) -> None:
        self._logs = logs
        self._level = level
        self._held: list[str] = []
        self._held_size = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not text:
            return 0
        self._held.append(text)
        self._held_size += len(text)
        if text[-1] == "\n" or self._held_size > _FULL:
            self._emit(*_user_line())
        return len(text)

    def flush(self) -> None:
        if self._held:
            self._emit("", 0)

    def _emit(self, path: str, line: int) -> None:
        held, self._held, self._held_size = self._held, [], 0
        text = "".join(held)
        self._logs.emit(self._level, text.removesuffix("\n"), path, line)


def _basic_config(ours: logging.Handler, original: Callable[..., None], **options: Any) -> None:
    """logging.basicConfig as a worker means it: our handler stays, unless the worker asks for one of its own."""
    root = logging.getLogger()
    if root.handlers != [ours] or options.keys() & {"stream", "filename", "handlers", "force"}:
        root.removeHandler(ours)
        original(**options)
        return
    if options.get("format") or options.get("datefmt"):
        style = options.get("style", "%")
        ours.setFormatter(logging.Formatter(options.get("format"), options.get("datefmt"), style))
    if options.get("level") is not None:
        root.setLevel(options["level"])


class _Handler(logging.Handler):
    """Where log records go as long as the worker has set no handler of its own."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logging.DEBUG)
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        place = record.pathname.removeprefix("/worker/"), record.lineno
        if not record.pathname.startswith("/worker/"):
            place = "", 0
        try:
            if record.exc_info and (error := record.exc_info[1]) is not None:
                record.exc_text, path, line = unhandled.describe(error)
                place = place if place[0] else (path, line)
            text = self.format(record)
        except Exception:  # a log call whose arguments do not fit its format, or with a hostile __str__
            self.handleError(record)
            return
        level = "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else ""
        level = level or ("info" if record.levelno >= logging.INFO else "debug")
        self._logs.emit(level, text, *place)

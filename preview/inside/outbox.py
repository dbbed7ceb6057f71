"""The child's one way out: whole frames onto the channel, from any thread, and never two mixed.

Runs beside untrusted code. Sending blocks when the supervisor is slow, which is the back-pressure that keeps both
sides' memory flat. A signal handler that wants to send while the main thread is in the middle of sending is put off
until it is done.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

_HOLD = 0.0003
"""Seconds for which an answer may wait for the next one; a handler that works for longer holds up nobody's but its own."""
_MOST = 64 * 1024


class Outbox:
    """Drops everything until it is connected."""

    def __init__(self) -> None:
        self._write: Callable[[bytes], None] = _drop
        self._lock = threading.Lock()
        self._main = threading.get_ident()
        self._sending = False
        self._put_off: Callable[[], None] | None = None
        self._posted: list[bytes] = []
        self._posted_size = 0
        self._posted_at = 0.0

    def connect(self, write: Callable[[bytes], None]) -> None:
        """``write`` writes all of it, blocking."""
        self._write = write

    def send(self, frame: bytes) -> None:
        """Sends one frame, blocking, behind those that were posted. Raises OSError where the supervisor is gone."""
        if threading.get_ident() != self._main:
            with self._lock:
                self._write(frame)
            return
        self._sending = True
        try:
            with self._lock:
                if self._posted:
                    posted, self._posted, self._posted_size = self._posted, [], 0
                    frame = b"".join([*posted, frame])
                self._write(frame)
        finally:
            self._sending = False
        if self._put_off is not None:
            call, self._put_off = self._put_off, None
            call()

    def post(self, frame: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """As ``send``, on the main thread, for an answer while other requests are being answered: those that are ready at
        the same time go out in one system call, which is a tenth of a small answer's cost."""
        now = time.perf_counter()
        if not self._posted:
            self._posted_at = now
            loop.call_soon(self.flush)
        elif now - self._posted_at > _HOLD or self._posted_size + len(frame) > _MOST:
            self.send(frame)
            return
        self._posted.append(frame)
        self._posted_size += len(frame)

    def flush(self) -> None:
        """Sends what was posted."""
        if self._posted:
            self.send(b"")

    def when_free(self, call: Callable[[], None]) -> None:
        """Runs ``call`` in this signal handler on the main thread: now, or as soon as the frame under way is out."""
        if self._sending:
            self._put_off = call
        else:
            call()


def _drop(frame: bytes) -> None:
    pass

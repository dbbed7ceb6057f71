"""What one worker may use: the numbers, with their reasons. The runner's settings make one; Children passes it on.

Every limit is enforced from outside or by the kernel; the child knows some of them only to explain them better.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

MB = 1 << 20
_INTERPRETER_MB = 64
"""Address space that the interpreter and its libraries take before the worker has allocated anything."""

_BUFFERS_MB = 32
"""Of the kernel's on a worker's behalf: page tables, pipes, its channel."""


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes and counts for one child; a child is one worker version."""

    cpu_s: float = 10.0  # since the child was last idle: concurrent requests share it
    wall_s: float = 30.0  # a request
    load_s: float = 10.0  # importing the main module, wall time
    memory_mb: int = 256
    body_bytes: int = 10 * MB  # of a response: what fits into one frame, as a bundle does
    log_records: int = 1000  # a request
    log_bytes: int = 256 * 1024  # a request
    in_flight: int = 256  # requests at once
    streams: int = 1024  # answers that are being streamed, and WebSockets, at once
    threads: int = 32  # asyncio's own pool needs up to 32 on large machines, and gets fewer here
    open_files: int = 64
    tmp_mb: int = 16  # /tmp
    files_mb: int = 12  # /worker: a bundle of 10 MiB, and folders

    @property
    def address_space(self) -> int:
        return (self.memory_mb + _INTERPRETER_MB) * MB

    @property
    def memory_in_all(self) -> int:
        """Bytes with files and kernel buffers, for a control group: above all that the other limits allow together, so
        that a worker meets a MemoryError, which has a line, and this only where the address space is not what it used."""
        return self.address_space + (self.tmp_mb + self.files_mb + _BUFFERS_MB) * MB

    @property
    def log_allowance(self) -> int:
        """Bytes of LOG frames that an honest child sends for one request at most, with JSON's escapes and names."""
        return 6 * self.log_bytes + 200 * self.log_records

    @functools.cached_property
    def told_to_the_child(self) -> dict[str, Any]:
        names = ("cpu_s", "wall_s", "load_s", "body_bytes", "log_records", "log_bytes")
        return {name: getattr(self, name) for name in names}

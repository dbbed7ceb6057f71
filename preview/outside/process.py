"""What the kernel tells of a child's process from outside: CPU time, memory, threads. Nothing here asks the child.

`child` calls these some times a second for its limits, and benchmarks and tests for their figures. A process that is
gone has used nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


def pid_of(pidfd: int) -> int:
    """The number of a process here, 0 where it is gone."""
    try:
        for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
            if line.startswith("Pid:"):
                return max(0, int(line[4:]))
    except OSError:
        pass
    return 0


def cpu_seconds(pid: int) -> float | None:
    """CPU time of all its threads so far, by its clock (clock_getcpuclockid(3)); a microsecond. None where it is gone."""
    if not pid:
        return None
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None


def threads(pid: int) -> int:
    """How many threads it has."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[17])
    return 0


def pss_kb(pid: int) -> int:
    """Its proportional share of memory in kB. Some hundred microseconds.

    In tier B an ordinary user may not see that of an undumpable process: then it is what it shares with no file.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    with contextlib.suppress(OSError):
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE") // 1024
    return 0

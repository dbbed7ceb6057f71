"""What happens to a child that uses too much: a signal at the limit, which has it name the line where it is, then the kill.

`child` owns one and has it look some times a second. The first signal is one that the child's own code answers, with a report;
where that brings nothing, faulthandler is asked, which sees into C functions that never return; after GRACE the process is ended.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from preview.outside import process
from preview.outside.budget import Budget
from preview.outside.limits import Limits
from preview.outside.requests import Pending, Requests
from preview.outside.zygote import Forked

GRACE = 1.0
"""Seconds from the signal at a limit to the kill."""
_DUMP = 0.8  # of GRACE
_CPU_SIGNAL, _WALL_SIGNAL, _DUMP_SIGNAL = signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2


class Overrun:
    """Of one child and the ``requests`` that it holds. ``count_threads`` where the kernel does not.

    ``take_no_more`` is called at a limit, from which on the child gets no new requests; ``end`` with the kind and the message of
    what becomes of those that it holds.
    """

    def __init__(
        self,
        forked: Forked,
        limits: Limits,
        requests: Requests,
        take_no_more: Callable[[], None],
        end: Callable[[str, str], None],
        *,
        count_threads: bool,
    ) -> None:
        self._forked = forked
        self._pid = forked.host_pid()
        self._limits = limits
        self._requests = requests
        self._count_threads = count_threads
        self._take_no_more = take_no_more
        self._end = end
        self._budget = Budget(time.monotonic())
        self._since: float | None = None  # when it was found to be past a limit of the whole process
        self._dumped = False

    @property
    def stopping(self) -> bool:
        """Whether the process as a whole is past a limit, and not one request alone."""
        return self._since is not None

    def idle(self) -> None:
        """The child holds nothing at this moment."""
        self._budget.idle(self.cpu_seconds())

    def cpu_seconds(self) -> float:
        """CPU time of all threads so far; what it was when last read where the process is gone."""
        used = process.cpu_seconds(self._pid)
        return self._budget.since if used is None else used

    def check(self, now: float) -> None:
        """Signals at a limit, and ends the child where that brought nothing."""
        waiting = self._requests.waiting
        if self._requests:
            self._budget.look(now, self.cpu_seconds(), next(iter(waiting), None), self._requests.newest)
        if self._since is None:
            self._check_process(now)
        else:
            self._press(now, self._since)
        for number, pending in list(waiting.items()):
            if now >= pending.deadline:
                self._check_wall(number, pending, now)

    def _check_process(self, now: float) -> None:
        if self._count_threads and process.threads(self._pid) > self._limits.threads:
            self._since = now
            self._take_no_more()
            self._end("TooManyThreads", f"This worker runs more than {self._limits.threads} threads.")
        elif not self._forked.died.done() and self.cpu_seconds() - self._budget.since > self._limits.cpu_s:
            self._since = now
            self._take_no_more()
            self._forked.signal(_CPU_SIGNAL)

    def _press(self, now: float, since: float) -> None:
        if now - since > GRACE and self._dumped:
            self._end("CPULimitExceeded", f"This worker used more than {self._limits.cpu_s:g} s of CPU time.")
        elif now - since > GRACE * _DUMP and not self._dumped:
            self._dumped = True
            self._forked.signal(_DUMP_SIGNAL)

    def _check_wall(self, number: int, pending: Pending, now: float) -> None:
        if not pending.signalled:
            pending.signalled = now
            # Other requests of this child may finish.
            self._take_no_more()
            self._forked.signal(_WALL_SIGNAL)
        elif now - pending.signalled > GRACE:
            seconds = self._limits.wall_s if number else self._limits.load_s
            self._end("TimeLimitExceeded", f"This took longer than {seconds:g} s.")
        elif now - pending.signalled > GRACE * _DUMP:
            self._forked.signal(_DUMP_SIGNAL)

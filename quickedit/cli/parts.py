"""One long-running part of Quick Edit as a child process of ``quickedit up``: how it is born, what it says, how it ends.

A part is forked from ``up``, which must have a single thread. It gets a session of its own (so that Ctrl-C in the terminal
reaches ``up`` alone, which then ends the parts in order), dies with ``up`` even when that is killed, has nothing open
but three standard streams, and says on standard output when it is ready: one line of JSON with ``"ready": true``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

BEAT = "beat"
"""The line by which a part says that it is alive; see preview.outside.serve."""
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_MAX_LINE = 16 * 1024
"""Bytes of one log line; a longer one is cut into several."""
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGQUIT)
"""Signals that a part meets as a new process does. SIGPIPE is none of them: Python ignores it from its start on, and a part that
is a fork would otherwise end with the first client that leaves while it is written to."""

_libc = ctypes.CDLL(None, use_errno=True)


class Stream:
    """One of the two streams of a part, cut into lines."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = b""
        os.set_blocking(descriptor, False)

    def fileno(self) -> int:
        return self.descriptor

    def lines(self) -> Iterator[str] | None:
        """The complete lines that are there now; None at the end of the stream."""
        try:
            chunk = os.read(self.descriptor, 65536)
        except BlockingIOError:
            return iter(())
        if not chunk:
            return None
        *complete, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _MAX_LINE:
            complete.append(self._rest)
            self._rest = b""
        return (line.decode("utf-8", "replace") for line in complete)

    def rest(self) -> str:
        """What came after the last line end."""
        left, self._rest = self._rest.decode("utf-8", "replace"), b""
        return left

    def close(self) -> None:
        os.close(self.descriptor)


class Part:
    """``run`` is what the child does; it may ``exec``, and whatever it returns or raises ends the child."""

    def __init__(self, name: str, run: Callable[[], object], *, beats: bool = False) -> None:
        """``beats`` says that it prints BEAT every second once it is ready: one that stops doing so is stalled."""
        self.name = name
        self.beats = beats
        self.heard_at = 0.0
        self.ready: dict[str, Any] | None = None
        self.started_at = 0.0
        self.pidfd = -1
        self.streams: tuple[Stream, ...] = ()
        self.pid = 0
        self._run = run

    @property
    def alive(self) -> bool:
        return self.pid != 0

    def start(self) -> None:
        """Forks the child. Raises OSError where the system has no more processes or descriptors."""
        out, err = os.pipe(), os.pipe()
        self.ready, self.started_at = None, time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become(self.name, parent, out[1], err[1], self._run)
        os.close(out[1])
        os.close(err[1])
        self.streams = Stream(out[0]), Stream(err[0])
        self.pidfd = os.pidfd_open(self.pid)

    def signal(self, number: int) -> None:
        """Sends a signal to the child, where there is one; its pidfd makes sure that it is the right one."""
        if self.alive:
            signal.pidfd_send_signal(self.pidfd, number)

    def reap(self) -> str:
        """Collects the ended child and says in words how it ended. Its own children, had it any left, end too."""
        _, status = os.waitpid(self.pid, 0)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        os.close(self.pidfd)
        self.pid, self.pidfd = 0, -1
        if os.WIFSIGNALED(status):
            return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
        return f"ended with status {os.waitstatus_to_exitcode(status)}"

    def heard(self, line: str) -> bool:
        """Takes the line that says that the part is ready; False for any other."""
        if line == BEAT and self.beats:
            self.heard_at = time.monotonic()
            return True
        if self.ready is not None or not line.startswith("{"):
            return False
        try:
            said = json.loads(line)
        except ValueError:
            return False
        if not isinstance(said, dict) or said.get("ready") is not True:
            return False
        self.ready, self.heard_at = said, time.monotonic()
        return True

    def is_silent(self, seconds: float) -> bool:
        """Whether it should have been heard of, and was not for so long."""
        return self.beats and self.alive and self.ready is not None and time.monotonic() - self.heard_at > seconds


def _become(name: str, parent: int, out: int, err: int, run: Callable[[], object]) -> None:
    """In the child, from fork to end; never returns."""
    status = 1
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        _libc.prctl(_PR_SET_NAME, f"quickedit-{name}".encode()[:15], 0, 0, 0)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        run()
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)

"""Limits on time, as the child sees them: the supervisor's signal becomes a report that names the line.

Runs beside untrusted code. Nothing is raised: a worker could catch it. Instead the signal handler reads the
interrupted stack, or that of the waiting task, and reports it; then the supervisor ends the process. A C function
that never returns to the interpreter is dumped by faulthandler (SIGUSR2) and killed.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

CPU_SIGNAL = signal.SIGXCPU
WALL_SIGNAL = signal.SIGUSR1
DUMP_SIGNAL = signal.SIGUSR2

_MAX_CHAIN = 1000


class CPULimitExceeded(BaseException):
    """The worker used up its CPU time. Only ever reported, never raised."""


class TimeLimitExceeded(BaseException):
    """A request took too long. Only ever reported, never raised."""


for _class in (CPULimitExceeded, TimeLimitExceeded):
    _class.__module__ = "builtins"  # the user reads the name alone


def install(on_cpu: Callable[[FrameType | None], None], on_wall: Callable[[FrameType | None], None]) -> None:
    """Both are called on the main thread with the interrupted frame."""
    signal.signal(CPU_SIGNAL, lambda _, frame: on_cpu(frame))
    signal.signal(WALL_SIGNAL, lambda _, frame: on_wall(frame))


def is_user(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith("/worker/")


def running(frame: FrameType | None) -> TracebackType | None:
    """The stack that was interrupted if it is in user code, else that of a thread in user code, else None."""
    if found := _stack(frame):
        return found
    main = threading.main_thread().ident
    for thread, other in sys._current_frames().items():
        if thread != main and (found := _stack(other)):
            return found
    return None


def waiting(awaitable: Any) -> TracebackType | None:
    """The stack of a suspended coroutine, down through what it awaits."""
    frames: list[tuple[FrameType, int]] = []
    for _ in range(_MAX_CHAIN):
        if awaitable is None:
            break
        frame = _first(awaitable, "cr_frame", "gi_frame", "ag_frame")
        if isinstance(frame, FrameType):
            frames.append((frame, frame.f_lineno))
        awaitable = _first(awaitable, "cr_await", "gi_yieldfrom", "ag_await")
    return _traceback(frames)


def _first(value: Any, *names: str) -> Any:
    for name in names:
        try:
            found = getattr(value, name, None)
        except BaseException:  # an awaitable of the worker's own making
            found = None
        if found is not None:
            return found
    return None


def _stack(frame: FrameType | None) -> TracebackType | None:
    frames: list[tuple[FrameType, int]] = []
    while frame is not None and len(frames) < _MAX_CHAIN:
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    frames.reverse()
    return _traceback(frames) if any(is_user(found) for found, _ in frames) else None


def _traceback(frames: list[tuple[FrameType, int]]) -> TracebackType | None:
    """A traceback from the outermost user frame on; what called the worker is ours and of no interest."""
    first = next((index for index, (frame, _) in enumerate(frames) if is_user(frame)), None)
    if first is None:
        return None
    result: TracebackType | None = None
    for frame, line in reversed(frames[first:]):
        result = TracebackType(result, frame, max(frame.f_lasti, 0), line or 1)
    return result

"""Keeps the parts of Quick Edit running: waits until all are ready, starts again the one that dies, ends all together.

One thread, one selector: pipes of the parts, their pidfds, and the signals of ``up`` itself. Used by ``quickedit up`` only.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from quickedit.cli.failure import CommandFailed
from quickedit.cli.parts import Part, Stream

READY_SECONDS = 30.0
"""A part that is not ready by then counts as broken; on an idle machine it takes about one second."""
STOP_SECONDS = 5.0
"""What a part has after SIGTERM to end by itself."""
STEADY_SECONDS = 5.0
"""A part that lived this long and then died is started at once; one that dies faster waits longer each time."""
LONGEST_WAIT = 5.0
STALLED_SECONDS = 6.0
"""A part that beats and has not been heard of for so long is replaced: its loop hangs, or somebody stopped it."""
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class _Watched:
    part: Part
    quick_deaths: int = 0
    start_at: float | None = None
    last_words: list[str] = field(default_factory=list)


class Supervisor:
    """``say`` prints a line of ours, ``log`` a line of a part (part's name, line). Use as a context manager: it takes over the
    signals of the process, and at the end no part is left."""

    def __init__(
        self,
        parts: Sequence[Part],
        say: Callable[[str], None],
        log: Callable[[str, str], None],
        *,
        stalled: float = STALLED_SECONDS,
    ) -> None:
        self.stopping: int | None = None
        self._watched = [_Watched(part) for part in parts]
        self._say, self._log = say, log
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._started = False
        self._stalled = stalled

    def __enter__(self) -> Supervisor:
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        for number in _STOPPING:
            signal.signal(number, self._on_signal)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._stop_all()
        finally:
            signal.set_wakeup_fd(-1)
            self._selector.close()
            self._wake_reader.close()
            self._wake_writer.close()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self.stopping is not None:  # asked twice: at once, then
            for watched in self._watched:
                watched.part.signal(signal.SIGKILL)
        self.stopping = number

    # --- what `up` calls, in this order -----------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Starts one part; what it prints is read from the next ``wait_ready`` on."""
        self._start(next(watched for watched in self._watched if watched.part.name == name))

    def wait_ready(self, on_ready: Callable[[Part], None], seconds: float = READY_SECONDS) -> None:
        """Until every part is ready, or a signal came. Raises CommandFailed where one ends, or the time is up."""
        end = time.monotonic() + seconds
        told: set[str] = set()
        while self.stopping is None:
            for watched in self._watched:
                if watched.part.ready and watched.part.name not in told:
                    told.add(watched.part.name)
                    on_ready(watched.part)
            if len(told) == len(self._watched):
                self._started = True
                return
            if time.monotonic() > end:
                waiting = " and ".join(w.part.name for w in self._watched if not w.part.ready)
                raise CommandFailed(f"Not ready within {seconds:.0f} seconds: {waiting}. Is the machine very busy?")
            self._turn(end - time.monotonic())

    def run(self) -> None:
        """Until a signal says stop."""
        while self.stopping is None:
            now = time.monotonic()
            due = [watched.start_at for watched in self._watched if watched.start_at is not None]
            waits = [max(0.0, min(due) - now)] if due else []
            if any(watched.part.beats for watched in self._watched):
                waits.append(1.0)
            self._turn(min(waits, default=None))
            for watched in self._watched:
                # After the turn: if this process itself was stopped for a while, what was said meanwhile has been read.
                if watched.part.is_silent(self._stalled):
                    self._say(f"{watched.part.name} has not been heard of for {self._stalled:g} s; replacing it")
                    watched.part.signal(signal.SIGKILL)
                    watched.part.heard_at = time.monotonic()
                if watched.start_at is not None and time.monotonic() >= watched.start_at:
                    self._start(watched)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _start(self, watched: _Watched) -> None:
        watched.start_at = None
        watched.last_words.clear()
        watched.part.start()
        self._selector.register(watched.part.pidfd, selectors.EVENT_READ, watched)
        for stream in watched.part.streams:
            self._selector.register(stream, selectors.EVENT_READ, watched)

    def _turn(self, seconds: float | None) -> None:
        """Waits for one round of events and deals with them."""
        for key, _ in self._selector.select(seconds):
            if self._selector.get_map().get(key.fd) is not key:
                continue  # an event before this one was the part's end, and closed its streams
            if key.fileobj is self._wake_reader:
                self._wake_reader.recv(4096)
            elif isinstance(key.fileobj, Stream):
                self._read(key.data, key.fileobj)
            elif key.data.part.pidfd == key.fd:
                self._ended(key.data)

    def _read(self, watched: _Watched, stream: Stream) -> bool:
        lines = stream.lines()
        if lines is None:
            self._hear(watched, [stream.rest()])
            self._selector.unregister(stream)
            return False
        return self._hear(watched, lines)

    def _hear(self, watched: _Watched, lines: object) -> bool:
        heard = False
        for line in lines:  # type: ignore[attr-defined]
            heard = True
            was_ready = watched.part.ready is not None
            if line and not watched.part.heard(line):
                watched.last_words = [*watched.last_words[-19:], line]
                if self._started:
                    self._log(watched.part.name, line)
            elif line and self._started and not was_ready:
                self._say(f"{watched.part.name} is back after {time.monotonic() - watched.part.started_at:.1f} s")
        return heard

    def _ended(self, watched: _Watched) -> None:
        part = watched.part
        self._selector.unregister(part.pidfd)
        how = part.reap()
        for stream in part.streams:
            if stream in self._selector.get_map():
                while self._read(watched, stream):
                    pass
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
            stream.close()
        part.streams = ()
        if self.stopping is not None:
            return
        if not self._started:
            words = "".join(f"\n  {line}" for line in watched.last_words)
            raise CommandFailed(f"{part.name} could not start ({how}).{words}")
        quick = time.monotonic() - part.started_at < STEADY_SECONDS
        watched.quick_deaths = watched.quick_deaths + 1 if quick else 0
        wait = min(LONGEST_WAIT, 0.1 * 2**watched.quick_deaths) if watched.quick_deaths > 1 else 0.0
        watched.start_at = time.monotonic() + wait
        self._say(f"{part.name} was {how}; starting it again" + (f" in {wait:.1f} s" if wait else ""))

    def _stop_all(self) -> None:
        """SIGTERM, then SIGKILL after STOP_SECONDS. Returns when every part has been collected."""
        if self.stopping is None:
            self.stopping = signal.SIGTERM
        for watched in self._watched:
            watched.part.signal(signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while any(watched.part.alive for watched in self._watched):
            if time.monotonic() > end:
                for watched in self._watched:
                    watched.part.signal(signal.SIGKILL)
            self._turn(max(0.05, end - time.monotonic()))


def single_threaded() -> bool:
    """Whether forking is safe: the kernel's own count of this process's threads."""
    return len(os.listdir("/proc/self/task")) == 1

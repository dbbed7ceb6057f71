"""The supervisor's handle on the zygote: starts it, asks it for children, hears of their deaths.

`children` owns one at a time. The zygote is started with a clean environment and only its control socket open, so
that nothing of this process (variables, files, memory) can be found by a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preview import forking
from preview.outside import process
from preview.outside.unavailable import SandboxUnavailable, explain

log = logging.getLogger(__name__)

MAX_LAST_WORDS = 64 * 1024
_START = 20.0  # seconds for namespaces, exec and all imports; a second or two on a slow machine
_SILENCE = 8.0
"""Seconds without a word where a fork is asked for: the zygote is stopped or hangs. A fork takes a millisecond; on a
machine that is overloaded they come slowly, but they come."""
_PACKAGE_ROOT = str(Path(forking.__file__).resolve().parent.parent)
_LAUNCH = f"import sys; sys.path.insert(0, {_PACKAGE_ROOT!r}); from preview.inside import launch; launch.main()"
_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


class ZygoteGone(Exception):
    """The zygote died, or was told to; its children died with it."""


class ForkRefused(Exception):
    """The zygote could not fork: the machine is out of processes or memory."""


@dataclass(eq=False)
class Forked:
    """A new child as the zygote hands it over. ``died`` gets its wait status, or None where the zygote died as well."""

    channel: socket.socket
    last_words: int
    pidfd: int
    _said: bytes = b""
    died: asyncio.Future[int | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def signal(self, number: int) -> None:
        """Nothing happens where the process is gone: a pidfd never reaches another one."""
        if self.pidfd >= 0:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self.pidfd, number)

    def is_dead(self) -> bool:
        if self.pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def host_pid(self) -> int:
        """The process's number here, 0 where it is gone."""
        return process.pid_of(self.pidfd)

    def read_last_words(self) -> bytes:
        """What it wrote of its own end: all of it so far, up to MAX_LAST_WORDS."""
        with contextlib.suppress(OSError):
            while len(self._said) < MAX_LAST_WORDS and (data := os.read(self.last_words, MAX_LAST_WORDS)):
                self._said += data
        return self._said

    def abandon(self) -> None:
        """Ends one that nobody has taken."""
        self.signal(signal.SIGKILL)
        self.channel.close()
        self.close()

    def close(self) -> None:
        """Once it is ended: gives the descriptors back. Their numbers may be another child's at once, so they are forgotten."""
        os.close(self.last_words)
        os.close(self.pidfd)
        self.last_words = self.pidfd = -1


class Zygote:
    """One running zygote. Make it with ``start``; ``on_gone`` is called once, when it ends for whatever reason."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, on_gone: Callable[[Zygote], None]):
        self.python = ""
        self.tier = ""
        self.landlock = 0
        self.own_uids = False
        self._process = process
        self._control = control
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._asked: dict[int, tuple[asyncio.Future[Forked], socket.socket, int]] = {}
        self._alive: dict[int, Forked] = {}
        self._next_tag = 1
        self.host_pid = 0
        """The zygote's own process id as seen from here; ``pid`` is the launcher's, which ends with it."""
        self._gone = False
        self._heard_at = 0.0

    @classmethod
    async def start(cls, plan: forking.Plan, on_gone: Callable[[Zygote], None], python: str = sys.executable) -> Zygote:
        """Raises SandboxUnavailable."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [python, "-I", "-S", "-B", "-c", _LAUNCH, str(theirs.fileno()), plan.dump()]
        try:
            # A session of its own: Ctrl-C in the terminal is the supervisor's to answer.
            process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=_ENVIRONMENT, cwd="/", start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            ours.close()
            raise SandboxUnavailable(f"{python} cannot be started: {error}") from error
        finally:
            theirs.close()
        ours.setblocking(False)
        zygote = cls(process, ours, on_gone)
        zygote._loop.add_reader(ours.fileno(), zygote._readable)
        try:
            ready = await asyncio.wait_for(zygote._ready, _START)
        except TimeoutError:
            zygote.kill()
            raise SandboxUnavailable(f"The sandbox did not start within {_START:g} s.") from None
        except BaseException:
            zygote.kill()
            raise
        zygote.python, zygote.tier = str(ready["python"]), str(ready["tier"])
        zygote.landlock, zygote.own_uids = int(ready["landlock"]), bool(ready["own_uids"])
        return zygote

    @property
    def pid(self) -> int:
        return self._process.pid

    async def fork(self, *, at_once: bool) -> Forked:
        """A new child, about to confine itself; ``at_once`` where somebody waits. Raises ZygoteGone or ForkRefused."""
        if self._gone:
            raise ZygoteGone
        ours, theirs = socket.socketpair()
        read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        future: asyncio.Future[Forked] = self._loop.create_future()
        self._asked[tag] = future, ours, read
        try:
            socket.send_fds(
                self._control,
                [forking.pack(forking.FORK, tag, forking.AT_ONCE if at_once else b"")],
                [theirs.fileno(), write],
            )
        except OSError as error:
            del self._asked[tag]
            ours.close()
            os.close(read)
            raise ZygoteGone from error
        finally:
            theirs.close()
            os.close(write)
        asked = time.monotonic()
        try:
            # Not by wait_for, which swallows a cancellation that comes in the moment of the answer (until Python 3.12).
            while not (await asyncio.wait([future], timeout=_SILENCE / 4))[0]:
                # Not one that has much to do: another's birth or death is a sign of life.
                if time.monotonic() - max(asked, self._heard_at) > _SILENCE:
                    log.error("the zygote has said nothing for %g s; replacing it", _SILENCE)
                    self.kill()
        except asyncio.CancelledError:
            if not future.cancel() and future.exception() is None:
                future.result().abandon()  # born in the same moment
            raise
        return future.result()

    def kill(self) -> None:
        """Ends the zygote and, by the kernel's doing, all of its children."""
        self._process.kill()
        self._end()

    def _readable(self) -> None:
        while not self._gone:
            try:
                packet, fds, _, _ = socket.recv_fds(self._control, forking.MAX_PACKET, 1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                packet, fds = b"", []
            if not packet:
                self._end()
                return
            self._heard_at = time.monotonic()
            try:
                self._handle(*forking.unpack(packet), fds)
            except (struct.error, ValueError, KeyError, IndexError):
                self.kill()

    def _handle(self, letter: bytes, tag: int, rest: bytes, fds: list[int]) -> None:
        if letter == forking.BORN:
            future, channel, last_words = self._asked.pop(tag)
            forked = self._alive[tag] = Forked(channel, last_words, fds[0])
            if future.cancelled():  # the asker did not wait: the child is born all the same
                forked.abandon()
            else:
                future.set_result(forked)
        elif letter == forking.DEAD:
            dead = self._alive.pop(tag)
            if not dead.died.done():
                dead.died.set_result(forking.unpack_status(rest))
        elif letter == forking.REFUSED:
            future, channel, last_words = self._asked.pop(tag)
            channel.close()
            os.close(last_words)
            future.set_exception(ForkRefused(json.loads(rest)["message"]))
        elif letter == forking.READY:
            self.host_pid = process.pid_of(fds[0])
            os.close(fds[0])
            self._ready.set_result(json.loads(rest))
        elif letter == forking.BROKEN and not self._ready.done():
            self._ready.set_exception(explain(json.loads(rest)))

    def _end(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        self._process.kill()
        self._process.wait()  # killed: at once
        if not self._ready.done():
            self._ready.set_exception(
                SandboxUnavailable("The sandbox ended while it was being set up; see the log above.")
            )
        for future, channel, last_words in self._asked.values():
            channel.close()
            os.close(last_words)
            if not future.done():
                future.set_exception(ZygoteGone())
        self._asked.clear()
        for forked in self._alive.values():
            if not forked.died.done():
                forked.died.set_result(None)
        self._alive.clear()
        self._on_gone(self)

"""The zygote: one trusted process that has everything preloaded and forks a child for each worker version.

The launcher execs it as pid 1 of the sandbox's pid namespace; the supervisor talks to it in the words of
preview.forking. It never runs user code and never reads what a child writes. Where its control socket ends, so does
it, and so do its children.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import os
import platform
import posix
import random
import select
import signal
import socket
import struct
import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from preview import forking
from preview.inside import child, confine, entry, heap, loops, stops
from preview.sandbox import capabilities, landlock, namespaces

_PRELOADED = """
    abc argparse array ast asyncio base64 binascii bisect calendar cmath collections.abc colorsys concurrent.futures
    configparser contextlib contextvars copy csv ctypes dataclasses datetime decimal difflib dis email.message
    email.parser enum faulthandler fnmatch fractions functools glob graphlib gzip hashlib heapq hmac html html.parser
    http http.cookies importlib.resources inspect io itertools json keyword linecache locale
    logging math mimetypes numbers operator os.path pathlib pickle pkgutil platform pprint queue random re reprlib
    secrets select selectors shlex shutil signal socket statistics string struct tempfile textwrap threading time
    timeit tokenize traceback types typing unicodedata urllib.parse uuid warnings weakref
    xml.etree.ElementTree zipfile zlib zoneinfo encodings.idna encodings.ascii encodings.latin_1 encodings.utf_8_sig
"""
"""What workers import most, so that they need not. Costs a child no memory of its own, and a fork its page tables."""

_SHIMS = str(Path(__file__).parent / "shims")
"""Modules that workers written for Cloudflare import by top-level names: js, pyodide, asgi."""
_WITH = {
    "PIL": ("PIL.Image", "PIL.ImageDraw", "PIL.ImageFont", "PIL.PngImagePlugin", "PIL.JpegImagePlugin"),
    "django": ("django.core.handlers.wsgi", "django.core.wsgi", "django.http", "django.urls", "django.shortcuts",
               "django.template.backends.django", "django.db.models"),
    "fastapi": ("fastapi", "fastapi.responses", "anyio._backends._asyncio", "workers.asgi"),
    "flask": ("flask", "workers.wsgi"),
}  # fmt: skip
"""What of a package is worth having where more than its own module is used by nearly all."""
_THREAD_STACK = 1 << 20
_ONE_DESCRIPTOR, _TWO_DESCRIPTORS = struct.Struct("i"), struct.Struct("ii")
_ROOM_FOR_TWO = socket.CMSG_SPACE(_TWO_DESCRIPTORS.size)
_ENVIRONMENT = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC"}
"""All that a worker finds in os.environ."""


@dataclass(frozen=True)
class Birth:
    """What a new child starts with: its end of the channel, where its last words go, and a number for its uid."""

    channel: int
    last_words: int
    number: int
    rehearse: bool


def main() -> NoReturn:
    # Where a child has its channel, so that nothing that children inherit takes that descriptor.
    os.dup2(int(sys.argv[1]), confine.CHANNEL)
    control, plan = socket.socket(fileno=confine.CHANNEL), forking.Plan.load(sys.argv[2])
    try:
        walls, unborn = _prepare(plan)
    except OSError as error:
        detail = {"step": "preparing the zygote", "errno": error.errno or 0, "message": str(error)}
        control.send(forking.pack_json(forking.BROKEN, detail))
        os._exit(1)
    known = landlock.abi()
    ready = {
        "python": platform.python_version(),
        "tier": plan.tier,
        "landlock": known if plan.landlock is None else min(known, plan.landlock),
        "own_uids": plan.own_uids,
    }
    nursery = _Nursery(control, plan)
    nursery.say_ready(ready)
    try:
        birth = nursery.serve()
    except BrokenPipeError:  # the supervisor is gone
        os._exit(0)
    random.seed()  # see launch
    loops.renew(unborn.descriptors)
    channel = confine.enter(plan, walls, birth, unborn.descriptors)
    child.run(unborn, channel, private_files=plan.tier == "A", rehearse=birth.rehearse)


def _prepare(plan: forking.Plan) -> tuple[confine.Walls, child.Child]:
    """Imports everything, then freezes the heap so that children share it. Returns what confines them, and what they run.
    Raises OSError."""
    capabilities.die_with_parent()
    capabilities.set_dumpable(False)
    walls = confine.prepare(plan)
    for name in _PRELOADED.split():
        importlib.import_module(name)
    del sys.modules["ssl"]  # see launch, as for the next line
    os.register_at_fork = posix.register_at_fork
    threading.stack_size(_THREAD_STACK)
    # Into the pipe that fd 2 is in a child: what crashed it, or where it is when it has to be killed.
    faulthandler.enable(file=2)
    faulthandler.register(stops.DUMP_SIGNAL, file=2, all_threads=True, chain=False)
    compile("class A:\n    async def f(self) -> None:\n        return f'{self!r}'\n", "warm-up", "exec")
    unborn = child.prepare()
    # User code finds the standard library and `workers`, and nothing else of ours.
    sys.path[:] = [path for path in sys.path if f"{sys.platlibdir}/python" in path or path.endswith(".zip")]
    entry.workers._clients.install()
    sys.path.append(_SHIMS)
    if plan.packages:
        sys.path.append(plan.packages)
    for name in plan.preload:
        for part in _WITH.get(name, (name,)):
            importlib.import_module(part)
    for name in [name for name in sys.modules if name.partition(".")[0] == "preview"]:
        del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = ["worker"]
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    gc.collect()
    gc.freeze()
    heap.fill_holes()
    confine.share(plan)
    return walls, unborn


class _Nursery:
    """Forks on request and reports deaths. In the new child `serve` returns; in the zygote it never does."""

    def __init__(self, control: socket.socket, plan: forking.Plan) -> None:
        self._control = control
        self._plan = plan
        self._self = os.pidfd_open(os.getpid())
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._born: dict[int, tuple[int, int]] = {}
        # The numbers of `_born`: to gather them at each fork would write to every one of them.
        self._taken: set[int] = set()
        self._most_numbers = plan.uid_width - 2
        # Anywhere, so that two runners on one machine do not give their children the same uids, which share process limits.
        self._next_number = int.from_bytes(os.urandom(2)) % self._most_numbers + 1

    def say_ready(self, what: dict[str, object]) -> None:
        socket.send_fds(self._control, [forking.pack_json(forking.READY, what)], [self._self])

    def serve(self) -> Birth:
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake_read:
                    self._bury()
                elif birth := self._serve_one():
                    return birth

    def _bury(self) -> None:
        os.read(self._wake_read, 512)
        while self._born:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid in self._born:
                tag, number = self._born.pop(pid)
                self._taken.remove(number)
                self._control.send(forking.pack_status(tag, status))

    def _serve_one(self) -> Birth | None:
        packet, ancillary, _, _ = self._control.recvmsg(forking.MAX_PACKET, _ROOM_FOR_TWO)
        if not packet:
            os._exit(0)
        _, tag, urgency = forking.unpack(packet)
        channel, last_words = fds = _TWO_DESCRIPTORS.unpack(ancillary[0][2])
        try:
            return self._fork(tag, channel, last_words, urgency != forking.AT_ONCE)
        except OSError as error:
            self._control.send(forking.pack_json(forking.REFUSED, {"message": str(error)}, tag))
        for fd in fds:
            os.close(fd)
        return None

    def _fork(self, tag: int, channel: int, last_words: int, rehearse: bool) -> Birth | None:
        """As little as can be: the pages that the zygote writes to between two forks are copied for every child."""
        number = self._next_number
        while number in self._taken:
            number = number % self._most_numbers + 1
        self._next_number = number % self._most_numbers + 1
        pid = self._fork_into_own_pids()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            return Birth(channel, last_words, number, rehearse)
        self._born[pid] = tag, number
        self._taken.add(number)
        pidfd = os.pidfd_open(pid)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _ONE_DESCRIPTOR.pack(pidfd))]
        self._control.sendmsg([forking.pack(forking.BORN, tag)], rights)
        for fd in (pidfd, channel, last_words):
            os.close(fd)
        return None

    def _fork_into_own_pids(self) -> int:
        """fork(2), the child as pid 1 of a pid namespace of its own; the zygote itself comes back to its own."""
        if self._plan.tier != "A":
            return os.fork()
        namespaces.unshare(namespaces.PID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                namespaces.enter(self._self, namespaces.PID)
        return pid

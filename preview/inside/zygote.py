"""The zygote: one trusted process that has everything preloaded and forks a child for each worker version.

The launcher execs it as pid 1 of the sandbox's pid namespace; the supervisor talks to it in the words of
preview.forking. It never runs user code and never reads what a child writes. Where its control socket ends, so does
it, and so do its children.
"""

from __future__ import annotations

import array
import faulthandler
import gc
import importlib
import os
import platform
import select
import signal
import socket
import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from preview import forking
from preview.inside import child, confine, entry, stops
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
    control, plan = socket.socket(fileno=int(sys.argv[1])), forking.Plan.load(sys.argv[2])
    try:
        walls = _prepare(plan)
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
    gc.enable()
    channel = confine.enter(plan, walls, birth)
    child.run(channel, private_files=plan.tier == "A", rehearse=birth.rehearse)


def _prepare(plan: forking.Plan) -> confine.Walls:
    """Imports everything, then freezes the heap so that children share it. Returns what confines them. Raises OSError."""
    capabilities.die_with_parent()
    capabilities.set_dumpable(False)
    walls = confine.prepare(plan)
    for name in _PRELOADED.split():
        importlib.import_module(name)
    del sys.modules["ssl"]  # see launch
    threading.stack_size(_THREAD_STACK)
    # Into the pipe that fd 2 is in a child: what crashed it, or where it is when it has to be killed.
    faulthandler.enable(file=2)
    faulthandler.register(stops.DUMP_SIGNAL, file=2, all_threads=True, chain=False)
    _warm_up()
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
    gc.disable()
    return walls


def _warm_up() -> None:
    """Runs once what every child runs first, so that caches are filled and pages are touched before the fork."""
    compile("class A:\n    async def f(self) -> None:\n        return f'{self!r}'\n", "warm-up", "exec")
    child.warm_up()


class _Nursery:
    """Forks on request and reports deaths. In the new child `serve` returns; in the zygote it never does."""

    def __init__(self, control: socket.socket, plan: forking.Plan) -> None:
        self._control = control
        self._plan = plan
        self._self = os.pidfd_open(os.getpid())
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._tags: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        # Anywhere, so that two runners on one machine do not give their children the same uids, which share process limits.
        self._next_number = int.from_bytes(os.urandom(2)) % (plan.uid_width - 2) + 1

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
        while self._tags:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            tag = self._tags.pop(pid, None)
            self._numbers.pop(pid, None)
            if tag is not None:
                self._control.send(forking.pack_status(tag, status))

    def _serve_one(self) -> Birth | None:
        packet, ancillary, _, _ = self._control.recvmsg(forking.MAX_PACKET, socket.CMSG_SPACE(2 * 4))
        if not packet:
            os._exit(0)
        _, tag, urgency = forking.unpack(packet)
        fds = array.array("i")
        for _, _, data in ancillary:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        try:
            return self._fork(tag, fds[0], fds[1], urgency != forking.AT_ONCE)
        except OSError as error:
            self._control.send(forking.pack_json(forking.REFUSED, {"message": str(error)}, tag))
        for fd in fds:
            os.close(fd)
        return None

    def _fork(self, tag: int, channel: int, last_words: int, rehearse: bool) -> Birth | None:
        number = self._free_number()
        pid = self._fork_into_own_pids()
        if pid == 0:
            self._control.detach()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return Birth(channel, last_words, number, rehearse)
        self._tags[pid], self._numbers[pid] = tag, number
        pidfd = os.pidfd_open(pid)
        socket.send_fds(self._control, [forking.pack(forking.BORN, tag)], [pidfd])
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

    def _free_number(self) -> int:
        taken = set(self._numbers.values())
        while self._next_number in taken:
            self._advance()
        number = self._next_number
        self._advance()
        return number

    def _advance(self) -> None:
        self._next_number = self._next_number % (self._plan.uid_width - 2) + 1

"""The launcher: a fresh process that leaves the host's namespaces, builds a worker's root, and execs the zygote.

In tier B, where namespaces are not to be had, it only finds out what Landlock has to leave readable.

The supervisor runs ``python -I -S -c … <control fd> <plan>`` with a clean environment. Trusted: it never sees user
code, and nothing of its memory survives the exec. Where a step fails it says which on the control socket, and nothing
runs.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from preview import forking
from preview.inside import layout
from preview.sandbox import capabilities, mounts, namespaces

_EVERYTHING_ELSE = (
    namespaces.MOUNT | namespaces.NET | namespaces.IPC | namespaces.UTS | namespaces.CGROUP | namespaces.PID
)
_ROOT = "/tmp"  # any folder serves as the mount point: it is covered in our own mount namespace only
_ROOT_SIZE = 16 << 20
Result = TypeVar("Result")
# asyncio does without TLS where it finds none: some MB less in every child's page tables, and a worker has no sockets.
# What the standard library registers to be done at every fork serves processes that have threads at that moment, and copies
# 0.7 MB of each child's memory: the zygote has one thread. A child seeds `random` itself.
_BECOME_ZYGOTE = (
    "import os, sys; sys.modules['ssl'] = None; sys.path.insert(0, {path!r}); "
    "os.register_at_fork = lambda **_: None; from preview.inside import zygote; zygote.main()"
)


class StepFailed(Exception):
    """A step of the set-up that the kernel refused; ``step`` names it, ``__cause__`` is the OSError."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


def main() -> NoReturn:
    control, plan = int(sys.argv[1]), forking.Plan.load(sys.argv[2])
    try:
        if plan.tier == "A":
            _into_tier_a(control, plan)
        if plan.tier == "B":
            plan = _into_tier_b(plan)
        _become_zygote(sys.executable, str(Path(__file__).resolve().parents[2]), control, plan, {})
    except StepFailed as failure:
        cause = failure.__cause__
        detail = {"step": failure.step, "errno": getattr(cause, "errno", 0) or 0, "message": str(cause)}
        socket.socket(fileno=os.dup(control)).send(forking.pack_json(forking.BROKEN, detail))
        os._exit(1)


def _into_tier_b(plan: forking.Plan) -> forking.Plan:
    """Without namespaces: the host's tree stays in sight, and Landlock leaves of it what the interpreter needs."""
    _step("marking workers as the first to go when memory runs out", _prefer_as_victim)
    read = _step("reading the interpreter's files", lambda: layout.readable(plan.packages, plan.environments))
    library = os.path.realpath(os.__file__)
    may = os.geteuid() == 0 and "uids" not in plan.without
    own_uids = may and _step("forking", lambda: _readable_by_others(library, plan.uid_base + 1))
    return dataclasses.replace(
        plan, own_uids=own_uids, read=read, use=["/dev/null"], browse=_step("listing the library", layout.listable)
    )


def _readable_by_others(path: str, uid: int) -> bool:
    """Whether a user without any rights could read it: an interpreter below /root serves root alone."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.close(os.open(path, os.O_RDONLY))
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _into_tier_a(control: int, plan: forking.Plan) -> NoReturn:
    privileged = os.geteuid() == 0
    binds = _step("reading the interpreter's files", lambda: layout.shown(plan.packages, plan.environments))
    _step("marking workers as the first to go when memory runs out", _prefer_as_victim)
    if privileged:
        # Root binds the files while it is still root on the host: afterwards it could not even pass through /root.
        enter_users = _step("forking", lambda: namespaces.wide_user_mapper(plan.uid_base, plan.uid_width))
        _step("unshare(mount)", lambda: namespaces.unshare(namespaces.MOUNT))
        _step("building the root file system", lambda: _build_root(binds))
        _step("unshare(user)", enter_users)
        _step("unshare(the other namespaces)", lambda: namespaces.unshare(_EVERYTHING_ELSE))
    else:
        _step("unshare(user)", namespaces.enter_single_user)
        _step("unshare(the other namespaces)", lambda: namespaces.unshare(_EVERYTHING_ELSE))
        _step("building the root file system", lambda: _build_root(binds))
    _step("sethostname", lambda: socket.sethostname("worker"))
    plan = dataclasses.replace(
        plan,
        own_uids=privileged,
        packages=layout.PACKAGES if plan.packages else "",
        read=["/"],  # of which all is ours and nothing is the host's
        use=["/worker", "/tmp", "/dev/null"],
    )
    capabilities.die_with_parent()
    first = os.fork()
    if first:
        # The only child becomes pid 1 of the new pid namespace; when either of us goes, so does everything in it.
        os.close(control)
        os.waitpid(first, 0)
        os._exit(0)
    capabilities.die_with_parent()
    environment = {"LD_LIBRARY_PATH": layout.library_path(binds)}
    _step("exec of the zygote", lambda: _become_zygote(layout.PYTHON, layout.RUNTIME, control, plan, environment))
    os._exit(1)


def _become_zygote(python: str, path: str, control: int, plan: forking.Plan, environment: dict[str, str]) -> NoReturn:
    # One malloc arena: a second one reserves 64 MB of the address space that a worker may use.
    clean = {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    os.set_inheritable(control, True)
    os.execve(
        python, [python, "-I", "-S", "-B", "-c", _BECOME_ZYGOTE.format(path=path), str(control), plan.dump()], clean
    )


def _step(name: str, action: Callable[[], Result]) -> Result:
    try:
        return action()
    except OSError as error:
        raise StepFailed(name) from error


def _prefer_as_victim() -> None:
    Path("/proc/self/oom_score_adj").write_text("500")


def _build_root(binds: list[layout.Shown]) -> None:
    files = layout.runtime_files()
    mounts.make_private()
    # The mount point may hide a source (an interpreter below /tmp), so sources are held open and bound by descriptor.
    held = [(os.open(bind.source, os.O_PATH | os.O_CLOEXEC), bind.target) for bind in binds]
    devices = [
        (os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC), f"/dev/{name}") for name in ("null", "zero", "urandom")
    ]
    mounts.tmpfs(_ROOT, size=_ROOT_SIZE, inodes=4096)
    for fd, target in held:
        mounts.bind(f"/proc/self/fd/{fd}", _ROOT + target, programs=True)
        os.close(fd)
    for fd, target in devices:
        mounts.bind(f"/proc/self/fd/{fd}", _ROOT + target, devices=True, writable=True)
        os.close(fd)
    for folder in layout.covered():
        if os.path.isdir(_ROOT + folder):
            mounts.tmpfs(_ROOT + folder, size=4096, inodes=2)
            mounts.make_read_only(_ROOT + folder)
    for path, content in files.items():
        place = Path(_ROOT + path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for folder in ("/worker", "/tmp"):
        os.mkdir(_ROOT + folder)
    mounts.pivot(_ROOT)
    mounts.make_read_only("/")

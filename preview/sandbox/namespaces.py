"""Namespaces: leaving the host's, and the uid maps of a user namespace. Called by the launcher and the zygote."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from preview.sandbox.syscalls import check, libc

MOUNT = 0x00020000
CGROUP = 0x02000000
UTS = 0x04000000
IPC = 0x08000000
USER = 0x10000000
PID = 0x20000000
NET = 0x40000000

_NAMES = {MOUNT: "mount", CGROUP: "cgroup", UTS: "uts", IPC: "ipc", USER: "user", PID: "pid", NET: "net"}


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError that names the namespaces asked for."""
    names = "+".join(name for flag, name in _NAMES.items() if flags & flag)
    check(libc.unshare(flags), f"unshare({names})")


def enter(fd: int, kind: int) -> None:
    """setns(2) with a namespace fd, or a pidfd since Linux 5.8. Raises OSError."""
    check(libc.setns(fd, kind), f"setns({_NAMES.get(kind, kind)})")


def enter_single_user() -> None:
    """A user namespace in which the caller, an ordinary user, is uid 0 and the only one. Raises OSError."""
    uid, gid = os.getuid(), os.getgid()
    unshare(USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def wide_user_mapper(base: int, width: int) -> Callable[[], None]:
    """For root: a function that enters a user namespace mapping 0…width-1 to the host's base….

    Only a process outside may write such a map, so a helper is forked here, while /proc is still the host's; call the
    result after the mounts are done. Raises OSError.
    """
    ready_read, ready_write = os.pipe()
    done_read, done_write = os.pipe()
    subject = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.close(ready_write)
        os.close(done_read)
        try:
            if os.read(ready_read, 1):
                for kind in ("uid_map", "gid_map"):
                    Path(f"/proc/{subject}/{kind}").write_text(f"0 {base} {width}")
                os.write(done_write, b"k")
        finally:
            os._exit(0)
    os.close(ready_read)
    os.close(done_write)

    def enter_wide() -> None:
        unshare(USER)
        os.write(ready_write, b"g")
        mapped = os.read(done_read, 1)
        os.close(ready_write)
        os.close(done_read)
        os.waitpid(helper, 0)
        if not mapped:
            raise OSError(1, f"writing a uid map of {width} ids from {base} was refused")
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)

    return enter_wide

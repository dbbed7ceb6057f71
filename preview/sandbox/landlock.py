"""Landlock: a process gives up its own access to files, TCP ports, abstract sockets and other processes' signals.

Called by each child once its private folders are mounted. Rights that the running kernel's ABI does not know are left
out, so that one list serves ABI 1 (Linux 5.13) to the newest; the seccomp filter denies what older ABIs would let pass.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable

from preview.sandbox.syscalls import syscall

_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_ALL_OF_ABI_1 = (1 << 13) - 1

_EXECUTE = 1 << 0
_READ = _READ_FILE | _READ_DIR
_MAKE_SYM = 1 << 12
# Neither links nor sockets, pipes or devices can be made, and nothing is executed.
_USE = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
_ONLY_FOLDERS = _READ_DIR | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM | _REFER

_NET_ALL = 3  # bind and connect, TCP
_NET_BIND = 1
_SCOPE_ALL = 3  # abstract Unix sockets, signals
_CREATE_VERSION = 1
_RULE_PATH_BENEATH = 1


def abi() -> int:
    """The kernel's Landlock ABI, 0 where there is none or it is switched off."""
    try:
        return syscall("landlock_create_ruleset", 0, 0, _CREATE_VERSION)
    except OSError:
        return 0


def _known(version: int) -> int:
    rights = _ALL_OF_ABI_1
    rights |= _REFER if version >= 2 else 0
    rights |= _TRUNCATE if version >= 3 else 0
    rights |= _IOCTL_DEV if version >= 5 else 0
    return rights


def restrict(
    *,
    read: Iterable[str],
    use: Iterable[str],
    run: Iterable[str] = (),
    link: Iterable[str] = (),
    connect: bool = False,
    version: int | None = None,
) -> None:
    """From now on this process reads ``read``, makes, changes and removes files in ``use``, in ``link`` symbolic links as well,
    executes what lies below ``run``, opens TCP connections only where ``connect`` says so, and reaches nothing else.

    Irreversible; needs no_new_privileges(). ``version`` lowers the ABI, for tests. Raises OSError.
    """
    rules = ruleset(read=read, use=use, run=run, link=link, connect=connect, version=version)
    try:
        enter(rules)
    finally:
        os.close(rules)


def ruleset(
    *,
    read: Iterable[str],
    use: Iterable[str],
    run: Iterable[str] = (),
    browse: Iterable[str] = (),
    link: Iterable[str] = (),
    connect: bool = False,
    version: int | None = None,
) -> int:
    """A descriptor of these rules, for `enter`; one serves any number of processes. Raises OSError.

    ``browse`` are folders whose names may be listed, all the way down, and nothing more.
    """
    version = abi() if version is None else min(version, abi())
    if version < 1:
        raise OSError(95, "Landlock is not there")
    known = _known(version)
    attributes = struct.pack("Q", known)
    if version >= 4:
        attributes += struct.pack("Q", _NET_BIND if connect else _NET_ALL)
    if version >= 6:
        attributes += struct.pack("Q", _SCOPE_ALL)
    rules = syscall("landlock_create_ruleset", attributes, len(attributes), 0)
    try:
        allowed = (
            (read, _READ), (use, _USE), (run, _READ | _EXECUTE), (browse, _READ_DIR), (link, _USE | _MAKE_SYM),
        )  # fmt: skip
        for paths, rights in allowed:
            for path in paths:
                _allow(rules, path, rights & known)
    except OSError:
        os.close(rules)
        raise
    return rules


def enter(rules: int) -> None:
    """Binds this process to a ruleset. Irreversible; needs no_new_privileges(). Raises OSError."""
    syscall("landlock_restrict_self", rules, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= ~_ONLY_FOLDERS
        syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)

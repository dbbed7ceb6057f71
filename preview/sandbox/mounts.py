"""Mounts: building a small root of bind mounts and making it the only one there is.

Called by the launcher and each child. Never touches the host's mounts: everything happens in a mount namespace of our
own, whose propagation is private.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from preview.sandbox.syscalls import check, libc, syscall

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_NOEXEC = 1, 2, 4, 8


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    def encoded(text: str | None) -> bytes | None:
        return os.fsencode(text) if text is not None else None

    result = libc.mount(encoded(source), encoded(target), encoded(kind), flags, encoded(data))
    check(result, f"mount({source or kind} on {target})")


def make_private() -> None:
    """Nothing mounted from here on reaches the host, nor the other way. Raises OSError."""
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)


def tmpfs(target: str, *, size: int, inodes: int, owner: int = 0) -> None:
    """A memory filesystem of at most ``size`` bytes and ``inodes`` files: no devices, no set-uid, no programs."""
    options = f"size={size},nr_inodes={inodes},mode=755,uid={owner},gid={owner}"
    _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, options)


def bind(source: str, target: str, *, programs: bool = False, devices: bool = False, writable: bool = False) -> None:
    """Shows ``source`` (file or folder, whatever is mounted below it included) at ``target``, which is created.

    Read-only, without devices and without executable mappings unless said otherwise. Raises OSError.
    """
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    _mount(source, target, None, _MS_BIND | _MS_REC)
    attributes = _ATTR_NOSUID
    attributes |= 0 if writable else _ATTR_RDONLY
    attributes |= 0 if devices else _ATTR_NODEV
    attributes |= 0 if programs else _ATTR_NOEXEC
    _set_attributes(target, attributes, recursive=True)


def make_read_only(target: str) -> None:
    _set_attributes(target, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, recursive=False)


def _set_attributes(target: str, attributes: int, *, recursive: bool) -> None:
    """mount_setattr(2) (Linux 5.12) only adds, so it never trips over the flags that a user namespace locks."""
    flags = _AT_RECURSIVE if recursive else 0
    value = struct.pack("QQQQ", attributes, 0, 0, 0)
    syscall("mount_setattr", _AT_FDCWD, os.fsencode(target), flags, value, len(value))


def pivot(root: str) -> None:
    """Makes ``root``, a mount point, the whole tree and lets go of the old one. Raises OSError."""
    os.chdir(root)
    syscall("pivot_root", b".", b".")
    check(libc.umount2(b".", _MNT_DETACH), "umount2(the old root)")
    os.chdir("/")

"""The system calls that a sandboxed worker may make: an allowlist, installed by each child as its very last step.

Three verdicts. Allowed: what CPython, its threads and its event loop need. Refused with an error: what a harmless
program may try (sockets, fork, chmod), so that it gets an exception with a line. Killed: what only an attack tries.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from preview.sandbox import bpf, syscalls
from preview.sandbox.syscalls import MACHINE, supported, syscall

_SET_MODE_FILTER = 1
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "arm64": 0xC00000B7}
_X32_BIT = 0x40000000

_CLONE_THREAD = 0x00010000
_CLONE_NEW_ANYTHING = 0x7E020000
_AF_UNIX = 1

_ALLOWED = """
    read write readv writev pread64 pwrite64 close fstat stat lstat newfstatat statx lseek access faccessat faccessat2
    getdents64 getcwd chdir ftruncate fsync fdatasync umask
    mmap mprotect munmap mremap madvise brk
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack restart_syscall pause
    poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd2 timerfd_create timerfd_settime timerfd_gettime pipe pipe2 dup dup2 dup3
    recvfrom shutdown getsockname getpeername getsockopt setsockopt
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time getitimer setitimer alarm times
    getpid gettid getppid getpgrp getuid geteuid getgid getegid getgroups getresuid getresgid
    uname getrlimit getrusage sysinfo getpriority
    futex futex_waitv set_robust_list set_tid_address rseq membarrier
    sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getcpu
    arch_prctl exit exit_group getrandom
"""

_IN_ITS_OWN_ROOT = """
    readlink readlinkat mkdir mkdirat unlink unlinkat rmdir rename renameat renameat2 truncate
"""
"""Allowed where the file system is the worker's own. In the host's, Landlock has no say in reading links, nor, before
ABI 3, in truncate; the rest it forbids there anyway, so this is a second wall."""

_SIGNALS, _GROUPS = "kill tgkill", "getpgid getsid"
"""Allowed in a pid namespace of one's own; where the host's processes are in sight, about oneself only. To signals, 0
is a group that others belong to; to the others, it is oneself."""

SELF = 0x7EFFFFF1
"""Stands for the process's own number, which is known only where the filter is installed. No pid is that large."""

_ABSENT = "clone3 io_uring_setup io_uring_enter io_uring_register"
"""Answered with «no such call»: glibc then makes threads with clone, and event loops do without the ring."""

_KILLED = """
    ptrace process_vm_readv process_vm_writev kcmp bpf perf_event_open userfaultfd
    mount umount2 pivot_root move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns
    add_key request_key keyctl init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
    open_by_handle_at name_to_handle_at iopl ioperm modify_ldt pidfd_getfd
"""

_TRUNCATES = 0x203
_OPENINGS = (0x200, 0x003, 0x203)
"""Of O_TRUNC and the access mode, what empties a file, or opens it, while asking for neither reading nor writing it:
Landlock judges a file by the access asked for, so it would see nothing to forbid."""

_IOCTLS = (0x5421, 0x5451, 0x5450, 0x5401, 0x541B)
"""FIONBIO, FIOCLEX, FIONCLEX, TCGETS (isatty), FIONREAD: none of them changes anything outside the process."""

_FCNTLS = (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no locks (workers could signal by them)."""

_PRCTLS = (15, 16)
"""PR_SET_NAME and PR_GET_NAME: a thread names itself."""


def _numbers(names: str) -> list[int]:
    return [found for name in names.split() if (found := syscalls.number(name)) is not None]


_FILE_LOCKS = (5, 6, 7)
"""F_GETLK, F_SETLK, F_SETLKW: what SQLite needs for a database of its own."""


def program(*, shared: bool = False, file_locks: bool = False, starts_program: bool = False) -> bytes:
    """The filter as the kernel reads it, entries of 8 bytes. Build it once, install it everywhere. Raises OSError.

    ``shared`` is for a process without namespaces, which sees the host's files and processes: it denies in addition what
    only the newest Landlock would (signals to others, truncating), or none (where a link leads).
    ``file_locks`` is for processes that run SQL in place of a worker's code, ``starts_program`` for one that becomes another
    program afterwards: which one, Landlock says.
    """
    if not supported():
        raise OSError(errno.ENOSYS, f"there is no system call table for {MACHINE}")
    denied, absent = bpf.refuse(errno.EPERM), bpf.refuse(errno.ENOSYS)
    treatments: dict[int, bpf.Treatment] = {}
    for names, treatment in (
        (_ALLOWED, bpf.ALLOW),
        ("execve" if starts_program else "", bpf.ALLOW),
        (_IN_ITS_OWN_ROOT, denied if shared else bpf.ALLOW),
        (_SIGNALS, bpf.OneOf(0, (SELF,), denied) if shared else bpf.ALLOW),
        (_GROUPS, bpf.OneOf(0, (SELF, 0), denied) if shared else bpf.ALLOW),
        ("open", bpf.NoneOf(1, _TRUNCATES, _OPENINGS, denied)),
        ("openat", bpf.NoneOf(2, _TRUNCATES, _OPENINGS, denied)),
        # A datagram socket of a pair could otherwise send to any socket that has a name.
        ("sendto", bpf.Null(4, denied)),
        (_ABSENT, absent),
        (_KILLED, bpf.KILL),
        ("fcntl", bpf.OneOf(1, _FCNTLS + _FILE_LOCKS if file_locks else _FCNTLS, denied)),
        ("ioctl", bpf.OneOf(1, _IOCTLS, denied)),
        ("socketpair", bpf.OneOf(0, (_AF_UNIX,), denied)),
        ("prlimit64", bpf.OneOf(0, (0,), denied)),
        ("prctl", bpf.OneOf(0, _PRCTLS, denied)),
        ("clone", bpf.Flags(0, needed=_CLONE_THREAD, forbidden=_CLONE_NEW_ANYTHING, otherwise=denied)),
    ):
        for number in _numbers(names):
            assert number not in treatments, f"{names}: {number} is treated twice"
            treatments[number] = treatment
    return bpf.assemble(_ARCHITECTURES[MACHINE], treatments, denied, _X32_BIT if MACHINE == "x86_64" else None)


def without_attacks() -> bytes:
    """The filter for a program that is nobody's in particular, with threads, sockets and processes of its own: whatever only
    attacks call ends it, it makes no namespaces and signals nobody else. Raises OSError as ``program`` does."""
    if not supported():
        raise OSError(errno.ENOSYS, f"there is no system call table for {MACHINE}")
    denied, absent = bpf.refuse(errno.EPERM), bpf.refuse(errno.ENOSYS)
    treatments: dict[int, bpf.Treatment] = {
        **dict.fromkeys(_numbers(_KILLED), bpf.KILL),
        **dict.fromkeys(_numbers(_ABSENT), absent),
        **dict.fromkeys(_numbers(_SIGNALS), bpf.OneOf(0, (SELF,), denied)),
        # A process is made with the signal of its end, a thread with the flag of one: some bit of these is always there.
        **dict.fromkeys(_numbers("clone"), bpf.Flags(0, _CLONE_THREAD | 0xFF, _CLONE_NEW_ANYTHING, denied)),
        **dict.fromkeys(_numbers("tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal"), denied),
    }
    return bpf.assemble(_ARCHITECTURES[MACHINE], treatments, bpf.ALLOW, _X32_BIT if MACHINE == "x86_64" else None)


class Filter:
    """A program as the kernel reads it, for the process ``own``. Made before a fork, it costs the child no memory."""

    def __init__(self, program: bytes, own: int) -> None:
        program = program.replace(struct.pack("I", SELF), struct.pack("I", own))
        self._program = ctypes.create_string_buffer(program, len(program))
        self._header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(self._program))

    def install(self) -> None:
        """Binds this process and all its threads to come; irreversible. Needs no_new_privileges(). Raises OSError."""
        syscall("seccomp", _SET_MODE_FILTER, 0, self._header)


def install(program: bytes) -> None:
    """As `Filter.install`, of this process."""
    Filter(program, os.getpid()).install()

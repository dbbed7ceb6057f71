"""The seccomp filter as data: interpreted here by the rules of classic BPF, for every system call number.

That it holds in the kernel is tests/sandbox's business; this finds a wrong jump or number without running anything.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from preview.sandbox import bpf, seccomp
from preview.sandbox.syscalls import MACHINE, NUMBERS, number

X86_64 = 0xC000003E
pytestmark = pytest.mark.skipif(MACHINE != "x86_64", reason="the numbers asked about here are x86-64's")


def verdict(program: bytes, call: int, arguments: tuple[int, ...] = (0,) * 6, architecture: int = X86_64) -> int:
    """What the kernel would decide. Raises AssertionError where it would refuse the program."""
    data = struct.pack("IIQ6Q", call, architecture, 0, *(arguments + (0,) * 6)[:6])
    accumulator = counter = 0
    while True:
        assert counter < len(program) // 8, "the program runs off its end"
        code, if_true, if_false, value = struct.unpack_from("HBBI", program, 8 * counter)
        counter += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("I", data, value)
        elif code == 0x05:
            counter += value
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            counter += if_true if holds else if_false


@pytest.fixture(scope="module")
def program() -> bytes:
    return seccomp.program()


def numbers(names: str) -> set[int]:
    return {found for name in names.split() if (found := number(name)) is not None}


def test_exactly_the_named_calls_are_allowed_whatever_their_arguments(program: bytes) -> None:
    allowed = numbers(seccomp._ALLOWED + seccomp._IN_ITS_OWN_ROOT + seccomp._SIGNALS + " " + seccomp._GROUPS)
    with_arguments = numbers("fcntl ioctl socketpair prlimit64 prctl clone open openat sendto")
    for call in range(1000):
        if call not in with_arguments:
            assert (verdict(program, call, (7,) * 6) == bpf.ALLOW) == (call in allowed), call


def test_S10_attacks_are_killed_the_absent_are_absent_and_the_rest_is_refused(program: bytes) -> None:
    killed, absent = numbers(seccomp._KILLED), numbers(seccomp._ABSENT)
    for call in range(1000):
        found = verdict(program, call, (0xFFFF_FFFF,) * 6)
        if call in killed:
            assert found == bpf.KILL
        elif call in absent:
            assert found == bpf.refuse(38)
        elif found != bpf.ALLOW:
            assert found == bpf.refuse(1)


def test_S10_other_instruction_sets_are_killed_whatever_the_call(program: bytes) -> None:
    for call in (0, 1, 39, 60):
        assert verdict(program, call, architecture=0x40000003) == bpf.KILL
        assert verdict(program, call, architecture=0xC00000B7) == bpf.KILL
        assert verdict(program, call | 0x40000000) == bpf.KILL


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clone", (0x3D0F00,), True),  # what glibc passes for a thread
        ("clone", (17,), False),  # fork
        ("clone", (0x3D0F00 | 0x10000000,), False),  # a thread in a new user namespace
        ("socketpair", (1, 1), True),
        ("socketpair", (2, 1), False),
        ("fcntl", (3, 1030), True),
        ("fcntl", (3, 6), False),  # F_SETLK
        ("fcntl", (3, 1031), False),  # F_SETPIPE_SZ
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5412), False),  # TIOCSTI
        ("prlimit64", (0, 7), True),
        ("prlimit64", (1, 7), False),
        ("prctl", (15,), True),
        ("prctl", (22,), False),  # PR_SET_SECCOMP
        ("openat", (3, 0, 0o101 | 0x200), True),  # O_WRONLY, O_CREAT and O_TRUNC: Landlock sees the writing
        ("openat", (3, 0, 0), True),
        ("openat", (3, 0, 0x80200), False),  # O_RDONLY, O_TRUNC and O_CLOEXEC
        ("openat", (3, 0, 3), False),  # neither reading nor writing
        ("open", (0, 0x200), False),
        ("sendto", (3, 1, 1, 0, 0, 0), True),
        ("sendto", (3, 1, 1, 0, 0x7F00_0000_0000, 16), False),
        ("sendto", (3, 1, 1, 0, 0x7F00, 16), False),
    ],
)
def test_calls_that_depend_on_an_argument(program: bytes, name: str, arguments: tuple[int, ...], allowed: bool) -> None:
    call = number(name)
    assert call is not None
    assert (verdict(program, call, arguments) == bpf.ALLOW) is allowed


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("kill", (seccomp.SELF, 9), True),
        ("kill", (0, 9), False),
        ("kill", (0xFFFF_FFFF, 9), False),
        ("kill", (1, 0), False),
        ("tgkill", (seccomp.SELF, 5, 9), True),
        ("tgkill", (5, 5, 9), False),
        ("getpgid", (0,), True),
        ("getpgid", (77,), False),
        ("readlinkat", (3,), False),
        ("unlinkat", (3,), False),
        ("truncate", (3,), False),
        ("ftruncate", (3,), True),
        ("openat", (3, 0, 0), True),
    ],
)
def test_S10_without_namespaces_signals_links_and_changes_of_the_tree_are_denied(
    name: str, arguments: tuple[int, ...], allowed: bool
) -> None:
    call = number(name)
    assert call is not None
    assert (verdict(seccomp.program(shared=True), call, arguments) == bpf.ALLOW) is allowed


@pytest.mark.parametrize(
    ("name", "arguments", "found"),
    [
        ("execve", (), bpf.ALLOW),
        ("clone", (17,), bpf.ALLOW),  # fork
        ("clone", (0x3D0F00,), bpf.ALLOW),
        ("clone", (17 | 0x20000000,), bpf.refuse(1)),
        ("clone", (0x3D0F00 | 0x10000000,), bpf.refuse(1)),
        ("clone3", (), bpf.refuse(38)),
        ("kill", (seccomp.SELF, 6), bpf.ALLOW),
        ("kill", (1, 0), bpf.refuse(1)),
        ("kill", (0xFFFF_FFFF, 9), bpf.refuse(1)),
        ("tkill", (seccomp.SELF, 9), bpf.refuse(1)),
        ("ptrace", (), bpf.KILL),
        ("unshare", (0,), bpf.KILL),
        ("io_uring_setup", (), bpf.refuse(38)),
    ],
)
def test_S18_a_program_of_its_own_is_kept_from_attacks_alone(name: str, arguments: tuple[int, ...], found: int) -> None:
    call = number(name)
    assert call is not None
    assert verdict(seccomp.without_attacks(), call, arguments) == found
    assert verdict(seccomp.without_attacks(), 999) == bpf.ALLOW, "what nobody named is no attack"


def test_the_program_is_short_enough_for_the_kernel(program: bytes) -> None:
    assert len(program) % 8 == 0 and len(program) // 8 <= 4096


@pytest.mark.parametrize(
    ("column", "header"),
    [(0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (1, "/usr/include/asm-generic/unistd.h")],
    ids=["x86-64", "aarch64"],
)
def test_the_numbers_are_those_of_the_kernels_headers(column: int, header: str) -> None:
    if not Path(header).exists():
        pytest.skip("the kernel's headers are not installed")
    known = dict(re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", Path(header).read_text()))
    known.setdefault("newfstatat", known.get("fstatat", ""))
    if column == 1:
        known["newfstatat"] = known["fstatat"]
    compared = 0
    for name, both in NUMBERS.items():
        if name in known and both[column] is not None:
            assert int(known[name]) == both[column], name
            compared += 1
    assert compared > 130

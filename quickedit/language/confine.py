"""What an analysing process does to itself before it sees any text of a user: it gives up everything but reading the standard
library, the analyser and the mirrors. Called by ``engine`` and ``introspect``, first of all.

A kernel without Landlock or a machine without a system call table only loses that layer: unlike the runner's children
these processes run no user code, and what reads paths out of text is switched off in ``hardening`` as well.
"""

from __future__ import annotations

import contextlib
import os
import resource
import site
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from preview.bundle import PACKAGES
from preview.sandbox import capabilities, landlock, seccomp

MEMORY = 1536 * 1024 * 1024
"""Bytes of address space of one process: several times what the largest module of the standard library needs."""


def die_with_parent() -> None:
    capabilities.die_with_parent()


def limit() -> None:
    """No core files, no written files, few descriptors, bounded memory."""
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_AS, MEMORY),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def confine(home: str) -> list[str]:
    """Irreversible. ``home`` is the path of mirror.Home. Returns what could not be had, in words."""
    lacking = []
    limit()
    capabilities.no_new_privileges()
    mirrors = [home, os.path.realpath(os.path.join(home, "environments"))]
    readable = [path for path in [*standard_library(), *packages(), *mirrors] if os.path.exists(path)]
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("Landlock", lambda: landlock.restrict(read=readable, use=[os.devnull])),
        ("capabilities", capabilities.drop_all),
        ("seccomp", lambda: seccomp.install(seccomp.program())),
    )
    for what, step in steps:
        try:
            step()
        except OSError as error:
            lacking.append(f"{what}: {error}")
    return lacking


def standard_library() -> list[str]:
    """The import path of the standard library alone, without any installed package."""
    paths = sysconfig.get_paths()
    library = Path(paths["stdlib"])
    dynamic = [Path(path) for path in sys.path if path.endswith("lib-dynload")]
    return [str(path) for path in dict.fromkeys([library, Path(paths["platstdlib"]), *dynamic])]


def packages() -> list[str]:
    """Where the analyser itself lies, and the packages that workers may import."""
    return [*site.getsitepackages(), str(Path(__file__).resolve().parent), str(PACKAGES)]

"""Becomes a language server that is a program of its own, confined: ``launch.py CONFINEMENT``, started by ``jsonrpc``.

CONFINEMENT is JSON: ``run`` the program and its arguments, ``read`` the paths it may read, ``use`` the folders it may write,
``memory`` bytes. The program can read its own file, the system's loader and libraries, and those paths; it has no network, starts
nothing, and goes when its parent goes. It imports as little as it can: people wait for it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from preview.sandbox import capabilities, landlock, seccomp

MAX_WRITTEN = 4 * 1024 * 1024
"""Bytes of one file that the program writes into a folder of ``use``: stubs that it unpacks."""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_SYSTEM = ("/dev/urandom", "/proc/self", "/sys/fs/cgroup", "/proc/cpuinfo")


def main(confinement: str) -> None:
    wanted = json.loads(confinement)
    program = wanted["run"][0]
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MAX_WRITTEN if wanted["use"] else 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_DATA, wanted["memory"]),
    ):
        resource.setrlimit(kind, (value, value))
    capabilities.die_with_parent()
    capabilities.no_new_privileges()
    loader = [path for path in _LIBRARIES if os.path.exists(path)]
    read = [path for path in [*wanted["read"], *_SYSTEM] if os.path.exists(path)]
    _attempt("Landlock", lambda: landlock.restrict(read=read, use=[os.devnull, *wanted["use"]], run=[program, *loader]))
    _attempt("capabilities", capabilities.drop_all)
    _attempt("seccomp", lambda: seccomp.install(seccomp.program(starts_program=True)))
    os.execv(program, wanted["run"])


def _attempt(what: str, step: object) -> None:
    """A kernel without one of them only loses that layer, as for the analysing processes: see ``confine``."""
    try:
        assert callable(step)
        step()
    except OSError as error:
        print(f"language: runs without {what}: {error}", file=sys.stderr)


def program(name: str) -> str:
    """Where a program of our own environment lies."""
    return str(Path(sys.executable).parent / name)


if __name__ == "__main__":
    main(sys.argv[1])

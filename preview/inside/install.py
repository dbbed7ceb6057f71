"""Becomes ``uv``, which fetches wheels and unpacks them into one folder, after giving up everything that this does not need.

`outside.installer` starts it as a process of its own. Nothing of a package is run: it takes wheels only, and unpacking one is
copying. Confined all the same, as it reads what strangers have packed: it writes in its folder, reads the system's libraries and
certificates, executes the interpreter that it asks for its version, opens TCP connections, and nothing else; what only attacks
call ends it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import NoReturn

from preview.sandbox import capabilities, landlock, seccomp

_SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
_TO_CONNECT = (
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts",
    "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/host.conf", "/etc/ld.so.cache", "/dev/urandom", "/proc/sys/net",
)  # fmt: skip


def main() -> NoReturn:
    """``argv``: the folder, and a JSON object of ``uv`` (its path), ``python`` (an interpreter), ``arguments``,
    ``environment``, ``certificates`` (a path or ""), ``file_bytes``, ``cpu_s``."""
    folder, wanted = sys.argv[1], json.loads(sys.argv[2])
    capabilities.die_with_parent()
    os.umask(0o022)
    os.chdir(folder)
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, wanted["file_bytes"]),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_CPU, wanted["cpu_s"]),
    ):
        resource.setrlimit(kind, (value, value))
    capabilities.no_new_privileges()
    programs = [*_SYSTEM, wanted["uv"], wanted["python"], sys.base_prefix]
    reads = [*_TO_CONNECT, wanted["certificates"]]
    landlock.restrict(
        read=[path for path in reads if path and os.path.exists(path)],
        use=["/dev/null"],
        link=[folder],  # its cache, which goes afterwards, is a tree of links
        run=[path for path in dict.fromkeys(programs) if os.path.exists(path)],
        connect=True,
    )
    if os.geteuid() == 0:
        capabilities.drop_bounding_set()
    capabilities.drop_all()
    seccomp.install(seccomp.without_attacks())
    os.execve(wanted["uv"], ["uv", *wanted["arguments"]], wanted["environment"])

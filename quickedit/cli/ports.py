"""Says, before anything starts, which port cannot be had, and which variable chooses another one."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from quickedit.cli.failure import CommandFailed


def must_be_free(host: str, port: int, variable: str, what: str) -> None:
    """Raises CommandFailed, which names the port and the variable, where nothing can listen on it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            holder = _holder(port)
            raise CommandFailed(
                f"Port {port} is in use{holder}, and Quick Edit needs it for {what}.\n"
                f"Stop what uses it, or choose another port:  {variable}={_another(port)} make run"
            ) from error
        raise CommandFailed(f"Nothing can listen on {host} port {port} ({what}): {error.strerror or error}") from error


def _another(port: int) -> int:
    return port + 10 if port + 10 <= 65535 else port - 10


def _holder(port: int) -> str:
    """`` by python3 (process 4711)`` where the kernel lets us see it, else nothing."""
    try:
        inodes = _listening_inodes(port)
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and inodes & _sockets_of(process):
                return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
    except OSError:
        pass
    return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _sockets_of(process: Path) -> set[str]:
    found = set()
    try:
        for descriptor in os.scandir(process / "fd"):
            found.add(os.readlink(descriptor.path))
    except OSError:
        pass  # somebody else's process, or one that has just ended
    return found

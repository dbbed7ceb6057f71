"""Hostile programs that are run twice: by the tests of the walls, and by test_controls where a wall is taken down."""

from __future__ import annotations

import socket

DENIED = {"A": "FileNotFoundError", "B": "PermissionError"}
"""How a path of the host fails: it is not there, or not to be had."""

READ = """
def attempt():
    try:
        return open({path!r}).read()
    except OSError as error:
        return type(error).__name__
"""

CHANGE = """
    import os
    def attempt():
        got = []
        for call in (lambda path: os.truncate(path, 0), lambda path: open(path, "a").write("x"),
                     lambda path: open(path, "r+").write("y"), lambda path: open(path, "w").write("z"),
                     lambda path: os.rename(path, path + ".gone"), os.rmdir, os.unlink):
            try: call({path!r}); got.append("done")
            except OSError as error: got.append(type(error).__name__)
        return got
    """
"""Seven ways to change a file of the host."""

LOOK_INTO = """
    import os
    def attempt():
        try:
            return os.close(os.open({path!r}, os.O_RDONLY)) or "opened"
        except OSError as error:
            return type(error).__name__
    """

FILL = """
    import os
    def attempt():
        total = 0
        try:
            for n in range(10_000):
                with open(f"{folder}/f{{n}}", "wb") as file:
                    total += file.write(b"x" * {size})
        except OSError as error:
            return [total, n, error.errno]
    """

LEAVE = """
    import json, os
    json.left = 1
    def attempt():
        got = []
        for folder in ("/tmp", "/worker"):
            try: open(f"{folder}/quickedit-test-left", "w").write("x"); got.append("written")
            except OSError as error: got.append(type(error).__name__)
        return got
    """
LOOK = """
    import json, os
    def attempt():
        try: left = os.listdir("/tmp")
        except OSError: left = None
        return [left, os.listdir("/worker"), hasattr(json, "left")]
    """

FAMILIES = """
    import socket
    def attempt():
        got = {}
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, 16, 17, 40, 38, 44):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                try:
                    socket.socket(family, kind).close(); got[f"{family}/{kind}"] = "made"
                except OSError as error:
                    got[f"{family}/{kind}"] = type(error).__name__
        return sorted(set(got.values()))
    """

DATAGRAM = """
    import socket
    def attempt():
        ours, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        got = []
        for name in {names!r}:
            try: ours.sendto(b"from a worker", name); got.append("sent")
            except OSError as error: got.append(type(error).__name__)
        return got
    """

CONNECT = """
    import asyncio
    async def attempt():
        try:
            reader, _ = await asyncio.open_connection("127.0.0.1", {port})
            return (await reader.read(100)).decode()
        except OSError as error:
            return type(error).__name__
    """

SYSTEM_CALL = """
    import ctypes, os
    def attempt():
        libc = ctypes.CDLL(None, use_errno=True)
        result = libc.syscall({number}, {arguments})
        return [result, ctypes.get_errno()]
    """


def names_of(sockets: list[socket.socket]) -> list[str | bytes]:
    return [receiver.getsockname() for receiver in sockets]

"""The words between the supervisor and the zygote, on a SOCK_SEQPACKET pair: one packet is one message.

The zygote is trusted (no user code ever runs in it), so this is plain; it lives here since both sides of the wall
import it. A packet is one letter, a child's tag (u32) and, for some, more. File descriptors travel beside it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FORK = b"f"  # to the zygote, with [the child's end of its channel, the pipe for its last words]
AT_ONCE = b"!"  # after FORK's tag: somebody is waiting for this child
READY = b"r"  # once: + JSON {"python", "tier", "landlock", "own_uids"}, with [a pidfd of the zygote]
BORN = b"b"  # + nothing, with [a pidfd]
DEAD = b"d"  # + i32 wait status
REFUSED = b"n"  # + JSON {"message"}: fork failed
BROKEN = b"e"  # the launcher or the zygote could not set up: + JSON {"step", "errno", "message"}; then it exits

MAX_PACKET = 8192
_TAG = struct.Struct("<cI")
_STATUS = struct.Struct("<i")

Tier = Literal["A", "B", "off"]
ENVIRONMENTS = "/environments"
"""Where the folder of environments stands in a root of our own (tier A)."""


@dataclass(frozen=True)
class Plan:
    """How children are confined. The supervisor writes it, the launcher completes it, the zygote reads it.

    Sizes are bytes. ``read``, ``use`` and ``browse`` are what Landlock leaves; the launcher fills them in.
    ``landlock`` asks for the rights of an older ABI than the kernel's, and ``without`` names walls of tier B to leave out
    ("landlock", "seccomp", "uids"): both are for tests, which show with them that each wall is what holds.
    ``packages`` is the folder of packages that workers may import, "" for none; ``preload`` names those that the zygote
    imports itself. ``environments`` is the folder of those packages that single workers asked for, "" for none.
    """

    tier: Tier
    address_space: int
    tmp_size: int
    files_size: int
    open_files: int
    threads: int
    uid_base: int
    uid_width: int = 65536
    own_uids: bool = False
    read: list[str] = field(default_factory=list)
    use: list[str] = field(default_factory=list)
    browse: list[str] = field(default_factory=list)
    landlock: int | None = None
    without: list[str] = field(default_factory=list)
    packages: str = ""
    preload: list[str] = field(default_factory=list)
    environments: str = ""

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Plan:
        return cls(**json.loads(text))


def pack(letter: bytes, tag: int = 0, rest: bytes = b"") -> bytes:
    return _TAG.pack(letter, tag) + rest


def pack_json(letter: bytes, value: dict[str, Any], tag: int = 0) -> bytes:
    return pack(letter, tag, json.dumps(value).encode()[: MAX_PACKET - _TAG.size])


def pack_status(tag: int, status: int) -> bytes:
    return pack(DEAD, tag, _STATUS.pack(status))


def unpack(packet: bytes) -> tuple[bytes, int, bytes]:
    """(letter, tag, rest). Raises struct.error on a packet that is too short."""
    letter, tag = _TAG.unpack_from(packet)
    return letter, tag, packet[_TAG.size :]


def unpack_status(rest: bytes) -> int:
    (status,) = _STATUS.unpack(rest)
    return int(status)

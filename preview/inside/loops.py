"""A child's event loop, made before the fork.

The zygote calls `make`, a child `renew`. Making a loop touches a hundred pages of memory, each of which would be copied
in every child.
"""

from __future__ import annotations

import asyncio
import os
import selectors

from preview.sandbox import syscalls


def make() -> asyncio.SelectorEventLoop:
    """The main thread's loop. Its selector has no descriptor: one that is shared with the zygote would be a way out."""
    loop = asyncio.SelectorEventLoop(selectors.PollSelector())
    asyncio.set_event_loop(loop)
    return loop


def descriptors(loop: asyncio.SelectorEventLoop) -> tuple[int, int]:
    """Those of the sockets that it wakes itself with."""
    return loop._ssock.fileno(), loop._csock.fileno()  # type: ignore[attr-defined]


def renew(descriptors: tuple[int, int]) -> None:
    """Puts a pair of sockets of this process in the place of those that a loop has had since before the fork."""
    for known, new in zip(descriptors, syscalls.socket_pair(), strict=True):
        os.dup2(new, known, inheritable=False)
        os.close(new)

"""Resource limits of one sandboxed process. Set by the zygote where children can inherit them, else by each child."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator

REPORT_ROOM = 48 * 1024 * 1024
"""Bytes between the soft and the hard limit on address space: what describing a MemoryError may use."""


def inherited(*, address_space: int, file_size: int) -> None:
    """Sets the hard limits that the zygote itself can live with: bytes of address space (REPORT_ROOM less for now), and of
    one file."""
    limits = {
        resource.RLIMIT_AS: (address_space, address_space + REPORT_ROOM),
        resource.RLIMIT_FSIZE: (file_size, file_size),
        resource.RLIMIT_STACK: (8 << 20, 8 << 20),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
        resource.RLIMIT_SIGPENDING: (64, 64),
        resource.RLIMIT_NICE: (0, 0),
        resource.RLIMIT_RTPRIO: (0, 0),
    }
    for kind, pair in limits.items():
        resource.setrlimit(kind, pair)


def own(*, open_files: int, threads: int | None) -> None:
    """Sets the hard limits of one child.

    ``threads`` counts tasks of this uid in this user namespace, so each child needs one or the other of its own; None
    leaves it.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    if threads is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))


@contextlib.contextmanager
def room_for_a_report() -> Iterator[None]:
    """Raises the soft limit on address space to the hard one meanwhile, so that running out of memory can be told."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

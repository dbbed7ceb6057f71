"""Makes what children allocate lie close together.

A child shares the zygote's memory until it writes to it, and then copies whole pages. CPython gives out objects of up to
512 bytes from pools of one size each, and first from those that are partly in use already: after all imports, thousands
of free blocks are strewn over the whole heap, and a child that fills them copies a page for nearly each.
"""

from __future__ import annotations

import sys

_POOL = 1 << 14  # bytes, since CPython 3.10; see Include/internal/pycore_obmalloc.h
_FIRST = 48  # bytes of a pool before its first block
_MOST = 5000  # free blocks of one size: where an interpreter's heap is another, this does no harm
_HEAD = sys.getsizeof(b"")


_kept: list[bytes] = []


def fill_holes() -> None:
    """Takes the free blocks of all pools that are partly in use, and keeps them for good: 0.4 MB, shared by all children."""
    for size in range(48, 513, 16):
        before = 0
        for _ in range(_MOST):
            made = bytes(size - _HEAD)
            if before % _POOL == _FIRST and id(made) == before + size:
                break  # the first two of a new pool: so no other one had room
            before = id(made)
            _kept.append(made)

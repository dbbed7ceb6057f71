"""What differs between two sets of modules: paths, and how many lines came and went. Pure.

The numbers are for a list that people read before they deploy, so huge modules get an estimate in linear time rather
than an exact difference in quadratic time (their text may be chosen to be slow).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

EXACT_LINES = 1500
"""Lines on either side, after common beginnings and ends, up to which the difference is exact."""


@dataclass(frozen=True, slots=True)
class Change:
    """One module that differs. ``plus`` and ``minus`` count lines; both are 0 where a side is not text."""

    path: str
    change: Literal["added", "changed", "removed"]
    plus: int
    minus: int


def compare(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[Change]:
    """The modules that differ, by path."""
    found: list[Change] = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        plus, minus = _lines(before or b"", after or b"")
        found.append(
            Change(path, "added" if before is None else "removed" if after is None else "changed", plus, minus)
        )
    return found


def _lines(before: bytes, after: bytes) -> tuple[int, int]:
    """Lines added and removed."""
    if b"\0" in before or b"\0" in after:
        return 0, 0
    a, b = before.splitlines(), after.splitlines()
    start = 0
    while start < len(a) and start < len(b) and a[start] == b[start]:
        start += 1
    end = 0
    while end < len(a) - start and end < len(b) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    if a and b:
        if max(len(a), len(b)) <= EXACT_LINES:
            same = sum(block.size for block in SequenceMatcher(None, a, b).get_matching_blocks())
        else:
            same = sum((Counter(a) & Counter(b)).values())
    else:
        same = 0
    return len(b) - same, len(a) - same

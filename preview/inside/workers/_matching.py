"""What a selector asks of an element, and which selectors an element matches while the document goes by.

Used by `_rewriter`, and by `_selectors`, which reads them. All can be decided at an element's start tag, from its attributes,
its place among its siblings so far and what its ancestors have matched: two sets of bits an open element, so that a match
costs the same at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ._html_tokens import StartTag, lowered

_SPACES = re.compile(r"[ \t\n\f\r]+")
# Values of these are compared without case unless `s` says otherwise: HTML, "Case-sensitivity of selectors".
_WITHOUT_CASE = frozenset([
    "accept", "accept-charset", "align", "alink", "axis", "bgcolor", "charset", "checked", "clear", "codetype", "color",
    "compact", "declare", "defer", "dir", "direction", "disabled", "enctype", "face", "frame", "hreflang", "http-equiv",
    "lang", "language", "link", "media", "method", "multiple", "nohref", "noresize", "noshade", "nowrap", "readonly", "rel",
    "rev", "rules", "scope", "scrolling", "selected", "shape", "target", "text", "type", "valign", "valuetype", "vlink",
])  # fmt: skip


@dataclass(slots=True)
class Subject:
    """What a selector asks of an element."""

    tag: StartTag
    place: int
    """Among its parent's children, from 1."""
    place_of_type: int
    """Among those of its name; 0 where no selector asks."""
    html: bool
    """Whether it is in HTML's namespace."""


Test = Callable[[Subject], bool]


@dataclass(slots=True)
class Compound:
    """What is asked of one element: `a.b[c]:not(d)`."""

    tests: list[Test] = field(default_factory=list)
    counts_types: bool = False
    """Whether a test may ask for the place among those of its name."""

    def matches(self, subject: Subject) -> bool:
        return all(test(subject) for test in self.tests)


Chain = list[tuple[str, Compound]]
"""Compounds from the outermost in; before each, " " or ">", and "" before the first."""


class Selectors:
    """All selectors of a rewriter, each known by a number of the caller's."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Compound, int]] = []  # the last says which selector is matched here, -1 for none
        self.counts_types = False
        """Whether `place_of_type` is asked for at all."""

    def add(self, chains: list[Chain], number: int) -> None:
        """Adds the alternatives of one selector."""
        for chain in chains:
            self.counts_types = self.counts_types or any(compound.counts_types for _, compound in chain)
            *outer, (combinator, compound) = chain
            self._steps += [(*each, -1) for each in outer]
            self._steps.append((combinator, compound, number))

    def match(self, subject: Subject, parent: int, ancestors: int) -> tuple[int, list[int]]:
        """The steps that an element takes, as bits, given those of its parent and those of all its ancestors; and, in order,
        the numbers of the selectors that it matches."""
        taken, ends, bit = 0, set(), 1
        for combinator, compound, number in self._steps:
            # The step before is the next outer compound of the same chain.
            reached = not combinator or (parent if combinator == ">" else ancestors) & (bit >> 1)
            if reached and compound.matches(subject):
                taken |= bit
                if number >= 0:
                    ends.add(number)
            bit <<= 1
        return taken, sorted(ends)


def named(name: str) -> Test:
    """`E`"""
    return lambda subject: subject.tag.name == name


def nth(of_type: bool, step: int, first: int) -> Test:
    """The places `first`, `first + step` and so on that are over 0."""

    def test(subject: Subject) -> bool:
        beyond = (subject.place_of_type if of_type else subject.place) - first
        return beyond == 0 if step == 0 else beyond % step == 0 and beyond // step >= 0

    return test


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "~=": lambda value, wanted: bool(wanted) and wanted in _SPACES.split(value),
    "^=": lambda value, wanted: bool(wanted) and value.startswith(wanted),
    "$=": lambda value, wanted: bool(wanted) and value.endswith(wanted),
    "*=": lambda value, wanted: bool(wanted) and wanted in value,
    "|=": lambda value, wanted: value == wanted or value.startswith(f"{wanted}-"),
}


def compared(name: str, operator: str, wanted: str, folded: bool | None) -> Test:
    """`[name=wanted]` and its like. `folded` is whether ASCII's case means nothing; None leaves it to HTML."""
    compare, in_html = _COMPARE[operator], name in _WITHOUT_CASE
    small = lowered(wanted)

    def test(subject: Subject) -> bool:
        value = subject.tag.attributes.get(name)
        if value is None:
            return False
        if folded or (folded is None and in_html and subject.html):
            return compare(lowered(value), small)
        return compare(value, wanted)

    return test

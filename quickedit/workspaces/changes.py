"""Change sets: the algebra of text edits, exactly as ``@codemirror/state`` computes it in the browser.

The JSON form is a list: ``n`` keeps n units, ``[n]`` deletes n, ``[n, line, …]`` replaces n by those lines joined
with line feeds. Units are UTF-16 code units of a text with line feeds only. Server and browser must agree to the last
unit, so ``map_over`` and ``compose`` follow the library's algorithm (MIT licence, Marijn Haverbeke) step by step;
golden cases in ``tests/contract`` hold the two together. Pure; called by ``canonical`` and ``tree``; must never guess
at bad input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quickedit.errors import BadInput

KEEP = -1
"""The inserted length of a section that keeps its text."""


def units(text: str) -> int:
    """The length of a text in UTF-16 units. Raises BadInput for lone surrogates."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        raise BadInput("The text holds half of a character (a lone surrogate).", code="lone-surrogate") from None


@dataclass(frozen=True, eq=True)
class ChangeSet:
    """Sections ``(length, inserted, text)`` over the whole of a text: ``inserted`` is KEEP, or the length of
    ``text``."""

    sections: tuple[tuple[int, int, str], ...]

    @property
    def length(self) -> int:
        """Units of the text that it applies to."""
        return sum(section[0] for section in self.sections)

    @property
    def new_length(self) -> int:
        """Units of the text that it makes."""
        return sum(length if inserted == KEEP else inserted for length, inserted, _ in self.sections)

    @property
    def is_empty(self) -> bool:
        """Changes nothing, and is written as the library writes that; two kept sections in a row are not."""
        return not self.sections or (len(self.sections) == 1 and self.sections[0][1] == KEEP)

    def to_json(self) -> list[Any]:
        """The form for the wire and the log."""
        return [
            length if inserted == KEEP else [length, *text.split("\n")] if inserted else [length]
            for length, inserted, text in self.sections
        ]


def parse(data: list[Any]) -> ChangeSet:
    """Reads the JSON form. Raises BadInput for anything that the browser's library would not write."""
    sections = []
    for part in data:
        section = (part, KEEP, "") if isinstance(part, int) else _parse_change(part)
        if type(section[0]) is not int or section[0] < 0:
            raise _malformed(part)
        if section[0] or section[1] > 0:
            sections.append(section)
    return ChangeSet(tuple(sections))


def _parse_change(part: Any) -> tuple[int, int, str]:
    if not isinstance(part, list) or not part or not all(isinstance(line, str) for line in part[1:]):
        raise _malformed(part)
    text = "\n".join(part[1:])
    if text.count("\n") > max(0, len(part) - 2):
        raise _malformed(part)
    if "\r" in text:
        raise BadInput("An edit holds a carriage return; line ends are an attribute of the file.", code="line-ends")
    return part[0], units(text), text


def _malformed(part: Any) -> BadInput:
    return BadInput(f"This is no part of a change set: {str(part)[:80]}.", code="bad-changes")


def apply(text: str, changes: ChangeSet, length: int | None = None) -> str:
    """The text after the changes. ``length`` is the text's in units where the caller knows it, which saves a pass.

    Raises BadInput where the changes are for a text of another length (code ``off-the-end``) or would cut a surrogate
    pair in two (code ``half-character``).
    """
    length = units(text) if length is None else length
    if changes.length != length:
        message = f"The edit is for a text of {changes.length} units, but the file has {length}."
        raise BadInput(message, code="off-the-end")
    if length == len(text):
        return _splice(text, changes)
    return _splice_wide(text.encode("utf-16-le"), changes)


def _splice(text: str, changes: ChangeSet) -> str:
    parts, at = [], 0
    for length, inserted, new in changes.sections:
        parts.append(text[at : at + length] if inserted == KEEP else new)
        at += length
    return "".join(parts)


def _splice_wide(data: bytes, changes: ChangeSet) -> str:
    """The same on UTF-16 bytes, for texts with characters of two units."""
    parts, at = [], 0
    for length, inserted, new in changes.sections:
        end = at + 2 * length
        if inserted == KEEP:
            parts.append(data[at:end])
        elif _is_inside_pair(data, at) or _is_inside_pair(data, end):
            raise BadInput("The edit cuts a character in half.", code="half-character")
        else:
            parts.append(new.encode("utf-16-le"))
        at = end
    return b"".join(parts).decode("utf-16-le")


def _is_inside_pair(data: bytes, at: int) -> bool:
    return at < len(data) and data[at + 1] & 0xFC == 0xDC


def compose(first: ChangeSet, second: ChangeSet) -> ChangeSet:
    """One change set that does both. Raises BadInput where the second does not begin with the first one's text."""
    if first.is_empty or second.is_empty:
        return second if first.is_empty else first
    a, b, out = _Reader(first), _Reader(second), _Writer()
    is_open = False
    while not (a.done and b.done):
        if a.inserted == 0:
            out.add(a.length, 0, "", is_open)
            a.next()
        elif b.length == 0 and not b.done:
            out.add(0, b.inserted, b.text, is_open)
            b.next()
        elif a.done or b.done:
            raise _mismatch()
        else:
            length, before = min(a.new_length, b.length), len(out.sections)
            if a.inserted == KEEP:
                out.add(length, KEEP if b.inserted == KEEP else b.rest, b.rest_text, is_open)
            elif b.inserted == KEEP:
                out.add(0 if a.offset else a.length, length, a.piece(length), is_open)
            else:
                out.add(0 if a.offset else a.length, b.rest, b.rest_text, is_open)
            grown = is_open or len(out.sections) > before
            is_open = (a.inserted > length or (b.inserted >= 0 and b.length > length)) and grown
            a.forward_new(length)
            b.forward(length)
    return out.result()


def map_over(changes: ChangeSet, other: ChangeSet, before: bool = False) -> ChangeSet:
    """``changes`` for the text after ``other``, both made on the same text. Of two insertions at one place the mapped
    one comes after, or with ``before`` before. Raises BadInput where they are for texts of different lengths."""
    if other.is_empty:
        if other.length != changes.length:
            raise _mismatch()
        return changes
    a, b, out = _Reader(changes), _Reader(other), _Writer()
    inserted = -1  # the index of the section of a whose text is already out, while it is processed piece by piece
    while True:
        if (a.done and b.length) or (b.done and a.length):
            raise _mismatch()
        if a.inserted == KEEP and b.inserted == KEEP:
            length = min(a.length, b.length)
            out.add(length, KEEP)
            a.forward(length)
            b.forward(length)
        elif b.inserted >= 0 and (a.inserted < 0 or inserted == a.index or _comes_first(b, a, before)):
            inserted = _skip(a, b, out, inserted)
        elif a.inserted >= 0:
            length, left = _overlap(a, b)
            fresh = inserted < a.index
            out.add(length, a.inserted if fresh else 0, a.text if fresh else "")
            inserted = a.index
            a.forward(a.length - left)
        elif a.done and b.done:
            return out.result()
        else:
            raise _mismatch()


def _comes_first(b: _Reader, a: _Reader, before: bool) -> bool:
    return a.offset == 0 and (b.length < a.length or (b.length == a.length and not before))


def _skip(a: _Reader, b: _Reader, out: _Writer, inserted: int) -> int:
    """A change of b that comes before the next one of a: steps over it, and over what of a it covers."""
    length = b.length
    out.add(b.inserted, KEEP)
    while length:
        if a.done:
            raise _mismatch()
        piece = min(a.length, length)
        if a.inserted >= 0 and inserted < a.index and a.length <= piece:
            out.add(0, a.inserted, a.text)
            inserted = a.index
        a.forward(piece)
        length -= piece
    b.next()
    return inserted


def _overlap(a: _Reader, b: _Reader) -> tuple[int, int]:
    """The part of a's change up to the next change of b that is no mere deletion: how much of it is still there, and
    how much is left after it."""
    length, left = 0, a.length
    while left:
        if b.inserted == KEEP:
            piece = min(left, b.length)
            length += piece
            left -= piece
            b.forward(piece)
        elif b.inserted == 0 and b.length < left:
            left -= b.length
            b.next()
        else:
            break
    return length, left


def _mismatch() -> BadInput:
    return BadInput("Two change sets are not for the same text.", code="off-the-end")


class _Reader:
    """Walks the sections of a change set, piece by piece."""

    __slots__ = ("_sections", "index", "inserted", "length", "offset", "text")

    def __init__(self, changes: ChangeSet) -> None:
        self._sections = changes.sections
        self.index = 0
        self.next()

    def next(self) -> None:
        if self.index < len(self._sections):
            self.length, self.inserted, self.text = self._sections[self.index]
            self.index += 1
        else:
            self.length, self.inserted, self.text = 0, -2, ""
        self.offset = 0

    @property
    def done(self) -> bool:
        return self.inserted == -2

    @property
    def new_length(self) -> int:
        return self.length if self.inserted < 0 else self.inserted

    @property
    def rest(self) -> int:
        """What a change inserts where a piece of it is done already: all of it came out with the first piece."""
        return 0 if self.offset else self.inserted

    @property
    def rest_text(self) -> str:
        return "" if self.offset else self.text

    def piece(self, length: int) -> str:
        """The next units of the inserted text."""
        if self.text.isascii():
            return self.text[self.offset : self.offset + length]
        return self.text.encode("utf-16-le")[2 * self.offset : 2 * (self.offset + length)].decode(
            "utf-16-le", "surrogatepass"
        )

    def forward(self, length: int) -> None:
        if length == self.length:
            self.next()
        else:
            self.length -= length
            self.offset += length

    def forward_new(self, length: int) -> None:
        if self.inserted == KEEP:
            self.forward(length)
        elif length == self.inserted:
            self.next()
        else:
            self.inserted -= length
            self.offset += length


class _Writer:
    """Collects sections, joining those that belong together."""

    __slots__ = ("sections",)

    def __init__(self) -> None:
        self.sections: list[tuple[int, int, str]] = []

    def add(self, length: int, inserted: int, text: str = "", join: bool = False) -> None:
        if length == 0 and inserted <= 0:
            return
        if not self.sections:
            self.sections.append((length, inserted, text))
            return
        last, last_inserted, last_text = self.sections[-1]
        if inserted <= 0 and inserted == last_inserted:
            self.sections[-1] = (last + length, inserted, last_text)
        elif length == 0 and last == 0:
            self.sections[-1] = (0, last_inserted + inserted, last_text + text)
        elif join:
            self.sections[-1] = (last + length, last_inserted + inserted, last_text + text)
        else:
            self.sections.append((length, inserted, text))

    def result(self) -> ChangeSet:
        return ChangeSet(tuple(self.sections))

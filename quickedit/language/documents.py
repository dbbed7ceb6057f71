"""The open documents of one session: their live text, and positions in it. Pure; used by ``session``.

The protocol counts characters of a line in UTF-16 units, jedi and Python in code points: the change between the two happens
here and nowhere else.
"""

from __future__ import annotations

import re
from typing import Any

MAX_TEXT = 1024 * 1024
"""Characters of one document; a module cannot be larger. A longer text is cut, as it will be refused elsewhere."""
MAX_ANALYSED = 256 * 1024
"""Characters of a text that analysers get to see: some 8,000 lines. Beyond it they would take seconds for each key."""
MAX_DEPTH = 200
"""Brackets in brackets; CPython itself refuses more, and parsers that recurse end on it."""
MAX_LINE = 20_000
"""Characters of a line outside of which nobody writes code: an expression as long as that is as deep as it is long."""

_BRACKETS = re.compile(r"[()\[\]{}]")


class BadPosition(Exception):
    """A position or range that is not one: missing, negative, or of the wrong type."""


def code_points(line: str, units: int) -> int:
    """The index in ``line`` of the character at ``units`` UTF-16 units; the line's length where it has fewer."""
    if line.isascii():
        return min(units, len(line))
    passed = 0
    for index, character in enumerate(line):
        if passed >= units:
            return index
        passed += 2 if ord(character) > 0xFFFF else 1
    return len(line)


def utf16_units(line: str, index: int) -> int:
    """The UTF-16 units before the code point ``index`` of ``line``."""
    return index + sum(ord(character) > 0xFFFF for character in line[:index])


def position(value: Any) -> tuple[int, int]:
    """(line, units) of a protocol position, both from 0. Raises BadPosition."""
    if isinstance(value, dict):
        line, character = value.get("line"), value.get("character")
        if isinstance(line, int) and isinstance(character, int) and line >= 0 and character >= 0:
            return line, character
    raise BadPosition(f"not a position: {value!r}"[:200])


class Document:
    """One open document. ``text`` has LF line ends."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = _clean(text)

    def change(self, changes: list[Any]) -> None:
        """Applies content changes in order; one without a range is the whole text. Raises BadPosition; then nothing changed."""
        text = self.text
        for change in changes:
            if not isinstance(change, dict) or not isinstance(change.get("text"), str):
                raise BadPosition("a change without text")
            if change.get("range") is None:
                text = _clean(change["text"])
                continue
            if not isinstance(change["range"], dict):
                raise BadPosition("a range that is none")
            start = _offset(text, *position(change["range"].get("start")))
            end = _offset(text, *position(change["range"].get("end")))
            text = _clean(text[:start] + change["text"] + text[max(start, end) :])
        self.text = text

    def line_and_column(self, line: int, units: int) -> tuple[int, int]:
        """(line from 1, column in code points from 0) as jedi takes them, moved into the text where they lie outside."""
        start = _line_start(self.text, line)
        end = self.text.find("\n", start)
        content = self.text[start : len(self.text) if end < 0 else end]
        return self.text.count("\n", 0, start) + 1, code_points(content, units)

    def before(self, line: int, units: int) -> str:
        """The text of a line up to a place."""
        start = _line_start(self.text, line)
        end = self.text.find("\n", start)
        content = self.text[start : len(self.text) if end < 0 else end]
        return content[: code_points(content, units)]


def unfit(text: str) -> str:
    """Why analysers do not get to see a text, as a sentence; empty where they do."""
    if len(text) > MAX_ANALYSED:
        return f"This module is too long for completion and checks: they stop at {MAX_ANALYSED // 1024} KiB."
    if max(map(len, text.split("\n"))) > MAX_LINE:
        return f"A line of this module is too long for completion and checks: they stop at {MAX_LINE:,} characters."
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        depth = depth + 1 if bracket[0] in "([{" else max(0, depth - 1)
        if depth > MAX_DEPTH:
            return f"Brackets stand {MAX_DEPTH} deep in each other here: Python cannot compile this, nor can it be checked."
    return ""


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")[:MAX_TEXT]


def _line_start(text: str, line: int) -> int:
    """Where line number ``line`` (from 0) begins; the last line's begin where there are fewer."""
    start = 0
    for _ in range(line):
        following = text.find("\n", start)
        if following < 0:
            break
        start = following + 1
    return start


def _offset(text: str, line: int, units: int) -> int:
    if line > text.count("\n"):
        return len(text)
    start = _line_start(text, line)
    end = text.find("\n", start)
    return start + code_points(text[start : len(text) if end < 0 else end], units)

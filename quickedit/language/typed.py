"""Handlers without hints, as the type checker sees them: ``async def fetch(self, request)`` of a ``WorkerEntrypoint`` gets the
types that the platform passes. Hints are inserted on the line of the ``def``, their imports stand behind the last line, and a
View knows where, so that every place in the checker's text has its place in the person's. Pure; used by ``checker``. jedi's
counterpart is ``handlers``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from quickedit.language.documents import utf16_units
from quickedit.language.environment import CONTEXT, ENV, PLATFORM_IMPORTS, REQUEST

_CLASS = re.compile(r"(\s*)class\s+\w+\s*\(([^()]*\bWorkerEntrypoint\b[^()]*)\)\s*:")
_METHOD = re.compile(r"(\s+)(?:async\s+)?def\s+(fetch|on_fetch)\s*\(\s*\w+\s*,([^()]*)\)")
_FUNCTION = re.compile(r"(?:async\s+)?def\s+(on_fetch)\s*\(([^()]*)\)")
_NAME = re.compile(r"\s*(\w+)\s*$")
_TYPES = {"fetch": (REQUEST, ENV, CONTEXT), "on_fetch": (REQUEST, ENV, CONTEXT)}


@dataclass(slots=True)
class View:
    """``text`` is what the checker gets; ``inserted`` are (place, length) by line, places in the person's UTF-16 units."""

    text: str
    inserted: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    lines: int = 1 << 31
    """From this line on the text is not the person's."""

    def into(self, line: int, units: int) -> int:
        """The checker's units of a place of the person's."""
        return units + sum(length for place, length in self.inserted.get(line, ()) if place < units)

    def out_of(self, line: int, units: int) -> int:
        """The person's units of a place of the checker's; one inside a hint is where the hint was inserted."""
        shift = 0
        for place, length in self.inserted.get(line, ()):
            if units <= place + shift:
                break
            if units <= place + shift + length:
                return place
            shift += length
        return units - shift

    def holds(self, line: int, units: int) -> bool:
        """Whether a place of the checker's is none of the person's."""
        if line >= self.lines:
            return True
        shift = 0
        for place, length in self.inserted.get(line, ()):
            if place + shift < units <= place + shift + length:
                return True
            shift += length
        return False


def view(text: str) -> View:
    """The text with the platform's hints. Lines that are no handlers are not touched, whatever else the text holds."""
    if "fetch" not in text:
        return View(text)
    lines = text.split("\n")
    made = View(text)
    indent: str | None = None  # of the class that handlers are looked for in
    for number, line in enumerate(lines):
        if found := _CLASS.match(line):
            indent = found[1]
        elif line.strip() and indent is not None and not line.startswith((indent + " ", indent + "\t", "#", ")")):
            indent = None
        if found := _FUNCTION.match(line):
            lines[number] = _hint(made, number, line, found.start(2), found[2], _TYPES[found[1]])
        elif indent is not None and (found := _METHOD.match(line)):
            lines[number] = _hint(made, number, line, found.start(3), found[3], _TYPES[found[2]])
    if made.inserted:
        made.lines = len(lines)
        made.text = "\n".join([*lines, PLATFORM_IMPORTS])
    return made


def _hint(made: View, number: int, line: str, start: int, parameters: str, types: tuple[str, ...]) -> str:
    pieces, place, last = [], start, 0
    for parameter, type_name in zip(parameters.split(","), types, strict=False):
        if found := _NAME.fullmatch(parameter):
            at = place + found.end(1)
            hint = f': "{type_name}"'
            pieces.append(line[last:at] + hint)
            last = at
            made.inserted.setdefault(number, []).append((utf16_units(line, at), len(hint)))
        place += len(parameter) + 1
    return "".join([*pieces, line[last:]])

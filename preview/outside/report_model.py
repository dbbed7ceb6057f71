"""An error report as the renderers see it: typed, bounded, printable.

`reports` refuses what is no report at the door; `read` here takes anything JSON can hold and never raises, so that a
page can be made of whatever got past: wrong types become empty, text is cut and loses its control characters. The
shape is described in preview.inside.report. Used by error_page and its parts, for reports of any origin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_TEXT = 8_000
MAX_FRAMES = 64
MAX_LINES = 60
MAX_LOCALS = 64
MAX_MEMBERS = 32
MAX_DEPTH = 12

# As in preview.inside.values: controls, terminal escapes, bidirectional overrides and lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SECRET = re.compile(
    r"(?i)passw|passphrase|secret|token|authori[sz]ation|cookie|credential|(?:api|private)[_-]?key|session"
)


def printable(value: str, limit: int = MAX_TEXT) -> str:
    """`value` cut to `limit` characters, safe for a page, JSON and a terminal."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), value[:limit])


def secret_name(name: str) -> bool:
    """Whether a header or parameter of this name must not show its value."""
    return _SECRET.search(name) is not None


@dataclass(frozen=True, slots=True)
class Source:
    """Lines of a file, from line number `first`."""

    first: int = 1
    lines: tuple[str, ...] = ()

    def line(self, number: int) -> str | None:
        index = number - self.first
        return self.lines[index] if 0 <= index < len(self.lines) else None


@dataclass(frozen=True, slots=True)
class Local:
    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `path` is None where it is not the worker's own file."""

    path: str | None
    abs: str
    line: int
    end_line: int
    col: int | None
    end_col: int | None
    anchor: tuple[int, int] | None
    function: str
    qualname: str
    source: Source
    locals: tuple[Local, ...]
    repeated: int
    omitted: int

    @property
    def user(self) -> bool:
        return self.path is not None

    @property
    def shown_name(self) -> str:
        """The function as its author would name it."""
        return self.qualname.replace(".<locals>", "")


@dataclass(frozen=True, slots=True)
class Hint:
    suggest: str
    text: str
    path: str | None
    line: int
    private: bool


@dataclass(frozen=True, slots=True)
class Syntax:
    """Where a SyntaxError is: not in a frame, as nothing ran."""

    path: str | None
    abs: str
    line: int
    col: int | None
    end_col: int | None
    text: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class Report:
    kind: str
    type: str
    module: str
    message: str
    notes: tuple[str, ...]
    frames: tuple[Frame, ...]
    hint: Hint | None
    syntax: Syntax | None
    cause: Report | None
    context: Report | None
    group: tuple[Report, ...]
    left_out: int

    @property
    def full_type(self) -> str:
        """The type as CPython prints it in a traceback."""
        return self.type if self.module in ("builtins", "__main__", "") else f"{self.module}.{self.type}"


def read(raw: object) -> Report:
    """The report in decoded JSON. Never raises: what is no report becomes one that says so."""
    return _report(raw, 0) or _report({"kind": "crash", "type": "Unreadable report"}, 0)  # type: ignore[return-value]


def _report(raw: object, depth: int) -> Report | None:
    if not isinstance(raw, dict) or depth > MAX_DEPTH:
        return None
    members = (_report(each, depth + 4) for each in _list(raw, "group", MAX_MEMBERS))
    return Report(
        kind=_text(raw, "kind", 40) or "exception",
        type=_text(raw, "type", 400) or "Error",
        module=_text(raw, "module", 400),
        message=_text(raw, "message"),
        notes=tuple(printable(note) for note in _list(raw, "notes", 16) if isinstance(note, str)),
        frames=tuple(_frame(each) for each in _list(raw, "frames", MAX_FRAMES) if isinstance(each, dict)),
        hint=_hint(raw.get("hint")),
        syntax=_syntax(raw.get("syntax")),
        cause=_report(raw.get("cause"), depth + 1),
        context=_report(raw.get("context"), depth + 1),
        group=tuple(member for member in members if member is not None),
        left_out=_count(raw, "left_out"),
    )


def _frame(raw: dict[str, Any]) -> Frame:
    line = max(1, _count(raw, "line"))
    path = _text(raw, "path", 1024)
    function = _text(raw, "function", 200) or "?"
    return Frame(
        path=path or None,
        abs=_text(raw, "abs", 1024) or path,
        line=line,
        end_line=max(line, _count(raw, "end_line")),
        col=_column(raw.get("col")),
        end_col=_column(raw.get("end_col")),
        anchor=_anchor(raw.get("anchor")),
        function=function,
        qualname=_text(raw, "qualname", 200) or function,
        source=_source(raw.get("source")),
        locals=tuple(
            Local(*(printable(part, 1000) for part in each))
            for each in _list(raw, "locals", MAX_LOCALS)
            if isinstance(each, list | tuple) and len(each) == 3 and all(isinstance(part, str) for part in each)
        ),
        repeated=_count(raw, "repeated"),
        omitted=_count(raw, "omitted"),
    )


def _anchor(raw: object) -> tuple[int, int] | None:
    if not isinstance(raw, list | tuple) or len(raw) != 2:
        return None
    left, right = _column(raw[0]), _column(raw[1])
    return None if left is None or right is None else (left, right)


def _source(raw: object) -> Source:
    if not isinstance(raw, dict):
        return Source()
    lines = tuple(printable(line, 1000) if isinstance(line, str) else "" for line in _list(raw, "lines", MAX_LINES))
    return Source(max(1, _count(raw, "first")), lines)


def _hint(raw: object) -> Hint | None:
    if not isinstance(raw, dict) or not (_text(raw, "suggest", 200) or _text(raw, "text", 800)):
        return None
    return Hint(
        suggest=_text(raw, "suggest", 200),
        text=_text(raw, "text", 800),
        path=_text(raw, "path", 1024) or None,
        line=max(1, _count(raw, "line")),
        private=raw.get("private") is not False,
    )


def _syntax(raw: object) -> Syntax | None:
    if not isinstance(raw, dict):
        return None
    path = _text(raw, "path", 1024)
    return Syntax(
        path=path or None,
        abs=_text(raw, "abs", 1024) or path,
        line=max(1, _count(raw, "line")),
        col=_column(raw.get("col")),
        end_col=_column(raw.get("end_col")),
        text=_text(raw, "text", 1000) if isinstance(raw.get("text"), str) else None,
        source=_source(raw.get("source")),
    )


def _text(raw: dict[str, Any], key: str, limit: int = MAX_TEXT) -> str:
    value = raw.get(key)
    return printable(value, limit) if isinstance(value, str) else ""


def _list(raw: dict[str, Any], key: str, limit: int) -> list[Any]:
    value = raw.get(key)
    return list(value[:limit]) if isinstance(value, list | tuple) else []


def _count(raw: dict[str, Any], key: str) -> int:
    value = raw.get(key)
    return min(value, 10**9) if type(value) is int and value > 0 else 0


def _column(value: object) -> int | None:
    return min(value, 100_000) if type(value) is int and value >= 0 else None

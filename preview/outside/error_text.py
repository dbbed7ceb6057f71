"""An error report as CPython would print the traceback: what curl gets, and what «copy as text» copies.

Pure functions over preview.outside.report_model. The form is that of Python 3.11's `traceback`, with the «Did you
mean» that later versions print; tests hold it against `traceback.format_exception`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from preview.outside.report_model import Frame, Hint, Report, Syntax

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def render(report: Report, *, private: bool) -> str:
    """The traceback as text, ending in a newline. Hints drawn from values appear where `private` only."""
    lines = _Printer(private).chain(report)
    hint = report.hint
    if hint and hint.text and not hint.suggest and (private or not hint.private):
        lines.append(f"Hint: {hint.text}")
    return "\n".join(lines) + "\n"


def carets(place: Frame | Syntax, line: str) -> tuple[int, str]:
    """The marks under a line and the character they begin at, as CPython draws them: `~` around, `^` at the point.

    The marks are empty where they would point at the whole line. Wide characters get two marks.
    """
    if place.col is None or place.end_col is None:
        return 0, ""
    start, end = min(place.col, len(line)), min(place.end_col, len(line))
    if isinstance(place, Syntax):  # may point behind the end of a line
        return start, "^" * max(1, _width(line[start:end]))
    if place.anchor and start <= place.anchor[0] < place.anchor[1] <= end:
        left, right = place.anchor
        parts = (("~", line[start:left]), ("^", line[left:right]), ("~", line[right:end]))
        return start, "".join(mark * _width(text) for mark, text in parts)
    whole = end <= start or end - start >= len(line.strip())
    return start, "" if whole else "^" * _width(line[start:end])


def _width(text: str) -> int:
    """Columns in a terminal."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


class _Printer:
    """Prints one report; keeps the nesting of exception groups, whose margins CPython draws."""

    def __init__(self, private: bool) -> None:
        self._private = private
        self._depth = 0
        self._close = False

    def chain(self, report: Report) -> list[str]:
        earlier, between = (report.cause, _CAUSE) if report.cause else (report.context, _CONTEXT)
        lines: list[str] = []
        if earlier is not None:
            lines += self.chain(earlier)
            lines += self._margin(between.split("\n")[:-1])
        elif report.left_out and not report.group:
            lines += self._margin([f"[{report.left_out} earlier left out]", ""])
        return lines + (self._group(report) if report.group else self._single(report))

    def _single(self, report: Report) -> list[str]:
        lines = ["Traceback (most recent call last):", *_frames(report)] if report.frames else []
        return self._margin([*lines, *self._last_lines(report)])

    def _group(self, report: Report) -> list[str]:
        top = self._depth == 0
        self._depth += top
        lines: list[str] = []
        if report.frames:
            heading = self._margin(["Exception Group Traceback (most recent call last):"], "+" if top else "|")
            lines = heading + self._margin(list(_frames(report)))
        lines += self._margin(self._last_lines(report))
        count = len(report.group) + bool(report.left_out)
        self._close = False
        for number in range(1, count + 1):
            last = number == count
            self._close = self._close or last
            beyond = number > len(report.group)
            lead = "+-" if number == 1 else "  "
            lines.append(f"{'  ' * self._depth}{lead}+---------------- {'...' if beyond else number} ----------------")
            self._depth += 1
            more = f"and {report.left_out} more exception{'s' if report.left_out > 1 else ''}"
            lines += self._margin([more]) if beyond else self.chain(report.group[number - 1])
            if last and self._close:
                lines.append(f"{'  ' * self._depth}+------------------------------------")
                self._close = False
            self._depth -= 1
        self._depth -= top
        return lines

    def _margin(self, lines: list[str], mark: str = "|") -> list[str]:
        return [f"{'  ' * self._depth}{mark} {line}" for line in lines] if self._depth else lines

    def _last_lines(self, report: Report) -> list[str]:
        lines = [] if report.syntax is None else list(_syntax(report.syntax))
        message = report.message + self._suggestion(report.hint)
        last = f"{report.full_type}: {message}" if message else report.full_type
        return lines + last.split("\n") + [line for note in report.notes for line in note.split("\n")]

    def _suggestion(self, hint: Hint | None) -> str:
        if hint is None or not hint.suggest or (hint.private and not self._private):
            return ""
        return f". Did you mean: '{hint.suggest}'?"


def _frames(report: Report) -> Iterator[str]:
    for frame in report.frames:
        yield f'  File "{frame.abs}", line {frame.line}, in {frame.function}'
        line = frame.source.line(frame.line)
        if line is not None and (shown := line.strip()):
            yield f"    {shown}"
            indent = len(line) - len(line.lstrip())
            start, marks = carets(frame, line)
            if marks:
                yield f"    {' ' * _width(line[indent:start])}{marks}"
        if frame.repeated:
            yield f"  [Previous line repeated {frame.repeated} more time{'s' if frame.repeated > 1 else ''}]"
        if frame.omitted:
            yield f"  [{frame.omitted} frame{'s' if frame.omitted > 1 else ''} left out]"


def _syntax(syntax: Syntax) -> Iterator[str]:
    yield f'  File "{syntax.abs}", line {syntax.line}'
    if syntax.text is None:
        return
    shown = syntax.text.lstrip(" \n\f")
    yield f"    {shown}"
    if syntax.col is None or syntax.end_col is None:
        return
    indent = len(syntax.text) - len(shown)
    start = syntax.col - indent
    if start >= 0:
        space = "".join(each if each.isspace() else " " for each in shown[:start].ljust(start))
        yield f"    {space}{'^' * max(1, min(syntax.end_col, 1000) - syntax.col)}"

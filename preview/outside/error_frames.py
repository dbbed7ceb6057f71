"""The frames of an error report as HTML: source windows with carets, locals, folded library frames, chains and groups.

Used by error_page. Every str from a report passes `escape` on its way in, here or in `highlight`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import escape

from preview.outside.error_text import carets
from preview.outside.highlight import highlight
from preview.outside.report_model import Frame, Hint, Local, Report, Source, Syntax

MAX_HIGHLIGHTED = 12_000
"""Characters of source in one page that get colours, which takes 10 ms, or 70 for the nastiest; more is rarely looked at."""
OPEN_FRAMES = 8
"""Frames of the worker's own that are open from the start."""
_OUTER_BEFORE, _OUTER_AFTER = 2, 1  # lines shown around a call, where the innermost frame shows all of its window

TWISTY = '<svg class="icon tw" viewBox="0 0 16 16" aria-hidden="true"><path d="m6 3.8 4.2 4.2L6 12.2"/></svg>'
_FOLD = (
    '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">'
    '<path d="M5 3.4 8 6.2l3-2.8M5 12.6l3-2.8 3 2.8M2.6 8h10.8"/></svg>'
)
CODE_ICON = (
    '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">'
    '<path d="M5.4 4.4 1.9 8l3.5 3.6M10.6 4.4 14.1 8l-3.5 3.6"/></svg>'
)


def place_link(path: str, line: int, *, target: str = "") -> str:
    """A link that opens a line in the editor, and without an editor leads to the frame on this page."""
    return (
        f'<a class="lk m" href="#{escape(target) or "traceback"}" data-open="{escape(path)}" data-line="{line}">'
        f"{escape(path)}, line {line}</a>"
    )


def hint_html(hint: Hint | None, *, private: bool) -> str:
    """The «Why»: what was meant and where it is. Empty where there is no hint, or one drawn from values."""
    if hint is None or (hint.private and not private):
        return ""
    # Backticks mark code; splitting after escaping is safe, as escape() leaves them alone.
    said = "".join(
        f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(escape(hint.text).split("`"))
    )
    if hint.path:
        said += f" {place_link(hint.path, hint.line)}."
    if hint.suggest:
        said = f"<b>Did you mean <mark>{escape(hint.suggest)}</mark>?</b> {said}"
    return said.strip()


class Traceback:
    """Renders one report's frames, causes and members. `editor` says whether there is an editor to open files in."""

    def __init__(self, report: Report, *, private: bool, editor: bool) -> None:
        self._report = report
        self._private = private
        self._editor = editor
        self._numbers: Iterator[int] = itertools.count(1)
        self._highlighted = 0

    def html(self) -> str:
        return self._chain(self._report, first=True)

    def _chain(self, report: Report, *, first: bool = False) -> str:
        parts = [self._frames(report, first=first), self._members(report)]
        earlier = report.cause or report.context
        if earlier is not None:
            how = "It was caused by this" if report.cause else "It was raised while this was being handled"
            parts += [f'<p class="chain">{how}</p>', self._heading(earlier), self._chain(earlier)]
        elif report.left_out and not report.group:
            parts.append(f'<p class="gap">{report.left_out} earlier left out</p>')
        return "\n".join(part for part in parts if part)

    def _heading(self, report: Report) -> str:
        message = f": {escape(report.message)}" if report.message else ""
        hint = hint_html(report.hint, private=self._private)
        notes = "".join(f'<p class="note">{escape(note)}</p>' for note in report.notes)
        said = f'<p class="hint">{hint}</p>' if hint else ""
        return f'<p class="cause"><b>{escape(report.type)}</b>{message}</p>{said}{notes}'

    def _members(self, report: Report) -> str:
        total = len(report.group) + report.left_out
        parts = [
            f'<section class="group"><p class="h">{number} of {total}</p>{self._heading(member)}'
            f"{self._chain(member)}</section>"
            for number, member in enumerate(report.group, 1)
        ]
        if report.group and report.left_out:
            parts.append(f'<p class="gap">{report.left_out} more left out</p>')
        return "\n".join(parts)

    def _frames(self, report: Report, *, first: bool) -> str:
        parts: list[str] = []
        if report.syntax is not None:
            parts.append(self._syntax(report.syntax))
        innermost_first = list(reversed(report.frames))
        crash = next((frame for frame in innermost_first if frame.user), None) if report.syntax is None else None
        shown = 0
        for user, run in itertools.groupby(innermost_first, lambda frame: frame.user):
            if not user:
                parts.append(self._library(list(run)))
                continue
            for frame in run:
                is_open = shown < (OPEN_FRAMES if first else 1)
                parts.append(self._frame(frame, crash=frame is crash, is_open=is_open))
                shown += 1
        return f'<div class="frames">{"".join(parts)}</div>' if parts else ""

    def _library(self, frames: list[Frame]) -> str:
        names = list(dict.fromkeys(frame.abs for frame in frames))
        listed = ", ".join(f"<code>{escape(name)}</code>" for name in names[:4]) + (", …" if len(names) > 4 else "")
        count = f"{len(frames)} library frame{'s' if len(frames) > 1 else ''}"
        inner = "".join(self._frame(frame, crash=False, is_open=False) for frame in frames)
        return (
            f'<details class="lib"><summary>{_FOLD}<span>{count}: {listed}</span></summary>'
            f'<div class="frames">{inner}</div></details>'
        )

    def _frame(self, frame: Frame, *, crash: bool, is_open: bool) -> str:
        body = self._source(frame, whole=crash) + self._locals(frame.locals, is_open=crash)
        gaps = ""
        if frame.repeated:
            gaps += f'<p class="gap">The same call {frame.repeated:,} more times</p>'
        if frame.omitted:
            gaps = f'<p class="gap">{frame.omitted:,} frames left out</p>' + gaps
        name = f"{escape(frame.shown_name)}"
        at = f"{frame.path or frame.abs}:{frame.line}"
        return gaps + self._box(frame.path, frame.line, name, at, body, crash=crash, is_open=is_open)

    def _syntax(self, syntax: Syntax) -> str:
        body = self._lines(syntax, syntax.source, range(syntax.line, syntax.line + 1))
        name = escape(syntax.path or syntax.abs)
        return self._box(syntax.path, syntax.line, name, f"line {syntax.line}", body, crash=True, is_open=True)

    def _box(self, path: str | None, line: int, name: str, at: str, body: str, *, crash: bool, is_open: bool) -> str:
        link = ""
        if path and self._editor:
            label = f"Open {path}, line {line} in the editor"
            link = (
                f'<a class="open" href="#traceback" data-open="{escape(path)}" data-line="{line}" '
                f'aria-label="{escape(label)}">{CODE_ICON}<span>Open in editor</span></a>'
            )
        return (
            f'<div class="fbox{" opens" if link else ""}" id="f{next(self._numbers)}">{link}'
            f'<details class="frame {"crash" if crash else "outer"}"{" open" if is_open else ""}>'
            f'<summary>{TWISTY}<span class="fn">{name}</span><span class="at">{escape(at)}</span></summary>'
            f"{body}</details></div>"
        )

    def _source(self, frame: Frame, *, whole: bool) -> str:
        source = frame.source
        if not whole and source.lines:
            first = max(source.first, frame.line - _OUTER_BEFORE)
            last = frame.end_line + _OUTER_AFTER
            source = Source(first, source.lines[first - source.first : last - source.first + 1])
        return self._lines(frame, source, range(frame.line, frame.end_line + 1))

    def _lines(self, place: Frame | Syntax, source: Source, hit: range) -> str:
        if not source.lines:
            return '<p class="none">The source of this frame is not known.</p>'
        rows = []
        for number, html in enumerate(self._coloured(source), source.first):
            rows.append(f'<div class="ln{" is-hit" if number in hit else ""}"><i>{number}</i><span>{html}</span></div>')
            if number == place.line:
                rows.append(_caret_row(place, source.line(number) or ""))
        last = source.first + len(source.lines) - 1
        label = escape(f"{place.path or place.abs}, lines {source.first} to {last}")
        return f'<div class="src" tabindex="0" role="group" aria-label="{label}"><div>{"".join(rows)}</div></div>'

    def _coloured(self, source: Source) -> list[str]:
        self._highlighted += sum(map(len, source.lines))
        return (
            highlight(source.lines) if self._highlighted <= MAX_HIGHLIGHTED else [escape(each) for each in source.lines]
        )

    def _locals(self, shown: tuple[Local, ...], *, is_open: bool) -> str:
        if not shown or not self._private:
            return ""
        rows = "".join(
            f'<tr><th scope="row">{escape(each.name)}</th><td class="t">{escape(each.type)}</td>'
            f'<td class="v">{escape(each.value)}</td></tr>'
            for each in shown
        )
        count = f"{len(shown)} local{'s' if len(shown) > 1 else ''}"
        return (
            f'<details class="locals"{" open" if is_open else ""}><summary>{TWISTY}{count}</summary>'
            f"<div><table>{rows}</table></div></details>"
        )


def _caret_row(place: Frame | Syntax, line: str) -> str:
    """The carets, set off by the line's own text, invisibly: wide characters and tabs keep their width."""
    start, marks = carets(place, line)
    if not marks:
        return ""
    pad = f'<span class="pad">{escape(line[:start])}</span>' if start else ""
    return f'<div class="ln carets"><i></i><span aria-hidden="true">{pad}{marks}</span></div>'

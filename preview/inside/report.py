"""An exception as bounded plain data: what the child sends and the supervisor renders.

Runs beside untrusted code, so every attribute of an exception may be hostile; `make` never raises and never answers
more than protocol.MAX_REPORT bytes of JSON. The shape, where `path` is relative to the worker and None elsewhere:

    {"kind": "exception", "type", "module", "message", "notes": [str],
     "frames": [{"path", "abs", "line", "end_line", "col", "end_col", "anchor": [left_end, right_start] | None,
                 "function", "qualname", "user": bool, "source": {"first": int, "lines": [str]},
                 "locals": [[name, type, repr]],
                 "repeated": int, "omitted": int}],          # outermost first, as in a traceback
     "hint": {"suggest", "text", "path", "line", "private"} | None,
     "syntax": {"path", "abs", "line", "col", "end_col", "text", "source"} | None,
     "cause": report | None, "context": report | None, "suppress": bool,
     "group": [report], "left_out": int,                     # exceptions of a group or chain beyond the bounds
     "request": {"method", "url"} | None}                    # of the outermost report only

Lines count from 1, columns are characters from 0. `repeated` says how many more times the frame follows itself,
`omitted` how many frames were left out after it.
"""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from preview import protocol
from preview.inside import frames, hints, values

Report = dict[str, Any]

_SPARE = 4096  # the child adds a little to a report before it sends it


@dataclass(frozen=True, slots=True)
class _Budget:
    head: int  # outermost frames
    tail: int  # innermost frames
    before: int  # lines of a source window
    after: int
    line: int  # characters of one line
    locals: int  # names a frame
    value: int  # characters of one value
    message: int  # characters
    exceptions: int  # in all, over causes and groups
    seconds: float  # for the worker's own __repr__s


# A report that is too big, or was interrupted, is made again smaller.
_BUDGETS = (
    _Budget(12, 24, 6, 4, 300, 24, 300, 4000, 24, 0.25),
    _Budget(4, 12, 3, 2, 200, 8, 120, 2000, 8, 0.05),
    _Budget(1, 6, 0, 0, 160, 0, 0, 500, 3, 0.0),
)
_MAX_DEPTH = 8  # of causes and contexts
_MAX_GROUP_DEPTH = 3
_MAX_NOTES = 10


def make(exc: BaseException, *, locals_: bool, request: Mapping[str, Any] | None) -> Report:
    """The report of `exc`, as the module describes. Never raises.

    `locals_` says whether values of local variables may be shown: under a private preview label only. `request` is
    the head of the request that was being answered, if any; its headers are not used.
    """
    for budget in _BUDGETS:
        try:
            report = _Maker(budget, locals_).report(exc, 0, 0)
            report["request"] = _request(request)
            if len(protocol.json_payload(report)) <= protocol.MAX_REPORT - _SPARE:
                return report
        except BaseException:  # hostile objects, memory and CPU limits: a smaller one may do
            continue
    return _least(exc)


def _least(exc: BaseException) -> Report:
    """What can be said without running anything of the worker's."""
    return {
        "kind": "exception", "type": values.type_name(type(exc)), "module": "", "message": "It could not be described.",
        "notes": [], "frames": [], "hint": None, "syntax": None, "cause": None, "context": None, "suppress": False,
        "group": [], "left_out": 0, "request": None,
    }  # fmt: skip


def _request(head: Mapping[str, Any] | None) -> dict[str, str] | None:
    if head is None:
        return None
    url = values.text(str(head.get("url", "")), 2000, scrubbed=True)
    return {"method": values.text(str(head.get("method", "")), 40), "url": url}


class _Maker:
    """Makes one report within one budget."""

    def __init__(self, budget: _Budget, show_locals: bool) -> None:
        self._budget = budget
        self._locals = budget.locals if show_locals else 0
        self._private = show_locals
        self._shower = values.Shower(budget.value, budget.seconds)
        self._seen: set[int] = set()

    def report(self, exc: BaseException, depth: int, group_depth: int) -> Report:
        self._seen.add(id(exc))
        entries = list(frames.walk(values.attribute(exc, "__traceback__"), self._budget.head, self._budget.tail))
        report: Report = {
            "kind": "exception",
            "type": values.type_name(type(exc)),
            "module": values.module_name(type(exc)),
            "message": self._message(exc),
            "notes": self._notes(exc),
            "frames": [self._frame(entry) for entry in entries] + self._synthetic_frame(exc),
            "hint": self._hint(exc, entries[-1] if entries else None),
            "syntax": self._syntax(exc) if issubclass(type(exc), SyntaxError) else None,
            "suppress": bool(values.attribute(exc, "__suppress_context__")),
            "cause": None,
            "context": None,
            "group": [],
            "left_out": 0,
            "request": None,
        }
        # Members first: what is one of them need not stand there again as the context.
        if issubclass(type(exc), BaseExceptionGroup):
            self._group(report, exc, depth, group_depth)
        self._chain(report, exc, depth, group_depth)
        return report

    def _chain(self, report: Report, exc: BaseException, depth: int, group_depth: int) -> None:
        cause, context = values.attribute(exc, "__cause__"), values.attribute(exc, "__context__")
        earlier, key = (cause, "cause") if cause is not None else (context, "context")
        if earlier is None or id(earlier) in self._seen or (key == "context" and report["suppress"]):
            return
        if depth >= _MAX_DEPTH or len(self._seen) >= self._budget.exceptions:
            report["left_out"] += 1
            return
        report[key] = self.report(earlier, depth + 1, group_depth)

    def _group(self, report: Report, exc: BaseException, depth: int, group_depth: int) -> None:
        members: tuple[BaseException, ...] = values.attribute(exc, "exceptions", BaseExceptionGroup)
        for member in members:
            full = len(self._seen) >= self._budget.exceptions or group_depth >= _MAX_GROUP_DEPTH
            if full or id(member) in self._seen:
                report["left_out"] += 1
            else:
                report["group"].append(self.report(member, depth, group_depth + 1))

    def _message(self, exc: BaseException) -> str:
        if issubclass(type(exc), SyntaxError):
            said = values.attribute(exc, "msg", SyntaxError)
            return self._text(said) if type(said) is str else "<no detail available>"
        try:
            return self._text(str(exc))
        except BaseException:  # a hostile __str__ may raise anything
            return "<exception str() failed>"  # CPython's own words

    def _text(self, value: str) -> str:
        return values.text(value, self._budget.message, scrubbed=True)

    def _notes(self, exc: BaseException) -> list[str]:
        notes = values.instance_dict(exc).get("__notes__")
        if type(notes) is not list:
            return []
        return [self._text(note if type(note) is str else self._shower.show(note)) for note in notes[:_MAX_NOTES]]

    def _hint(self, exc: BaseException, entry: frames.Entry | None) -> hints.Hint | None:
        try:
            if entry is None:
                return hints.find(exc, None, "", private=self._private)
            segment = frames.segment(entry, frames.lines_of(entry.frame))
            return hints.find(exc, entry.frame, segment, private=self._private)
        except BaseException:  # a hint is a courtesy: no hint is better than no report
            return None

    def _frame(self, entry: frames.Entry) -> Report:
        lines = frames.lines_of(entry.frame)
        code = entry.frame.f_code
        path = frames.relative(code.co_filename)
        user = path is not None
        start, end = frames.columns(entry, lines)
        return {
            "path": path,
            "abs": frames.shown_filename(code.co_filename),
            "line": entry.line,
            "end_line": entry.end_line,
            "col": start,
            "end_col": end,
            "anchor": frames.anchor(lines, entry, start, end),
            # Text output shows the bare name, as CPython does; the page the qualified one.
            "function": values.text(code.co_name, 200),
            "qualname": values.text(code.co_qualname, 200),
            "user": user,
            "source": self._window(lines, entry, code, user),
            "locals": self._shown_locals(entry.frame) if user and self._locals else [],
            "repeated": entry.repeated,
            "omitted": entry.omitted,
        }

    def _synthetic_frame(self, exc: BaseException) -> list[Report]:
        """The place that an error of ours belongs to, see preview.inside.entry."""
        at = values.instance_dict(exc).get("_quickedit_at")
        if type(at) is not tuple or len(at) != 3 or not (type(at[0]) is type(at[2]) is str and type(at[1]) is int):
            return []
        filename, line, function = at
        lines = linecache.getlines(filename)
        first, last = max(1, line - 1), line + self._budget.after
        return [{
            "path": frames.relative(filename), "abs": frames.shown_filename(filename), "line": line, "end_line": line,
            "col": None, "end_col": None, "anchor": None, "function": function.rpartition(".")[2],
            "qualname": values.text(function, 200), "user": frames.relative(filename) is not None,
            "source": self._slice(lines, first, last), "locals": [], "repeated": 0, "omitted": 0,
        }]  # fmt: skip

    def _window(self, lines: list[str], entry: frames.Entry, code: CodeType, user: bool) -> Report:
        """Source around the line: within the function, as what surrounds it did not run."""
        before, after = (self._budget.before, self._budget.after) if user else (0, 0)
        first = max(entry.line - before, 1)
        last = min(max(entry.end_line, entry.line), entry.line + self._budget.before) + after
        if code.co_name != "<module>":
            first = max(first, min(code.co_firstlineno, entry.line))
            ends = [line for _, _, line in code.co_lines() if line]
            last = min(last, max(*ends, entry.end_line, entry.line)) if ends else last
        return self._slice(lines, first, last)

    def _slice(self, lines: list[str], first: int, last: int) -> Report:
        window = [values.text(line.rstrip("\r\n"), self._budget.line) for line in lines[first - 1 : last]]
        while window and not window[-1].strip():
            window.pop()
        return {"first": first, "lines": window}

    def _shown_locals(self, frame: FrameType) -> list[list[str]]:
        shown = []
        dull = ModuleType | FunctionType | type if frame.f_code.co_name == "<module>" else ModuleType
        for name, value in islice(dict(frame.f_locals).items(), 500):
            if type(name) is not str or name.startswith(("__", ".")) or issubclass(type(value), dull):
                continue
            shown.append([values.text(name, 80), values.type_name(type(value)), self._shower.named(name, value)])
            if len(shown) == self._locals:
                break
        return shown

    def _syntax(self, exc: BaseException) -> Report | None:
        filename = values.attribute(exc, "filename", SyntaxError)
        line, offset = values.attribute(exc, "lineno", SyntaxError), values.attribute(exc, "offset", SyntaxError)
        end, source = values.attribute(exc, "end_offset", SyntaxError), values.attribute(exc, "text", SyntaxError)
        if type(line) is not int or type(filename) is not str:
            return None
        start = offset - 1 if type(offset) is int and offset > 0 else None
        stop = end - 1 if type(end) is int and start is not None and end - 1 > start else None
        return {
            "path": frames.relative(filename),
            "abs": frames.shown_filename(filename),
            "line": line,
            "col": start,
            "end_col": stop if stop is not None else None if start is None else start + 1,
            "text": values.text(source.rstrip("\r\n"), self._budget.line) if type(source) is str else None,
            "source": self._slice(linecache.getlines(filename), max(1, line - self._budget.before), line + 2),
        }

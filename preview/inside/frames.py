"""The frames of a traceback: which are worth keeping, where they are, and which characters of which line they mean.

Used by `report.make`, inside the sandbox. Reads sources through linecache, which the loader feeds; never raises on a
frame whose source is missing or not what was compiled.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType, TracebackType

from preview.inside import values

_OURS = str(Path(__file__).parent) + "/"
_WORKERS = _OURS + "workers/"
_ROOT = "/worker/"
_STDLIB = str(Path(ast.__file__).parent) + "/"
_ENVIRONMENT = re.compile(r"^/.*/[0-9a-f]{40}/")
"""The folder of packages that the worker asked for."""
_MAX_WALK = 200_000  # frames; a recursion limit above this is the worker's own joke


@dataclass(slots=True)
class Entry:
    """One frame of a traceback that is kept."""

    frame: FrameType
    lasti: int
    line: int
    end_line: int = 0
    start: int | None = None  # bytes, as the compiler counts
    end: int | None = None
    repeated: int = 0
    omitted: int = 0


def walk(tb: TracebackType | None, outermost: int, innermost: int) -> Iterator[Entry]:
    """The frames worth keeping, outermost first: without ours, runs of the same one folded, a long middle left out."""
    head: list[Entry] = []
    tail: deque[Entry] = deque(maxlen=innermost)
    left_out, run, last = 0, 0, None
    for _ in range(_MAX_WALK):
        if tb is None:
            break
        entry = Entry(tb.tb_frame, tb.tb_lasti, tb.tb_lineno or tb.tb_frame.f_code.co_firstlineno)
        tb = tb.tb_next
        filename = entry.frame.f_code.co_filename
        # Before the worker's first frame, importlib is how the runtime came to it.
        if _hidden(filename) or (last is None and filename == importlib.__file__):
            continue
        run = run + 1 if last and (last.frame.f_code, last.line) == (entry.frame.f_code, entry.line) else 0
        if last and run >= 3:  # as many as CPython prints before it says «repeated»
            last.repeated += 1
            last.frame, last.lasti = entry.frame, entry.lasti
            continue
        last = entry
        if len(head) < outermost:
            head.append(entry)
            continue
        left_out += len(tail) == innermost
        tail.append(entry)
    if left_out and head:
        head[-1].omitted = left_out
    for entry in [*head, *tail]:
        _locate(entry)
        yield entry


def _locate(entry: Entry) -> None:
    positions = next(islice(entry.frame.f_code.co_positions(), entry.lasti // 2, None), None)
    _, end_line, entry.start, entry.end = positions or (None, None, None, None)
    entry.end_line = end_line or entry.line


def _hidden(filename: str) -> bool:
    ours = filename.startswith(_OURS) and not filename.startswith(_WORKERS)
    return ours or filename.startswith("<frozen importlib")


def relative(filename: str) -> str | None:
    return values.text(filename.removeprefix(_ROOT), 1024) if filename.startswith(_ROOT) else None


def shown_filename(filename: str) -> str:
    """The file as the worker's author knows it: where the server keeps its own is nobody's business."""
    if filename.startswith(_OURS):
        filename = filename.removeprefix(_OURS)
    elif filename.startswith(_STDLIB):
        filename = filename.removeprefix(_STDLIB)
    elif not filename.startswith(_ROOT):
        filename = _ENVIRONMENT.sub("", filename)
    return values.text(filename, 1024)


def lines_of(frame: FrameType) -> list[str]:
    try:
        return linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    except Exception:  # a loader's get_source may be the worker's own
        return []


def columns(entry: Entry, lines: list[str]) -> tuple[int | None, int | None]:
    """The expression's columns in characters; the end is that of the line where the expression goes on after it."""
    if entry.start is None or entry.end is None or not 0 < entry.line <= len(lines):
        return None, None
    line = lines[entry.line - 1].rstrip("\r\n")
    start = _characters(line, entry.start)
    end = _characters(line, entry.end) if entry.end_line == entry.line else len(line.rstrip())
    return start, max(start, end)


def _characters(line: str, offset: int) -> int:
    return len(line.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "replace"))


def segment(entry: Entry, lines: list[str]) -> str:
    start, end = columns(entry, lines)
    if start is None or end is None or entry.end_line != entry.line:
        return ""
    return lines[entry.line - 1][start:end]


def anchor(lines: list[str], entry: Entry, start: int | None, end: int | None) -> list[int] | None:
    """Within `a + b` and `a[b]`, the part to point at, as [from, to) columns: the operator, the brackets (PEP 657)."""
    if start is None or end is None or entry.end_line != entry.line or end - start > 500:
        return None
    segment = lines[entry.line - 1][start:end]
    try:
        tree = ast.parse(segment)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(tree.body) != 1 or not isinstance(statement := tree.body[0], ast.Expr):
        return None
    node = statement.value
    raw = segment.encode("utf-8", "surrogatepass")
    if isinstance(node, ast.BinOp):
        left, right = node.left.end_col_offset or 0, node.right.col_offset
        operator = raw[left:right]
        skip = next((index for index, byte in enumerate(operator) if chr(byte) not in " )\\"), None)
        if skip is None:
            return None
        width = 2 if operator[skip + 1 : skip + 2].strip() not in (b"", b"(") else 1
        points = left + skip, left + skip + width
    elif isinstance(node, ast.Subscript):
        points = node.value.end_col_offset or 0, (node.slice.end_col_offset or 0) + 1
        while raw[points[0] : points[0] + 1] not in (b"[", b""):
            points = points[0] + 1, points[1]
        points = points[0], max(points[1], raw.rfind(b"]") + 1)
    else:
        return None
    return [start + _characters(segment, point) for point in points]

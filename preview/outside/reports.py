"""Error reports on the supervisor's side: checks those that a child sends, writes those that none can send any more.

A child's report is hostile: it is decoded into the one shape that preview.inside.report documents, and nothing else
of it is kept. Texts in it are not to be trusted further; the error page escapes them.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from preview import protocol
from preview.outside.limits import Limits

Text = Annotated[str, msgspec.Meta(max_length=16_384)]
Name = Annotated[str, msgspec.Meta(max_length=1024)]
Number = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]

_MAX_DUMPED_FRAMES = 50
_MAX_NESTED = 32
"""Reports within reports: over twice what a child makes of causes, contexts and groups."""


class Source(msgspec.Struct):
    first: Number
    lines: Annotated[list[Text], msgspec.Meta(max_length=200)]


class Frame(msgspec.Struct, omit_defaults=False):
    path: Name | None
    abs: Name
    line: Number
    function: Name
    user: bool
    end_line: Number | None = None
    col: Number | None = None
    end_col: Number | None = None
    anchor: tuple[Number, Number] | None = None
    qualname: Name = ""
    source: Source | None = None
    locals: Annotated[list[tuple[Name, Name, Text]], msgspec.Meta(max_length=200)] = []
    repeated: Number = 0
    omitted: Number = 0


class Syntax(msgspec.Struct):
    path: Name | None
    abs: Name
    line: Number
    col: Number | None = None
    end_col: Number | None = None
    text: Text | None = None
    source: Source | None = None


class Hint(msgspec.Struct):
    suggest: Text | None = None
    text: Text = ""
    path: Name | None = None
    line: Number | None = None
    private: bool = False


class Asked(msgspec.Struct):
    method: Name
    url: Text


class Report(msgspec.Struct):
    """The shape; see preview.inside.report."""

    kind: Literal["exception", "limit", "crash"]
    type: Name
    message: Text
    module: Name = ""
    notes: Annotated[list[Text], msgspec.Meta(max_length=50)] = []
    frames: Annotated[list[Frame], msgspec.Meta(max_length=200)] = []
    hint: Hint | None = None
    syntax: Syntax | None = None
    cause: Report | None = None
    context: Report | None = None
    suppress: bool = False
    group: Annotated[list[Report], msgspec.Meta(max_length=50)] = []
    left_out: Number = 0
    request: Asked | None = None


_decoder = msgspec.json.Decoder(Report)


def checked(payload: bytes) -> dict[str, Any]:
    """A child's report as plain data. Raises ProtocolError."""
    if len(payload) > protocol.MAX_REPORT:
        raise protocol.ProtocolError(f"an error report of {len(payload)} bytes")
    try:
        decoded = _decoder.decode(payload)
        _check_nesting(decoded)
        report: dict[str, Any] = msgspec.to_builtins(decoded)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise protocol.ProtocolError(f"an error report that is none: {error}") from error
    return report


def _check_nesting(report: Report) -> None:
    """Raises ValueError. How deep a decoder goes before it gives up is Python's to decide, and differs by version."""
    level = [report]
    for _ in range(_MAX_NESTED):
        level = [inner for each in level for inner in (each.cause, each.context, *each.group) if inner is not None]
        if not level:
            return
    raise ValueError(f"reports within reports, more than {_MAX_NESTED}")


def limit(
    kind: str, message: str, last_words: bytes = b"", sources: Mapping[str, bytes] | None = None
) -> dict[str, Any]:
    """A report for a child that had to be killed at a limit; ``kind`` is the name shown, such as CPULimitExceeded."""
    return _written("limit", kind, message, last_words, sources)


def too_many(waiting: int, streaming: int, limits: Limits) -> dict[str, Any]:
    """A report for a request that its child was not asked, as it holds so many already."""
    return limit(
        "TooManyRequests",
        f"This worker holds {waiting} requests and {streaming} streams; {limits.in_flight} and {limits.streams} at once are "
        "the limit.",
    )


def crash(message: str, last_words: bytes = b"", sources: Mapping[str, bytes] | None = None) -> dict[str, Any]:
    """A report for a child that ended by itself. ``last_words`` is what faulthandler wrote, if anything."""
    return _written("crash", "WorkerStopped", message, last_words, sources)


def death(status: int | None) -> str:
    """The sentence for a wait status; None where the whole sandbox went down."""
    if status is None:
        return "The sandbox was restarted while this request was being answered. Try again."
    if status & 0x7F:
        number = status & 0x7F
        if number == signal.SIGSYS:
            return "The worker was stopped: it made a system call that no worker may make."
        if number == signal.SIGKILL:
            return "The worker was stopped by the system, most likely because the machine ran out of memory."
        return f"The Python interpreter crashed ({_signal_name(number)})."
    return (
        f"The worker ended its own process with status {status >> 8} (os._exit?). A worker runs until it is replaced."
    )


def as_record(report: dict[str, Any]) -> dict[str, Any]:
    """A log record of a report that no request waits for, with the line of the worker's own that it points at."""
    user = next((frame for frame in reversed(report["frames"]) if frame["user"]), None)
    where = f" at {user['path']}:{user['line']} in {user['qualname'] or user['function']}" if user else ""
    return {
        "level": "error",
        "text": f"{report['type']}: {report['message']}{where}"[:4000],
        "at": int(time.time() * 1000),
        "path": user["path"] if user else "",
        "line": user["line"] if user else 0,
    }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _written(
    kind: str, type_: str, message: str, last_words: bytes, sources: Mapping[str, bytes] | None
) -> dict[str, Any]:
    report = Report(kind=kind, type=type_, message=message, frames=_frames(last_words, sources or {}))  # type: ignore[arg-type]
    return msgspec.to_builtins(report)  # type: ignore[no-any-return]


_DUMPED = re.compile(r'^  File "(?P<file>[^"\n]{1,1024})", line (?P<line>\d{1,9}) in (?P<function>[^\n]{1,200})$')


def _frames(last_words: bytes, sources: Mapping[str, bytes]) -> list[Frame]:
    """The thread in user code, from a faulthandler dump, outermost frame first; the worker may have forged it."""
    threads: list[list[Frame]] = [[]]
    for line in last_words[-65536:].decode("utf-8", "replace").splitlines():
        if found := _DUMPED.match(line):
            threads[-1].append(_frame(found["file"], int(found["line"]), found["function"], sources))
        elif threads[-1]:
            threads.append([])
    for frames in reversed(threads):
        users = [index for index, frame in enumerate(frames) if frame.user]
        if users:
            return frames[: users[-1] + 1][:_MAX_DUMPED_FRAMES][::-1]
    return []


def _frame(file: str, line: int, function: str, sources: Mapping[str, bytes]) -> Frame:
    user = file.startswith("/worker/")
    path = file.removeprefix("/worker/") if user else None
    lines = sources.get(path, b"").decode("utf-8", "replace").splitlines() if path else []
    first = max(1, line - 3)
    window = [text[:300] for text in lines[first - 1 : line + 2]]
    return Frame(
        path=path, abs=file, line=line, end_line=line, function=function, qualname=function, user=user,
        source=Source(first, window),
    )  # fmt: skip

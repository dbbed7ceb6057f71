"""Errors that no request waits for, and warnings, as log records with their line: nothing a worker does fails in silence.

Runs beside untrusted code. The child installs it when a worker is loaded. Background tasks, threads, finalizers and
callbacks of the event loop end here; `describe` is used for what is logged with an exception as well.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from preview.inside import report

Emit = Callable[[str, str, str, int], None]
"""Takes (level, text, path, line)."""

_MAX_TEXT = 8000  # characters of one description: several records, of which the first hold what matters
_MAX_EXCEPTIONS = 4  # of a chain


def install(loop: asyncio.AbstractEventLoop, emit: Emit) -> None:
    """Takes over what Python and the event loop call for errors that nobody caught."""

    def tell(error: BaseException | None, before: str) -> None:
        if error is None:
            emit("error", before, "", 0)
            return
        text, path, line = describe(error)
        emit("error", f"{before}\n{text}" if before else text, path, line)

    def in_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        what = context.get("exception"), str(context.get("message") or "An error in the event loop")
        # A callback's context says which request it is of. From Python 3.12 on the loop itself has entered it.
        handle = context.get("handle")
        around = getattr(handle, "_context", None)
        if isinstance(around, contextvars.Context) and not hasattr(handle, "get_context"):
            around.run(tell, *what)
        else:
            tell(*what)

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if not issubclass(arguments.exc_type, SystemExit):
            tell(arguments.exc_value, f"An error ended the thread {getattr(arguments.thread, 'name', '?')}")

    def unraisable(arguments: Any) -> None:
        tell(arguments.exc_value, str(arguments.err_msg or "An error that could not be raised"))

    def warn(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        user = filename.startswith("/worker/")
        text = f"{category.__name__}: {message}"[:_MAX_TEXT]
        emit("warning", text, filename[8:] if user else "", lineno if user else 0)

    loop.set_exception_handler(in_loop)
    threading.excepthook, sys.unraisablehook, warnings.showwarning = in_thread, unraisable, warn


def describe(error: BaseException) -> tuple[str, str, int]:
    """(a traceback as text, path, line of the worker's innermost frame). Runs no more of the worker's than a report does."""
    made = report.make(error, locals_=False, request=None)
    parts: list[str] = []
    chain: dict[str, Any] | None = made
    while chain is not None and len(parts) < _MAX_EXCEPTIONS:
        parts.append(_one(chain))
        earlier = chain["cause"] or chain["context"]
        if earlier is not None:
            parts[-1] = ("caused by the error above: " if chain["cause"] else "while handling it: ") + parts[-1]
        chain = earlier
    users = [frame for frame in made["frames"] if frame["user"]]
    place = (users[-1]["path"], users[-1]["line"]) if users else ("", 0)
    return "\n".join(reversed(parts))[:_MAX_TEXT], *place


def _one(made: dict[str, Any]) -> str:
    message = f"{made['type']}: {made['message']}" if made["message"] else made["type"]
    lines = [message, *made["notes"]]
    for frame in reversed(made["frames"]):
        lines.append(f"  at {frame['path'] or frame['abs']}:{frame['line']} in {frame['qualname']}")
        if frame["repeated"]:
            lines.append(f"  … the same call {frame['repeated']:,} more times")
    for member in made["group"]:
        lines += ["  | " + line for line in _one(member).splitlines()]
    return "\n".join(lines)

"""What a visitor reads where there is no answer from a worker, and who may see how much of it.

``front`` asks for a page when a request fails; ``programs`` makes the report of a program that cannot run at all. The
pages themselves, in HTML, JSON and text, are ``error_page``'s and ``notices``' work.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from preview.bundle import ConfigError
from preview.exchange import Host, Program
from preview.outside import error_page, pages
from preview.outside.policy import Headers

if TYPE_CHECKING:
    from preview.outside.children import Unparsed

UNKNOWN = (
    404,
    "No worker answers here",
    "No deployed worker has this name, and the address of a preview ends with the session that it belongs to.",
    "Check the name, or open the worker in Quick Edit again.",
)
NO_HANDLER_HINT = "Add a class Default(WorkerEntrypoint) with a method fetch to the main module."


class Refuse(Exception):
    """A request that goes no further, and the notice that says why."""

    def __init__(self, status: int, title: str, message: str = "", next_step: str = "") -> None:
        super().__init__(title)
        # Who meets a runner that is starting need not press a key: the page asks again.
        self.notice = error_page.Notice(title, message, next_step, status, refresh=2 if status == 503 else None)


# --- reports of what never ran ----------------------------------------------------------------------------------------


def plain_report(kind: str, message: str, notes: list[str] | None = None) -> dict[str, Any]:
    """A report without frames, in the shape that ``preview.inside.report`` documents."""
    return {
        "kind": "exception",
        "type": kind,
        "module": "",
        "message": message,
        "notes": notes or [],
        "frames": [],
        "hint": None,
        "syntax": None,
        "cause": None,
        "context": None,
        "suppress": False,
        "group": [],
        "left_out": 0,
        "request": None,
    }


GONE = plain_report("WorkerGone", "The worker stopped before it could answer.", ["Ask again: another one is started."])


def config_report(error: ConfigError, modules: Mapping[str, bytes]) -> dict[str, Any]:
    """A configuration that cannot be run, with the line at fault."""
    report = plain_report("No main module" if error.code == "no-main" else "Bad configuration", error.message)
    if error.hint:
        report["notes"] = [error.hint]
    if error.path in modules and error.line:
        report["syntax"] = _place(modules, error.path, error.line, None)
    return report


def syntax_report(error: Unparsed, modules: Mapping[str, bytes]) -> dict[str, Any]:
    """A module that does not parse, where no earlier draft can answer in its place."""
    report = plain_report("SyntaxError", error.message)
    report["module"] = "builtins"
    column = error.column - 1 if error.column > 0 else None
    report["syntax"] = _place(modules, error.path, max(error.line, 1), column)
    return report


def _place(modules: Mapping[str, bytes], path: str, line: int, column: int | None) -> dict[str, Any]:
    lines = [text[:300] for text in modules.get(path, b"").decode("utf-8", "replace").splitlines()]
    first = max(1, line - 4)
    return {
        "path": path,
        "abs": f"/worker/{path}",
        "line": line,
        "col": column,
        "end_col": None if column is None else column + 1,
        "text": lines[line - 1] if line <= len(lines) else None,
        "source": {"first": first, "lines": lines[first - 1 : line + 2]},
    }


# --- what a report says, in a line ------------------------------------------------------------------------------------


def status_of(report: Mapping[str, Any]) -> int:
    """503 where a limit stopped the worker, so that a proxy or a client may try again; else 500."""
    return 503 if report.get("kind") == "limit" else 500


def summary(report: Mapping[str, Any]) -> str:
    """Type and message, on one line."""
    text = f"{report.get('type') or 'Error'}: {report.get('message') or ''}".split("\n", 1)[0]
    return encodable(text[:500].rstrip(": "))


def place(report: Mapping[str, Any]) -> tuple[str, int]:
    """Where the report points in the worker: (path, line), or ("", 0)."""
    syntax, frames = report.get("syntax"), report.get("frames")
    candidates = [syntax] if isinstance(syntax, dict) else []
    if isinstance(frames, list):
        candidates += [frame for frame in reversed(frames) if isinstance(frame, dict)]
    for candidate in candidates:
        path, line = candidate.get("path"), candidate.get("line")
        if isinstance(path, str) and path and type(line) is int and 0 < line < 1 << 31:
            return encodable(path[:1024]), line
    return "", 0


def full_text(report: dict[str, Any]) -> str:
    """The report as a traceback, without values: for the log of a deployed worker."""
    return error_page.render_text(report, error_page.PageContext(worker="", method="", path=""))


def encodable(text: str) -> str:
    """Text from a report, which may hold halves of surrogate pairs, as something that can be encoded."""
    return text.encode("utf-8", "replace").decode()


# --- pages ------------------------------------------------------------------------------------------------------------


def preview_failure(
    status: int,
    report: dict[str, Any],
    *,
    host: Host,
    program: Program,
    method: str,
    authority: str,
    target: str,
    headers: Headers,
    body_bytes: int,
    ms: float,
    error_id: str,
    printed: list[str],
    tier: str,
) -> tuple[int, Headers, bytes]:
    """The error page of a preview, in the form that the visitor accepts. Values only under a private label."""
    context = error_page.PageContext(
        worker=program.worker,
        method=method,
        path=target,
        headers=_texts(headers),
        host=authority,
        body_bytes=body_bytes,
        status=status,
        revision=program.revision if program.version is None else None,
        version=program.version,
        ms=ms,
        at=time.time() - ms / 1000,
        private=host.private,
        editor_origin=host.editor_origin,
        error_id=error_id,
        tier=tier,
        printed=printed if host.private else (),
    )
    return _response(error_page.answer(report, context))


def deployed_failure(status: int, error_id: str) -> tuple[int, Headers, bytes]:
    """What visitors of a deployed worker see of a failure: an id that its owner finds in the log."""
    text = f"Internal server error. The worker's owner finds it in the log under {error_id}.\n"
    status, headers, body = _response(pages.text_page(status, text))
    headers.append((b"x-quickedit-error", error_id.encode()))
    return status, headers, body


def notice(said: error_page.Notice, request_headers: Headers) -> tuple[int, Headers, bytes]:
    """A short answer of the front's own, where no worker was asked."""
    return _response(error_page.answer_notice(said, _texts(request_headers)))


def _texts(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _response(page: pages.Page) -> tuple[int, Headers, bytes]:
    return page.status, [(name.encode("latin-1"), value.encode("latin-1")) for name, value in page.headers], page.body

"""The error page: a report and its request as a page for people, a traceback for terminals, and JSON for programs.

The front calls `answer`, which takes the form from the request's Accept header; `render_html`, `render_text` and
`render_json` make one form each. Reports come from hostile children: they are read strictly by `report_model.read` and
escaped here. Locals, request headers and what was printed appear only where `PageContext.private` is set (O15).

A click on a frame posts `{open: path, line}` to the parent, at exactly `PageContext.editor_origin` (O14); the page
takes `{theme: "light" | "dark" | "system"}` from there. Whoever calls `render_html` itself passes a nonce and sends
`pages.content_security_policy` with it; `answer` does both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from preview.outside import error_text, pages, report_model
from preview.outside.error_frames import CODE_ICON, TWISTY, Traceback, hint_html, place_link
from preview.outside.notices import Notice, answer_notice, render_notice
from preview.outside.report_model import Frame, Report, printable, secret_name

__all__ = [
    "Notice",
    "PageContext",
    "answer",
    "answer_notice",
    "render_html",
    "render_json",
    "render_notice",
    "render_text",
]

_MAX_TITLE = 240  # characters of a message in the heading; the rest stands below it
_MAX_PRINTED = 200
_USUAL = frozenset(["accept", "cache-control", "connection", "dnt", "pragma", "priority", "upgrade-insecure-requests"])
_COPY_ICON = (
    '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><rect x="5.6" y="5.6" width="7.9" height="7.9" rx="1.4"/>'
    '<path d="M10.4 5.4V3.9a1.4 1.4 0 0 0-1.4-1.4H3.9a1.4 1.4 0 0 0-1.4 1.4V9a1.4 1.4 0 0 0 1.4 1.4h1.5"/></svg>'
)
_AGAIN_ICON = (
    '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">'
    '<path d="M13.2 8a5.2 5.2 0 1 1-1.6-3.8L13.2 5.7M13.2 2.6v3.1h-3.1"/></svg>'
)


@dataclass(frozen=True, slots=True)
class PageContext:
    """The request that failed, and who may see what."""

    worker: str
    method: str
    path: str
    """The request's target with its query, as it came."""
    headers: Sequence[tuple[str, str]] = ()
    host: str = ""
    body_bytes: int = 0
    status: int = 500
    revision: int | None = None
    version: int | None = None
    ms: float | None = None
    at: float | None = None
    """When the request came, seconds since the epoch; None is now."""
    private: bool = False
    """A member's own preview label: locals, request headers and output may be shown."""
    editor_origin: str = ""
    """The page that may frame this one and open files; empty where there is none."""
    error_id: str = ""
    tier: str = ""
    printed: Sequence[str] = ()
    """What the worker printed during the request."""


def answer(report: Mapping[str, Any], context: PageContext) -> pages.Page:
    """The whole response, in the form that the request's Accept header asks for: HTML, JSON, else plain text."""
    form = pages.wanted_form(context.headers)
    if form == "html":
        nonce = pages.new_nonce()
        html = render_html(report, context, nonce=nonce)
        return pages.html_page(context.status, html, nonce=nonce, editor_origin=context.editor_origin)
    if form == "json":
        return pages.json_page(context.status, render_json(report, context))
    return pages.text_page(context.status, render_text(report, context))


def render_text(report: Mapping[str, Any], context: PageContext) -> str:
    """The traceback as CPython prints it."""
    return error_text.render(report_model.read(report), private=context.private)


def render_json(report: Mapping[str, Any], context: PageContext) -> dict[str, Any]:
    """What a program wants to know; ready for json.dumps."""
    read = report_model.read(report)
    place = _place(read)
    error: dict[str, Any] = {
        "kind": read.kind,
        "type": read.full_type,
        "message": read.message,
        "notes": list(read.notes),
        "path": place[0] if place else None,
        "line": place[1] if place else None,
        "hint": _hint_text(read, context.private),
        "frames": [_json_frame(frame, context.private) for frame in read.frames],
        "traceback": error_text.render(read, private=context.private),
    }
    return {
        "error": error,
        "worker": context.worker,
        "revision": context.revision,
        "version": context.version,
        "request": {"method": printable(context.method, 40), "path": _shown_path(context.path)},
        "id": context.error_id or None,
    }


def render_html(report: Mapping[str, Any], context: PageContext, *, nonce: str = "") -> str:
    """The page. Its style and script carry `nonce`, which the response's policy must name."""
    read = report_model.read(report)
    place = _place(read)
    title = f"{read.type} in {place[0]}, line {place[1]}" if place else read.type
    editor = bool(pages.exact_origin(context.editor_origin))
    traceback = Traceback(read, private=context.private, editor=editor).html()
    body = f"""<main class="page">
  <header class="head">
    {_eyebrow(context)}
    {_heading(read)}
    {_what_where_why(read, context)}
    {_actions(place if editor else None, context)}
  </header>
  <div class="cols">
    <section id="traceback" aria-label="Traceback">
      {'<div class="h"><h2>Traceback</h2><span>innermost first</span></div>' if traceback else ""}
      {traceback}
    </section>
    <aside class="aside" aria-label="Details">{"".join(_details(context))}</aside>
  </div>
  <p class="foot">{_foot(context)}</p>
</main>
<pre id="traceback-text" hidden>{escape(error_text.render(read, private=context.private))}</pre>"""
    return pages.document(title=title, body=body, nonce=nonce, editor_origin=context.editor_origin)


def _place(report: Report) -> tuple[str, int] | None:
    """The line of the worker's own code to look at first; in a group, its first member's where it has none itself."""
    if report.syntax is not None and report.syntax.path:
        return report.syntax.path, report.syntax.line
    frame = _crash(report)
    if frame is not None and frame.path:
        return frame.path, frame.line
    return next((place for member in report.group if (place := _place(member))), None)


def _crash(report: Report) -> Frame | None:
    return next((frame for frame in reversed(report.frames) if frame.user), None)


def _hint_text(report: Report, private: bool) -> str | None:
    hint = report.hint
    if hint is None or (hint.private and not private):
        return None
    meant = f"Did you mean '{hint.suggest}'? " if hint.suggest else ""
    place = f" {hint.path}, line {hint.line}." if hint.path else ""
    return (meant + hint.text + place).strip() or None


def _json_frame(frame: Frame, private: bool) -> dict[str, Any]:
    line = frame.source.line(frame.line)
    shown: dict[str, Any] = {
        "path": frame.path or frame.abs,
        "line": frame.line,
        "column": frame.col,
        "end_line": frame.end_line,
        "end_column": frame.end_col,
        "function": frame.qualname,
        "user": frame.user,
        "code": line.strip() if line is not None else None,
    }
    if private and frame.locals:
        shown["locals"] = [asdict(local) for local in frame.locals]
    return shown


def _eyebrow(context: PageContext) -> str:
    run = f"draft v{context.revision}" if context.revision is not None else ""
    if context.version is not None:
        run = f"v{context.version}"
    at = datetime.fromtimestamp(context.at, UTC) if context.at is not None else datetime.now(UTC)
    took = f", after {context.ms:.1f} ms" if context.ms is not None else ""
    worker = ", ".join(part for part in (context.worker, run) if part)
    path = _shown_path(context.path)
    request = f"{printable(context.method, 40)} {path if len(path) <= 160 else path[:160] + '…'}"
    return (
        f'<p class="eyebrow"><span class="st">{context.status}</span><span class="m">{escape(request)}</span>'
        f'<span>{escape(worker)}</span><span><time datetime="{at.isoformat(timespec="seconds")}">'
        f"{at.astimezone():%H:%M:%S}</time>{took}</span></p>"
    )


def _heading(report: Report) -> str:
    """The type and the first line of the message; what does not fit a heading follows in a box."""
    first, _, rest = report.message.strip().partition("\n")
    if len(first) > _MAX_TITLE:
        first, rest = first[:_MAX_TITLE].rstrip() + "…", report.message.strip()
    said = escape(first) or "No message"
    more = f'<pre class="more" tabindex="0">{escape(rest.strip(chr(10)))}</pre>' if rest.strip() else ""
    return f'<div><h1><span class="type">{escape(report.type)}</span>{said}</h1>{more}</div>'


def _what_where_why(report: Report, context: PageContext) -> str:
    rows = []
    place, crash = _place(report), _crash(report)
    if place:
        where = place_link(*place, target="f1")
        if report.syntax is None and crash is not None and crash.function != "<module>":
            where += f", in <code>{escape(crash.shown_name)}</code>"
        rows.append(f"<div><dt>Where</dt><dd>{where}</dd></div>")
    raised = report.frames[-1] if report.frames else None
    if raised is not None and not raised.user and report.syntax is None and not report.group:
        at = f"in <code>{escape(raised.function)}</code> of <code>{escape(raised.abs)}</code>, line {raised.line}"
        rows.append(f"<div><dt>Raised</dt><dd>{at}</dd></div>")
    if why := hint_html(report.hint, private=context.private):
        rows.append(f'<div class="hint"><dt>Why</dt><dd>{why}</dd></div>')
    rows += [f"<div><dt>Note</dt><dd>{escape(note)}</dd></div>" for note in report.notes]
    return f'<dl class="www">{"".join(rows)}</dl>' if rows else ""


def _actions(place: tuple[str, int] | None, context: PageContext) -> str:
    parts = []
    if place:
        parts.append(
            f'<a class="btn go" href="#traceback" data-open="{escape(place[0])}" data-line="{place[1]}">'
            f"{CODE_ICON}Open in editor<kbd>E</kbd></a>"
        )
    parts.append(
        f'<button class="btn js" type="button" data-copy>{_COPY_ICON}<span aria-live="polite">Copy as text</span>'
        "<kbd>C</kbd></button>"
    )
    if context.method in ("GET", "HEAD"):
        parts.append(f'<a class="btn again" href="" data-again aria-label="Run the request again">{_AGAIN_ICON}')
        parts.append("<span>Try again</span></a>")
    return f'<div class="acts">{"".join(parts)}</div>'


def _details(context: PageContext) -> Iterator[str]:
    facts, usual = _request_facts(context)
    more = ""
    if usual:
        count = f"{len(usual)} more header{'s' if len(usual) > 1 else ''}"
        more = f'<details class="more-facts"><summary>{TWISTY}{count}</summary>{_facts(usual)}</details>'
    yield _section("Request", _facts(facts) + more)
    if context.private and context.printed:
        lines = [printable(line, 2000) for line in context.printed[-_MAX_PRINTED:]]
        yield _section("Printed before it", f'<pre class="out" tabindex="0">{escape(chr(10).join(lines))}</pre>')
    run = [("worker", context.worker, "")]
    if context.version is not None:
        run.append(("version", f"v{context.version}", ""))
    elif context.revision is not None:
        run.append(("draft", f"v{context.revision}", ""))
    if context.tier:
        run.append(("sandbox", context.tier, "p"))
    if context.error_id:
        run.append(("error id", context.error_id, ""))
    yield _section("Run", _facts(run))


_Facts = list[tuple[str, str, str]]


def _request_facts(context: PageContext) -> tuple[_Facts, _Facts]:
    """(name, value, class) of what the request is, and of the headers that every browser sends with all of them."""
    path, _, query = _shown_path(context.path).partition("?")
    facts = [("method", printable(context.method, 40), ""), ("url", context.host + path, "")]
    facts.append(("query", query, "") if query else ("query", "none", "p"))
    usual: _Facts = []
    if not context.private:
        return facts, usual
    facts.append(("body", f"{context.body_bytes:,} bytes" if context.body_bytes else "none", "p"))
    for name, value in sorted(context.headers)[:60]:
        lower = name.lower()
        if lower == "host" or lower.startswith("x-quickedit"):
            continue
        if lower == "cookie":
            count = value.count(";") + 1
            facts.append((lower, f"{count} cookie{'s, values' if count > 1 else ', value'} hidden", "p"))
        elif secret_name(lower):
            facts.append((printable(lower, 100), "hidden", "p"))
        else:
            kept = usual if lower in _USUAL or lower.startswith(("sec-", "accept-enc")) else facts
            kept.append((printable(lower, 100), printable(value, 500), ""))
    return facts, usual


def _shown_path(target: str) -> str:
    """The request's target without the values of parameters that are named like secrets."""
    path, mark, query = printable(target, 2000).partition("?")
    shown = []
    for pair in query.split("&"):
        name, equals, _ = pair.partition("=")
        shown.append(f"{name}=‹hidden›" if equals and secret_name(name) else pair)
    return path + mark + "&".join(shown)


def _section(title: str, content: str) -> str:
    return f'<section><div class="h"><h2>{title}</h2></div>{content}</section>'


def _facts(facts: Sequence[tuple[str, str, str]]) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd{f' class={css}' if css else ''}>{escape(value)}</dd>" for name, value, css in facts
    )
    return f'<dl class="facts">{rows}</dl>'


def _foot(context: PageContext) -> str:
    if context.private:
        return (
            "Only previews show this page. Once deployed, visitors get a plain 500 with an id, "
            "and this report goes to the live log."
        )
    return "A shared preview shows no values: open the worker in the editor to see locals and request headers."

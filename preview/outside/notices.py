"""Pages the runner answers with where no exception was raised: no such worker, no main module, a limit, starting.

In the look of the error page, with the same three forms. A notice says the fact, then the next step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from preview.outside import pages
from preview.outside.report_model import printable


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page says. `title` is the fact in a few words, `next_step` what the reader can do."""

    title: str
    message: str = ""
    next_step: str = ""
    status: int = 404
    worker: str = ""
    detail: str = ""
    """Preformatted text, such as a line of source or a command."""
    refresh: int | None = None
    """Seconds after which the page asks again; None for never."""


def answer_notice(notice: Notice, headers: Iterable[tuple[str, str]] = (), *, editor_origin: str = "") -> pages.Page:
    """The whole response, in the form that the request's Accept header asks for."""
    form = pages.wanted_form(headers)
    if form == "html":
        nonce = pages.new_nonce()
        html = _document(notice, nonce=nonce, editor_origin=editor_origin)
        page = pages.html_page(notice.status, html, nonce=nonce, editor_origin=editor_origin)
    elif form == "json":
        said = {"title": notice.title, "message": notice.message, "next_step": notice.next_step}
        page = pages.json_page(notice.status, {"error": said, "worker": notice.worker or None})
    else:
        parts = (notice.title, notice.message, notice.detail, notice.next_step)
        page = pages.text_page(notice.status, "\n".join(printable(part) for part in parts if part) + "\n")
    if notice.refresh is not None:
        page.headers.append(("retry-after", str(notice.refresh)))
    return page


def render_notice(
    title: str,
    message: str = "",
    next_step: str = "",
    *,
    status: int = 404,
    worker: str = "",
    detail: str = "",
    refresh: int | None = None,
    nonce: str = "",
    editor_origin: str = "",
) -> str:
    """A notice's HTML alone; `answer_notice` makes the whole response, in the form the client wants."""
    notice = Notice(title, message, next_step, status, worker, detail, refresh)
    return _document(notice, nonce=nonce, editor_origin=editor_origin)


def _document(notice: Notice, *, nonce: str, editor_origin: str) -> str:
    quiet = "" if notice.status >= 500 else " quiet"
    worker = f"<span>{escape(printable(notice.worker, 200))}</span>" if notice.worker else ""
    parts = [
        f'<p class="eyebrow"><span class="st{quiet}">{notice.status}</span>{worker}</p>',
        f"<h1>{escape(printable(notice.title, 400))}</h1>",
    ]
    if notice.message:
        parts.append(f'<p class="say">{escape(printable(notice.message))}</p>')
    if notice.detail:
        parts.append(f'<pre class="more" tabindex="0">{escape(printable(notice.detail))}</pre>')
    if notice.next_step:
        parts.append(f'<p class="next">{escape(printable(notice.next_step))}</p>')
    body = '<main class="page notice">\n' + "\n".join(parts) + "\n</main>"
    title = f"{notice.title} · {notice.worker}" if notice.worker else notice.title
    return pages.document(
        title=printable(title, 200), body=body, nonce=nonce, editor_origin=editor_origin, refresh=notice.refresh
    )

"""The shell of every page that the runner itself answers with: document, headers, and the form that a client wants.

Used by error_page and notices. A page is self-contained: one style and one script, both allowed by a nonce, and no
request to anywhere.
"""

from __future__ import annotations

import functools
import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

Form = Literal["html", "json", "text"]
HeaderList = Sequence[tuple[str, str]]

_ORIGIN = re.compile(r"https?://[a-zA-Z0-9.\-\[\]:]+")
_HERE = Path(__file__).parent
_FORMS: dict[str, Form] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/json": "json",
    "text/plain": "text",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A whole response: `headers` are complete but for content-length."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def new_nonce() -> str:
    return secrets.token_urlsafe(16)


def wanted_form(headers: Iterable[tuple[str, str]]) -> Form:
    """html, json or text, from the Accept header; plain text where it names none of them, as with curl."""
    accept = next((value for name, value in headers if name.lower() == "accept"), "")
    best: tuple[float, Form] = (0.0, "text")
    for part in accept.split(","):
        kind, _, parameters = part.partition(";")
        form = _FORMS.get(kind.strip().lower())
        quality = _quality(parameters)
        if form and quality > best[0]:
            best = quality, form
    return best[1]


def _quality(parameters: str) -> float:
    found = re.search(r"(?:^|;)\s*q=([0-9.]{1,5})", parameters)
    try:
        return float(found[1]) if found else 1.0
    except ValueError:
        return 0.0


def exact_origin(origin: str) -> str:
    """`origin` if it is nothing but an origin, else an empty str: it goes into a policy and a script."""
    return origin if _ORIGIN.fullmatch(origin) else ""


def content_security_policy(nonce: str, editor_origin: str) -> str:
    """The policy for a page of ours: nothing is fetched, and nobody but the editor's page may frame it."""
    ancestors = exact_origin(editor_origin) or "'none'"
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {ancestors}"
    )


def html_page(status: int, document: str, *, nonce: str, editor_origin: str) -> Page:
    headers = _headers("text/html; charset=utf-8")
    headers.append(("content-security-policy", content_security_policy(nonce, editor_origin)))
    return Page(status, headers, document.encode("utf-8", "replace"))


def text_page(status: int, text: str) -> Page:
    return Page(status, _headers("text/plain; charset=utf-8"), text.encode("utf-8", "replace"))


def json_page(status: int, value: dict[str, Any]) -> Page:
    body = json.dumps(value, ensure_ascii=True, indent=2) + "\n"
    return Page(status, _headers("application/json"), body.encode("ascii"))


def _headers(content_type: str) -> list[tuple[str, str]]:
    return [
        ("content-type", content_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ]


def document(*, title: str, body: str, nonce: str, editor_origin: str, refresh: int | None = None) -> str:
    """A whole HTML document around `body`, which is HTML already. `refresh` reloads it after so many seconds."""
    origin = exact_origin(editor_origin)
    attribute = escape(nonce)
    return f"""<!doctype html>
<html lang="en"{f' data-editor="{escape(origin)}"' if origin else ""}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
{f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""}<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style nonce="{attribute}">{_asset("error_page.css")}</style>
<script nonce="{attribute}">{_asset("error_page.js")}</script>
<noscript><style nonce="{attribute}">.js, .open, .go {{ display: none; }}</style></noscript>
</head>
<body>
{body}
</body>
</html>
"""


@functools.cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")

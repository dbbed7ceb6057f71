"""The error page: escaped whatever a child sends, values only where they may be seen, one form a client."""
# ruff: noqa: E501 - a program a line

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preview.inside import report
from preview.outside import error_page, highlight, pages, report_model
from tests.unit.preview.worker_code import raised

XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'></title></style></script></pre></textarea><svg/onload=alert(1)>",
    "</script><!--<script>",
    "javascript:alert(1)",
    "`<b onmouseover=alert(1)>`",
    "\u2028alert(1)\u2029",
    "&lt;script&gt;",
]
HTML = [("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]


def context(**changes: Any) -> error_page.PageContext:
    known: dict[str, Any] = {
        "worker": "order-status", "method": "GET", "path": "/orders/1042?coupon=x", "headers": HTML, "revision": 318,
        "ms": 2.4, "at": 1_700_000_000.0, "private": True, "editor_origin": "http://localhost:8000", "error_id": "01JD",
        "printed": ["rendering order 1042"],
    }  # fmt: skip
    return error_page.PageContext(**(known | changes))


def sample(*, locals_: bool = True) -> dict[str, Any]:
    return report.make(
        raised("""
            prices = {'tea': 3}

            def total(order):
                canary = 'local-' + 'canary-4711'
                return prices[order]

            def run():
                try:
                    total('cofee')
                except KeyError as error:
                    error.add_note('a note')
                    raise ValueError('no such order') from error
        """),
        locals_=locals_,
        request=None,
    )


class Elements(HTMLParser):
    """The elements of a page, their attributes, and its text outside of style and script."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.text += data


def replaced(value: Any, text: str) -> Any:
    """`value` with every str in it replaced, but for those that choose a shape."""
    if isinstance(value, dict):
        return {key: each if key == "kind" else replaced(each, text) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, text) for each in value]
    return text if isinstance(value, str) else value


# --- hostile reports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", XSS)
def test_O14_no_text_of_a_report_or_a_request_becomes_markup(text: str) -> None:
    hostile = replaced(sample(), text)
    hostile["syntax"] = {"path": text, "abs": text, "line": 1, "col": 0, "end_col": 2, "text": text,
                         "source": {"first": 1, "lines": [text, text]}}  # fmt: skip
    hostile["hint"] = {"suggest": text, "text": text, "path": text, "line": 3, "private": False}
    hostile["group"] = [replaced(sample(), text)]
    page = context(
        worker=text, method=text, path=text, host=text, headers=[(text, text), ("accept", text)], error_id=text,
        tier=text, printed=[text], editor_origin=text,
    )  # fmt: skip
    elements = Elements(error_page.render_html(hostile, page, nonce="N"))
    allowed = {"html", "head", "meta", "link", "title", "style", "script", "noscript", "body", "main", "header", "p", "span",
               "h1", "h2", "pre", "dl", "dt", "dd", "div", "a", "b", "mark", "code", "button", "kbd", "svg", "path", "rect",
               "section", "aside", "details", "summary", "table", "tr", "th", "td", "i", "time"}  # fmt: skip
    assert {tag for tag, _ in elements.found} <= allowed
    assert [attributes.get("nonce") for tag, attributes in elements.found if tag in ("script", "style")] == ["N"] * 3
    for tag, attributes in elements.found:
        assert not any(name.startswith("on") or name in ("style", "src", "srcdoc") for name in attributes)
        href = attributes.get("href")
        assert tag == "link" or href is None or href == "" or re.fullmatch(r"#[a-z0-9]+", href)
    assert "data-editor" not in dict(elements.found)["html"]  # what is no origin gets no messages


def test_a_path_goes_to_the_editor_as_it_is() -> None:
    path = 'a "quoted" <folder>/m&m\'s.py'
    shown = sample()
    shown["frames"][-1]["path"] = path
    elements = Elements(error_page.render_html(shown, context()))
    assert path in [attributes.get("data-open") for _, attributes in elements.found]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*sample(), "lines", "line", "x"]), inner)
    ),
    max_leaves=40,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(json_values)
def test_S16_any_json_makes_a_page_a_text_and_json(value: Any) -> None:
    report_model.read(value)
    forged = {**sample(), **value} if isinstance(value, dict) else value
    assert error_page.render_html(forged, context()).endswith("</html>\n")
    error_page.render_text(forged, context()).encode("utf-8")
    json.dumps(error_page.render_json(forged, context())).encode("ascii")


def test_S16_a_report_nested_a_thousand_deep_makes_a_page() -> None:
    deep: dict[str, Any] = {"type": "E"}
    for _ in range(900):
        deep = {"type": "E", "cause": deep, "group": [deep]}
    assert len(error_page.render_html(deep, context())) < 2_000_000


def test_S16_a_report_of_the_largest_size_makes_a_page_quickly() -> None:
    frame = {"path": "m.py", "abs": "/worker/m.py", "line": 5, "function": "f", "user": True,
             "source": {"first": 1, "lines": ["'" * 1000] * 200}, "locals": [["a", "b", "c" * 1000]] * 200}  # fmt: skip
    html = error_page.render_html({"type": "E", "message": "m" * 100_000, "frames": [frame] * 200}, context())
    assert len(html) < 12_000_000


def test_escape_sequences_do_not_reach_a_terminal() -> None:
    text = error_page.render_text({"type": "E\x1b[31m", "message": "\x1b]0;owned\x07\x9b2J\r"}, context())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "\\x1b]0;owned" in text


# --- who sees what ----------------------------------------------------------------------------------------------------


def test_O15_a_private_label_shows_locals_headers_and_output() -> None:
    html = Elements(error_page.render_html(sample(), context(headers=[*HTML, ("x-trace", "header-canary")]))).text
    for said in ("local-canary-4711", "header-canary", "rendering order 1042", "prices holds 'tea'"):
        assert said in html


@pytest.mark.parametrize("form", ["html", "json", "text"])
def test_O15_a_share_link_shows_none_of_them_even_if_the_child_sent_them(form: str) -> None:
    accept = {"html": "text/html", "json": "application/json", "text": "*/*"}[form]
    shared = context(private=False, headers=[("accept", accept), ("x-trace", "header-canary")])
    body = error_page.answer(sample(locals_=True), shared).body.decode()
    assert "no such order" in body
    for hidden in ("local-canary-4711", "header-canary", "rendering order", "holds"):
        assert hidden not in body


def test_K6_credentials_of_the_request_are_never_shown() -> None:
    headers = [
        ("accept", "text/html"), ("Cookie", "session=leak-1; theme=leak-2"), ("Authorization", "Bearer leak-3"),
        ("X-Api-Key", "leak-4"), ("Proxy-Authorization", "leak-5"), ("X-CSRF-Token", "leak-6"),
    ]  # fmt: skip
    page = context(headers=headers, path="/?access_token=leak-7&page=2")
    for body in (error_page.answer(sample(), page).body.decode(), json.dumps(error_page.render_json(sample(), page))):
        assert "leak-" not in body
    text = Elements(error_page.render_html(sample(), page)).text
    assert "2 cookies, values hidden" in text
    assert "page=2" in text


# --- forms and headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "html"),
        ("application/json", "json"),
        ("application/json, text/plain, */*", "json"),
        ("text/html;q=0.5, application/json", "json"),
        ("*/*", "text"),
        ("", "text"),
        ("text/plain", "text"),
        ("text/html;q=0", "text"),
        ("text/html;q=., application/json;q=x", "json"),
        ("image/png", "text"),
    ],
)
def test_the_accept_header_chooses_the_form(accept: str, form: str) -> None:
    assert pages.wanted_form([("ACCEPT", accept)]) == form


def test_curl_gets_the_traceback_and_a_program_gets_json() -> None:
    plain = error_page.answer(sample(), context(headers=[("Accept", "*/*")]))
    assert plain.body.startswith(b"Traceback (most recent call last):\n")
    assert dict(plain.headers)["content-type"] == "text/plain; charset=utf-8"
    data = json.loads(error_page.answer(sample(), context(headers=[("accept", "application/json")])).body)
    assert (data["error"]["type"], data["error"]["path"], data["error"]["line"]) == ("ValueError", "main.py", 12)
    assert data["error"]["frames"][0]["code"] == "raise ValueError('no such order') from error"
    assert (data["worker"], data["revision"], data["id"]) == ("order-status", 318, "01JD")


def test_O4_only_the_editors_page_may_frame_it_and_its_script_has_a_nonce() -> None:
    first, second = (error_page.answer(sample(), context()) for _ in range(2))
    policy = dict(first.headers)["content-security-policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]{20,})'", policy)
    assert nonce
    assert f'<script nonce="{nonce[1]}">' in first.body.decode()
    assert "default-src 'none'" in policy
    assert policy.endswith("frame-ancestors http://localhost:8000")
    assert dict(second.headers)["content-security-policy"] != policy
    assert dict(first.headers)["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("origin", ["", "*", "http://a b", "http://x; script-src *", "http://a.example/path", "null"])
def test_O4_what_is_no_origin_may_not_frame_it(origin: str) -> None:
    policy = dict(error_page.answer(sample(), context(editor_origin=origin)).headers)["content-security-policy"]
    assert policy.endswith("frame-ancestors 'none'")


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_what_where_and_why_come_first_and_in_this_order() -> None:
    text = Elements(error_page.render_html(sample(), context())).text
    order = ["GET /orders/1042?coupon=x", "order-status, draft v318", "ValueError", "no such order", "main.py, line 12", "Traceback",
             "It was caused by this", "KeyError: 'cofee'", "Request", "Printed before it"]  # fmt: skip
    found = [text.index(said, text.index("500")) for said in order]
    assert found == sorted(found)


def test_the_innermost_frame_of_the_worker_is_marked_and_libraries_are_folded() -> None:
    shown = report.make(raised("import json\n\ndef run():\n    json.loads('{x}')"), locals_=True, request=None)
    html = error_page.render_html(shown, context())
    assert html.count('class="frame crash" open') == 1
    assert "3 library frames: <code>json/decoder.py</code>, <code>json/__init__.py</code>" in html
    assert html.index("library frames") < html.index("frame crash")  # innermost first
    assert "<dt>Raised</dt><dd>in <code>raw_decode</code> of <code>json/decoder.py</code>" in html


def test_carets_stand_under_the_expression() -> None:
    shown = report.make(raised("größe = {}\nx = 1 + größe['a']"), locals_=True, request=None)
    html = error_page.render_html(shown, context())
    assert '<span aria-hidden="true"><span class="pad">x = 1 + </span>~~~~~^^^^^</span>' in html


def test_a_long_message_keeps_the_heading_short() -> None:
    html = error_page.render_html({"type": "E", "message": "word " * 400}, context())
    heading = re.search(r"<h1>(.*?)</h1>", html, re.DOTALL)
    assert heading and len(heading[1]) < 400
    assert '<pre class="more"' in html


def test_a_failed_post_is_not_offered_again_by_a_link() -> None:
    assert "Try again" in error_page.render_html(sample(), context(method="GET"))
    assert "Try again" not in error_page.render_html(sample(), context(method="POST"))


def test_the_text_to_copy_is_the_traceback() -> None:
    html = error_page.render_html(sample(), context())
    copied = re.search(r'<pre id="traceback-text" hidden>(.*?)</pre>', html, re.DOTALL)
    assert copied and copied[1].startswith("Traceback (most recent call last):")


def test_highlighting_keeps_the_text_and_the_lines() -> None:
    lines = [
        "def f(x: int) -> str:",
        "    '''doc",
        "    <b>&amp;'''",
        '\treturn f"{x!r:>10} <i>" # \\',
        "",
        "class É(A): pass",
    ]
    html = highlight.highlight(lines)
    assert [Elements(f"<p>{each}</p>").text for each in html] == lines
    assert '<span class="kd">def</span>' in html[0]
    assert '<span class="nf">f</span>' in html[0]
    assert highlight.highlight(["x" * 20_000]) == ["x" * 20_000]


# --- notices ----------------------------------------------------------------------------------------------------------


def test_a_notice_says_the_fact_and_the_next_step_in_every_form() -> None:
    notice = error_page.Notice(
        "No worker answers here", "It is <gone>.", "Deploy it again.", worker="shop", detail="a & b"
    )
    html = error_page.answer_notice(notice, HTML)
    assert html.status == 404
    assert "It is &lt;gone&gt;." in html.body.decode()
    text = error_page.answer_notice(notice, [("accept", "*/*")]).body.decode()
    assert text == "No worker answers here\nIt is <gone>.\na & b\nDeploy it again.\n"
    data = json.loads(error_page.answer_notice(notice, [("accept", "application/json")]).body)
    assert data["error"]["next_step"] == "Deploy it again."


def test_a_notice_that_waits_asks_again() -> None:
    page = error_page.answer_notice(error_page.Notice("Starting", refresh=2, status=503), HTML)
    assert dict(page.headers)["retry-after"] == "2"
    assert '<meta http-equiv="refresh" content="2">' in page.body.decode()
    assert "refresh" not in error_page.render_notice("Gone").split("<style")[0]

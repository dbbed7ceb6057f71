"""What HTMLRewriter promises of whole documents: responses, streams, bytes that stay as they are, and what hostile ones cost."""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.preview.markup import SYNTAX, HTMLRewriter, taken, through, workers

open_elements = importlib.import_module("workers._open_elements")


def test_the_response_keeps_all_but_its_length_and_is_used_up() -> None:
    headers = {"content-type": "text/html", "Content-Length": "8", "etag": '"a"', "set-cookie": "a=b"}
    response = workers.Response("<p>a</p>", 404, "Gone", headers)
    made = HTMLRewriter().on("p", {"text": lambda t: None}).transform(response)
    assert (made.status, made.status_text, response.body_used) == (404, "Gone", True)
    assert made.headers.items() == [("content-type", "text/html"), ("etag", '"a"'), ("set-cookie", "a=b")]
    assert response.headers["content-length"] == "8"
    with pytest.raises(OSError, match="already used"):
        HTMLRewriter().transform(response)
    fetched = workers.Response._received(200, [("content-length", "1")], b"a", "https://example.com/", True)
    made = HTMLRewriter().transform(fetched)
    assert (made.url, made.redirected, made.headers.items()) == ("https://example.com/", True, [])


def test_a_response_without_body_stays_without() -> None:
    for status in (200, 204, 304):
        made = HTMLRewriter().onDocument({"end": lambda e: e.append("x")}).transform(workers.Response(None, status))
        assert (made.status, made.body) == (status, None)


def test_what_is_no_html_is_refused() -> None:
    packed = workers.Response(b"\x1f\x8b", headers={"content-encoding": "GZIP"})
    with pytest.raises(ValueError, match=r"compressed \(GZIP\)"):
        HTMLRewriter().transform(packed)
    assert not packed.body_used
    with pytest.raises(TypeError, match="takes a Response, not str"):
        HTMLRewriter().transform("<p>")


async def test_a_stream_comes_out_as_it_comes_in_and_is_closed_where_a_handler_fails() -> None:
    steps: list[str] = []

    async def body() -> AsyncIterator[str]:
        try:
            for piece in ("<a>1", "<b>2", "<c>3", "<d>4"):
                steps.append(f"in {piece}")
                yield piece
        finally:
            steps.append("closed")

    def fail(element: Any) -> None:
        raise LookupError("of the handler")

    made = HTMLRewriter().on("c", {"element": fail}).transform(workers.Response(body()))
    assert steps == []
    with pytest.raises(LookupError, match="of the handler"):
        async for chunk in made.body:
            steps.append(f"out {chunk.decode()}")
    assert steps == ["in <a>1", "out <a>1", "in <b>2", "out <b>2", "in <c>3", "closed"]


async def test_a_long_body_lets_others_have_a_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await HTMLRewriter().transform(workers.Response(b"<a>" * 100_000)).bytes()
    task.cancel()
    assert turns >= 15


# --- whatever comes -------------------------------------------------------------------------------------------------

WHAT = st.lists(SYNTAX | st.sampled_from(["<p>", "</p>", "<svg>", "<b x='", "\udcff", "\udcc3"]), max_size=40).map(
    "".join
)


@given(WHAT, st.integers(0, 5))
def test_a_document_that_nobody_changes_comes_out_byte_for_byte(html: str, size: int) -> None:
    handlers = {"element": lambda e: e.onEndTag(lambda end: None) if e.tagName not in open_elements._VOID else None,
                "text": lambda t: t.text, "comments": lambda c: c.text}  # fmt: skip
    source = html.encode("utf-8", "surrogateescape")
    for rewriter in (HTMLRewriter(), HTMLRewriter().on("*, p > b:nth-of-type(2)", handlers).onDocument(handlers)):
        assert through(rewriter, source, size).encode("utf-8", "surrogateescape") == source


@given(WHAT, st.integers(1, 5))
def test_where_a_document_is_cut_changes_nothing(html: str, size: int) -> None:
    def element(element: Any) -> None:
        element.before("[").prepend("(").append(")").after("]").setAttribute("y", "")

    def made(size: int) -> str:
        handlers = {"element": element, "comments": lambda c: c.replace("c").after("d")}
        rewriter = HTMLRewriter().on("*", handlers).on("svg", {"element": lambda e: e.remove_and_keep_content()})
        return through(rewriter, html.encode("utf-8", "surrogateescape"), size)

    assert made(size) == made(0)


@pytest.mark.parametrize(
    "html",
    [lambda n: "<a>" * n, lambda n: "<a>" * n + "</a>" * n, lambda n: "<a>" * (n // 2) + "</b>" * n,
     lambda n: "<a><b></a>" * n, lambda n: "<svg>" * n + "</p>" * n, lambda n: "<a><svg>" * n,
     lambda n: "".join(f"<a{i}>" for i in range(n)), lambda n: "<br>" * n],
    ids=["open", "nested", "stray", "unclosed", "foreign", "breakouts", "names", "siblings"],
)  # fmt: skip
def test_elements_take_time_by_their_number_and_not_by_their_depth(html: Callable[[int], str]) -> None:
    def work(source: str) -> Callable[[], object]:
        rewriter = HTMLRewriter().on("a a a b, a > b :nth-of-type(2n+1), :not(a)", {"element": lambda e: e.append("x")})
        return lambda: through(rewriter, source)

    gc.disable()  # it looks at all that is there, again and again
    try:
        small, large = work(html(2_500)), work(html(10_000))
        assert taken(large) < 9 * taken(small) + 0.02
    finally:
        gc.enable()


def test_a_hundred_thousand_nested_elements_are_rewritten_and_more_than_twice_as_many_refused() -> None:
    heard: list[None] = []
    rewriter = HTMLRewriter().on("a a:first-child", {"element": lambda e: heard.append(None)})
    assert through(rewriter, "<a>" * 100_000) == "<a>" * 100_000
    assert len(heard) == 99_999
    with pytest.raises(ValueError, match="more than 200000 elements are open"):
        through(HTMLRewriter(), "<a>" * 200_001)

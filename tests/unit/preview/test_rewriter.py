"""`HTMLRewriter`: what handlers are given and can do, and what comes out."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.preview.markup import HTMLRewriter, through, workers

javascript = importlib.import_module("workers._javascript")


def changed(html: str, selector: str, change: Callable[[Any], object]) -> str:
    """With one handler of elements; the same however the document is cut."""
    made = through(HTMLRewriter().on(selector, {"element": change}), html)
    for size in (1, 2, 7):
        assert through(HTMLRewriter().on(selector, {"element": change}), html, size) == made
    return made


HTML = "<DIV CLASS=a  id='x' ><b>t</b></DIV ><img src=\"i\"/>"

CHANGES: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "before": ("div", lambda e: e.before("<1>").before("<2>", html=True),
               "&lt;1&gt;<2><DIV CLASS=a  id='x' ><b>t</b></DIV ><img src=\"i\"/>"),
    "after": ("div", lambda e: e.after("1").after("<2>", {"html": True}),
              "<DIV CLASS=a  id='x' ><b>t</b></DIV ><2>1<img src=\"i\"/>"),
    "prepend": ("div", lambda e: e.prepend("1").prepend("&2", {"html": False}),
                "<DIV CLASS=a  id='x' >&amp;21<b>t</b></DIV ><img src=\"i\"/>"),
    "append": ("div", lambda e: e.append("1").append("<2>", None),
               "<DIV CLASS=a  id='x' ><b>t</b>1&lt;2&gt;</DIV ><img src=\"i\"/>"),
    "replace": ("div", lambda e: e.replace("1").replace("<i>", javascript.to_js({"html": True})), '<i><img src="i"/>'),
    "replace, with company": ("div", lambda e: e.before("1").replace("2").after("3"), '123<img src="i"/>'),
    "remove": ("div", lambda e: e.remove(), '<img src="i"/>'),
    "remove and keep content": ("div", lambda e: e.removeAndKeepContent(), '<b>t</b><img src="i"/>'),
    "remove, keep and add": ("div", lambda e: e.remove_and_keep_content().prepend("1").append("2"), '1<b>t</b>2<img src="i"/>'),
    "set inner content": ("div", lambda e: e.prepend("0").append("0").setInnerContent("1").prepend("2").append("3"),
                          "<DIV CLASS=a  id='x' >213</DIV ><img src=\"i\"/>"),
    "set inner content to nothing": ("b", lambda e: e.set_inner_content(""), HTML.replace("t", "")),
    "set an attribute": ("div", lambda e: e.setAttribute("ID", 'y"&amp;'),
                         "<div CLASS=a id=\"y&quot;&amp;\"><b>t</b></DIV ><img src=\"i\"/>"),
    "add an attribute": ("div", lambda e: e.set_attribute("Title", 3).set_attribute("b", True),
                         "<div CLASS=a id='x' title=\"3\" b=\"true\"><b>t</b></DIV ><img src=\"i\"/>"),
    "remove an attribute": ("div", lambda e: e.removeAttribute("Class").remove_attribute("none"),
                            "<div id='x'><b>t</b></DIV ><img src=\"i\"/>"),
    "remove and set again": ("div", lambda e: e.remove_attribute("id").set_attribute("id", "z"),
                             "<div CLASS=a id=\"z\"><b>t</b></DIV ><img src=\"i\"/>"),
    "remove what is not there": ("div", lambda e: e.remove_attribute("none"), HTML),
    "name": ("div", lambda e: setattr(e, "tagName", "section"), "<section CLASS=a id='x'><b>t</b></section><img src=\"i\"/>"),
    "void: around": ("img", lambda e: e.before("1").after("2").after("3"),
                     "<DIV CLASS=a  id='x' ><b>t</b></DIV >1<img src=\"i\"/>32"),
    "void: inside": ("img", lambda e: e.prepend("1").append("2").setInnerContent("3"), HTML),
    "void: attribute": ("img", lambda e: e.setAttribute("alt", ""), HTML.replace('"i"/', '"i" alt="" /')),
    "void: name": ("img", lambda e: setattr(e, "tag_name", "x-y"), HTML.replace("img", "x-y").replace('"/', '" /')),
    "void: remove": ("img", lambda e: e.remove(), "<DIV CLASS=a  id='x' ><b>t</b></DIV >"),
    "void: replace": ("img", lambda e: e.replace("1"), "<DIV CLASS=a  id='x' ><b>t</b></DIV >1"),
    "bytes": ("b", lambda e: e.append("ä<".encode()), HTML.replace("t", "tä&lt;")),
    "a response": ("b", lambda e: e.append(workers.Response("<ä>"), html=True).append(workers.Response("<")),
                   HTML.replace("t", "t<ä>&lt;")),
    "a stream": ("b", lambda e: e.before(workers.Response(iter(["<", "ä>"])).body, html=True), HTML.replace("<b>", "<ä><b>")),
    "a single surrogate": ("b", lambda e: e.append("\udcff"), HTML.replace("t", "t?")),
}  # fmt: skip


@pytest.mark.parametrize(
    ("selector", "change", "expected"), CHANGES.values(), ids=[name.replace(" ", "-") for name in CHANGES]
)
def test_an_element_is_changed_as_documented(selector: str, change: Callable[[Any], object], expected: str) -> None:
    assert changed(HTML, selector, change) == expected


def test_an_element_says_what_it_is() -> None:
    found: list[Any] = []

    def look(element: Any) -> None:
        names = [element.tagName, element.tag_name, element.namespaceURI, element.removed]
        values = [element.getAttribute("CLASS"), element.get_attribute("b"), element.getAttribute("c")]
        there = [element.hasAttribute("B"), element.has_attribute("c")]
        element.setAttribute("c", '"').removeAttribute("b")
        found.append(
            [names, values, there, [[name, value] for name, value in element.attributes], element.getAttribute("c")]
        )
        element.remove()
        found.append(element.removed)

    through(HTMLRewriter().on("*", {"element": look}), "<P Class='a&amp;\xe9' b B=2>".encode("latin-1"))
    names = ["p", "p", "http://www.w3.org/1999/xhtml", False]
    assert found == [
        [names, ["a&amp;\ufffd", "", None], [True, False], [["class", "a&amp;\ufffd"], ["c", '"']], '"'],
        True,
    ]
    found.clear()
    names_of = {"element": lambda element: found.append(element.namespaceURI[-7:])}
    through(HTMLRewriter().on("*", names_of), "<svg><g></svg><math><mi></mi><annotation-xml><svg><title><i>")
    svg, math = "000/svg", "/MathML"
    assert found == [svg, svg, math, math, math, svg, svg, "9/xhtml"]


def test_a_second_attribute_of_a_name_goes_with_the_first() -> None:
    html = "<a b=1 c B=2>"
    assert changed(html, "a", lambda e: e.removeAttribute("b")) == "<a c>"
    assert changed(html, "a", lambda e: e.setAttribute("b", "3")) == '<a b="3" c>'
    assert changed(html, "a", lambda e: e.setAttribute("c", "3")) == '<a b=1 c="3" B=2>'
    assert changed("<a b=c/>", "a", lambda e: e.setAttribute("d", "")) == '<a b=c/ d="">'
    assert changed("<a b=c />", "a", lambda e: e.setAttribute("d", "")) == '<a b=c d="" />'
    assert changed("<a b=c />", "a", lambda e: e.append("x")) == "<a b=c>x"
    assert changed("<svg><g b=c /><g>", "g", lambda e: e.append("x").after("y")) == "<svg><g b=c />y<g>xy"


WRONG: dict[str, Callable[[Any], object]] = {
    "not an element's name": lambda e: setattr(e, "tagName", "1a"),
    "'a b' is not an element's name": lambda e: setattr(e, "tag_name", "a b"),
    "'a=' is not an attribute's name": lambda e: e.setAttribute("a=", ""),
    "'' is not an attribute's name": lambda e: e.setAttribute("", ""),
    "writes str, not dict": lambda e: e.append({}),
    "writes str, not NoneType": lambda e: e.setAttribute("a", None),
    "takes a function, not NoneType": lambda e: e.onEndTag(None),
}


@pytest.mark.parametrize(("why", "change"), WRONG.items())
def test_what_cannot_be_written_is_refused(why: str, change: Callable[[Any], object]) -> None:
    with pytest.raises((ValueError, TypeError), match=why):
        changed("<a>", "a", change)


def test_the_end_tag_is_heard_of_and_changed() -> None:
    def element(element: Any) -> None:
        element.append("3").after("6")
        element.onEndTag(lambda end: end.before(f"{end.name}4").after("5"))
        element.on_end_tag(lambda end: setattr(end, "name", "x"))

    assert changed("<a>1</A >2", "a", element) == "<a>13a4</x>562"
    assert (
        changed("<a>1</a>2", "a", lambda e: e.onEndTag(lambda end: end.remove().before(str(end.removed))))
        == "<a>1True2"
    )
    with pytest.raises(TypeError, match="<br> can have no content"):
        changed("<br>", "br", lambda e: e.onEndTag(print))


def test_an_element_without_end_tag_ends_where_one_around_it_does_or_the_document() -> None:
    def mark(element: Any) -> None:
        name = element.tagName
        element.append(f"[{name}").after(f"{name}]")
        element.onEndTag(lambda end: end.remove().before(f"!{end.name}"))

    assert changed("<ul><li>1<li>2</ul>3", "li", mark) == "<ul><li>1<li>2[li!lili][li!lili]</ul>3"
    assert changed("<p>1<b>2</b></i>3", "p", mark) == "<p>1<b>2</b></i>3[p!pp]"
    assert changed("<svg><g>1<p>2", "g", mark) == "<svg><g>1[g!gg]<p>2"
    assert changed("<svg><g>1</p>2", "g", mark) == "<svg><g>1[g!gg]</p>2"
    assert changed("<ul><li>1<li>2</ul>3", "li", lambda e: e.remove()) == "<ul></ul>3"
    assert changed("<ul><li>1<b></ul>3", "li", lambda e: setattr(e, "tagName", "dt")) == "<ul><dt>1<b></ul>3"


def test_what_is_left_out_with_an_element_is_heard_of_and_leaves_nothing() -> None:
    heard: list[str] = []

    def inner(element: Any) -> None:
        heard.append(element.tagName)
        element.before("no").after("no").append("no").onEndTag(
            lambda end: heard.append("/" + end.name) or end.after("no")
        )

    rewriter = HTMLRewriter().on("div", {"element": lambda e: e.replace("yes"), "text": lambda t: heard.append(t.text)})
    assert through(rewriter.on("b, i", {"element": inner}), "<div>1<b>2<i>3</b><!----></div>4</div>") == "yes4</div>"
    assert [each for each in heard if each] == ["1", "b", "2", "i", "3", "/i", "/b"]


def test_text_is_heard_of_in_chunks_and_changed() -> None:
    heard: list[tuple[str, bool]] = []

    def text(chunk: Any) -> None:
        assert chunk.last_in_text_node == chunk.lastInTextNode
        heard.append((chunk.text, chunk.lastInTextNode))
        if chunk.lastInTextNode:
            chunk.after("2").after("1")
        elif chunk.text != "&lt;":
            chunk.replace("<no>").replace("<yes>", html=True).before("<")
            assert chunk.removed

    html = "0<p>a<b>&lt;</b><script>c</script><br></p>9"
    rewriter = HTMLRewriter().on("p, b", {"text": text})
    assert through(rewriter, html) == "0<p>&lt;<yes>12<b>&lt;12</b><script>&lt;<yes>12</script><br></p>9"
    assert heard == [("a", False), ("", True), ("&lt;", False), ("", True), ("c", False), ("", True)]
    heard.clear()
    assert (
        through(HTMLRewriter().on("p", {"text": lambda t: t.remove()}), html, 1)
        == "0<p><b></b><script></script><br></p>9"
    )


def test_a_text_that_comes_in_pieces_is_whole_characters() -> None:
    heard: list[str] = []
    html = "<p>ä€𝄞</p>".encode() + b"<p>\xff\xc3</p>"
    rewriter = HTMLRewriter().on("p", {"text": lambda t: heard.append(t.text)})
    assert through(rewriter, html, 1).encode("utf-8", "surrogateescape") == html
    assert [each for each in heard if each] == ["ä", "€", "𝄞", "\ufffd", "\ufffd"]


def test_comments_are_heard_of_and_changed() -> None:
    def comments(comment: Any) -> None:
        if comment.text == " set ":
            comment.text = "ä"
            assert comment.text == "ä"
        elif comment.text == "replace":
            comment.replace("<b>", html=True).before("1").after("2").after("3")
        elif comment.text == "remove":
            assert not comment.removed
            assert comment.remove().removed

    html = "<!-- set --><p><!-- set --><!--replace--><!--remove--><!--kept--!></p>"
    assert (
        through(HTMLRewriter().on("p", {"comments": comments}), html) == "<!-- set --><p><!--ä-->1<b>32<!--kept--!></p>"
    )
    for text in ("-->", "a--!>", ">", "->"):
        with pytest.raises(ValueError, match="would end the comment"):
            through(HTMLRewriter().on("p", {"comments": lambda c, text=text: setattr(c, "text", text)}), html)


def test_a_cdata_section_is_text_in_svg_and_mathml_and_a_comment_elsewhere() -> None:
    heard: list[str] = []
    handlers = {"text": lambda t: heard.append(t.text), "comments": lambda c: heard.append(f"!{c.text}")}
    html = "<![CDATA[a]]><svg><![CDATA[<b>]]><title><p><![CDATA[c]]></svg><svg></svg><![CDATA[d]]>"
    assert through(HTMLRewriter().onDocument(handlers), html) == html
    assert [each for each in heard if each] == ["![CDATA[a]]", "<b>", "![CDATA[c]]", "![CDATA[d]]"]


def test_the_document_is_heard_of_as_a_whole() -> None:
    heard: list[Any] = []

    class Handlers:
        def doctype(self, doctype: Any) -> None:
            heard.append([doctype.name, doctype.publicId, doctype.public_id, doctype.systemId, doctype.system_id])

        def comments(self, comment: Any) -> None:
            heard.append(comment.text)

        async def text(self, chunk: Any) -> None:
            await asyncio.sleep(0)
            heard.append(chunk.text)

        def end(self, end: Any) -> None:
            end.append("<").append("<!--end-->", html=True)

    html = "<!DOCTYPE HTML PUBLIC \"-//P\" 's'>a<!--b--><p>c"
    assert through(HTMLRewriter().onDocument(Handlers()), html) == html + "&lt;<!--end-->"
    assert heard == [["html", "-//P", "-//P", "s", "s"], "a", "", "b", "c", ""]


@pytest.mark.parametrize(
    ("doctype", "expected"),
    {
        "<!doctype html>": ("html", None, None),
        "<!DOCTYPE>": (None, None, None),
        "<!doctypehtml SYSTEM'a'>": ("html", None, "a"),
        '<!DOCTYPE x system "">': ("x", None, ""),
        '<!DOCTYPE x PUBLIC "p">': ("x", "p", None),
        '<!DOCTYPE x PUBLIC"p""s"': ("x", "p", "s"),
        "<!DOCTYPE x PUBLIC p>": ("x", None, None),
        '<!DOCTYPE x PUBLIC "p>': ("x", "p", None),
    }.items(),
)
def test_a_doctype_has_a_name_and_identifiers(doctype: str, expected: tuple[str | None, ...]) -> None:
    heard: list[Any] = []
    rewriter = HTMLRewriter().on_document({"doctype": lambda d: heard.append((d.name, d.publicId, d.systemId))})
    assert through(rewriter, doctype) == doctype
    assert heard == [expected]


def test_handlers_come_in_many_forms_and_are_called_in_the_order_given() -> None:
    class Handlers:
        name = "object"

        def element(self, element: Any) -> None:
            element.append(f"{self.name} ")

    class Later:
        async def element(self, element: Any) -> None:
            await asyncio.sleep(0)
            element.append("async ")

    rewriter = HTMLRewriter.new()
    assert rewriter.on("a", Handlers()) is rewriter
    assert rewriter.onDocument({}) is rewriter
    rewriter.on("b", Handlers()).on("a", javascript.create_proxy(Handlers())).on("*", Later())
    rewriter.on("a", javascript.to_js({"element": lambda e: e.append("map ")}))
    rewriter.on("a", javascript.create_proxy({"element": lambda e: e.append("dict ")})).on("a", object())
    assert through(rewriter, "<a></a>") == through(rewriter, "<a></a>") == "<a>object object async map dict </a>"
    with pytest.raises(TypeError, match="the handler 'text' is a function of one argument, not str"):
        rewriter.on("a", {"text": "hello"})


def test_what_a_handler_was_given_is_of_no_use_afterwards() -> None:
    kept: list[Any] = []
    handlers = {
        "element": lambda e: kept.append(e) or e.onEndTag(kept.append),
        "text": kept.append,
        "comments": kept.append,
    }
    through(HTMLRewriter().on("a", handlers), "<a>b<!--c--></a>")
    assert len(kept) == 5
    for each in kept:
        with pytest.raises(TypeError, match=f"this {type(each).__name__} can be changed until the handler"):
            each.before("x")

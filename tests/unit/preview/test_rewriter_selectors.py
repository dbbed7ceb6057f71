"""The selectors that HTMLRewriter takes: what each matches while the document goes by, and what is said of any other."""

from __future__ import annotations

import re

import pytest

from tests.unit.preview.markup import HTMLRewriter, through


def matched(selector: str, html: str) -> str:
    """The ids of the elements that match, in the order of their start tags."""
    found: list[str] = []
    rewriter = HTMLRewriter().on(selector, {"element": lambda element: found.append(element.getAttribute("id") or "?")})
    assert through(rewriter, html) == html
    return " ".join(found)


PAGE = """<!DOCTYPE html><html id=html><body id=body class="x">
<DIV id=d1 class="a b"><p id=p1 class=b>1</p><img id=i1 src=x.png><p id=p2 title="A-b c">2</p><p id=p3 lang="en-GB">3</p></DIV>
<div id=d2><ul id=u><li id=l1><b id=b1></b></li><li id=l2></li><li id=l3 TYPE=Circle></li><li id=l4 data-x="Y z"></li></ul></div>
<svg id=s><circle id=c type=Circle /><foreignObject id=f><p id=p4></p></foreignObject></svg>
</body></html>"""

MATCHES = {
    "*": "html body d1 p1 i1 p2 p3 d2 u l1 b1 l2 l3 l4 s c f p4",
    "p": "p1 p2 p3 p4",
    "Div": "d1 d2",
    "foreignObject": "f",
    ".b": "d1 p1",
    "p.b": "p1",
    ".a.b": "d1",
    ".B": "",
    "#u": "u",
    "#U": "",
    "div#d2": "d2",
    "[title]": "p2",
    "[TITLE]": "p2",
    "[title='A-b c']": "p2",
    '[title="a-B C"]': "",
    '[ title = "a-B C" i ]': "p2",
    "[id=p1]": "p1",
    "[type=circle]": "l3",
    "[type=Circle]": "l3 c",
    "[type=circle s]": "",
    "[type=circle i]": "l3 c",
    "[title~=c]": "p2",
    "[title~='A-b c']": "",
    "[title~='']": "",
    "[title^=A]": "p2",
    "[title^='']": "",
    "[title$=c]": "p2",
    "[title$='']": "",
    "[title*='b ']": "p2",
    "[title*='']": "",
    "[lang|=en]": "p3",
    "[lang|=en-GB]": "p3",
    "[lang|=e]": "",
    "[data-x*=' Z' I]": "l4",
    "body p": "p1 p2 p3 p4",
    "div p": "p1 p2 p3",
    "body > p": "",
    "body>div>p": "p1 p2 p3",
    "html > body div > ul b": "b1",
    "div   ul\n>\tli b": "b1",
    "p b, li b , #f": "b1 f",
    "ul li li": "",
    "li:nth-child(2)": "l2",
    "li:nth-child( odd )": "l1 l3",
    "li:nth-child(even)": "l2 l4",
    "li:nth-child(2n)": "l2 l4",
    "li:nth-child(n)": "l1 l2 l3 l4",
    "li:nth-child(n + 3)": "l3 l4",
    "li:nth-child(+n+3)": "l3 l4",
    "li:nth-child(-n+2)": "l1 l2",
    "li:nth-child(-2N+3)": "l1 l3",
    "li:nth-child(3n-1)": "l2",
    "li:nth-child(0)": "",
    "li:nth-child(-1)": "",
    "p:nth-child(3)": "p2",
    "p:nth-of-type(2)": "p2",
    "div :NTH-OF-TYPE(2)": "p2 l2",
    "p:first-child": "p1 p4",
    "img:first-child": "",
    "img:first-of-type": "i1",
    "div:first-of-type": "d1",
    "li:not(:first-child)": "l2 l3 l4",
    "li:not(:nth-of-type(2), [type], .none)": "l1 l4",
    "p:not([id^=p]):not(.b)": "",
    ":not(p):not(li):not(*[id*='d'])": "html i1 u b1 s c f",
    "p:not(div)": "p1 p2 p3 p4",
    "#\\6c 1": "l1",
    "#\\l2": "l2",
    "[title='A\\2d b\\20 c']": "p2",
}


@pytest.mark.parametrize(("selector", "expected"), MATCHES.items())
def test_a_selector_matches_what_it_says(selector: str, expected: str) -> None:
    assert matched(selector, PAGE) == expected


def test_a_void_element_counts_as_a_child_and_holds_none() -> None:
    html = "<p id=a><br id=b><i id=c></i><img id=d /><i id=e></i></p>"
    assert matched("p > i", html) == "c e"
    assert matched("br i, img i", html) == ""
    assert matched(":nth-child(4)", html) == "e"
    assert matched("i:nth-of-type(2)", html) == "e"


def test_an_element_without_end_tag_lasts_until_one_around_it_ends() -> None:
    html = "<ul id=u><li id=a><li id=b></ul><li id=c></p><li id=d>"
    assert matched("ul li", html) == "a b"
    assert matched("ul > li", html) == "a"
    assert matched("li > li", html) == "b d"


def test_in_svg_and_mathml_a_slash_ends_an_element_and_text_elements_are_elements() -> None:
    assert matched("circle *", "<svg id=s><circle id=a /><g id=b></g></svg><circle id=c /><b id=d>") == "d"
    assert matched("title b", "<svg><title><b id=a></title></svg><title><b id=b></title>") == "a"
    assert matched("svg b", "<svg><g><b id=a></b></g></svg>") == ""
    assert matched("style g", "<svg><style><g id=a></style></svg><style><g id=b></style>") == "a"
    assert matched("svg p", "<svg><g><p id=a></p></g></svg><svg></p><p id=b>") == ""
    assert matched("svg font", "<svg><font id=a></font><font color=x id=b>") == "a"
    assert matched("math svg", "<math><annotation-xml><svg id=a></svg></annotation-xml></math>") == "a"
    assert matched("math p", "<math><annotation-xml encoding=Text/HTML><p id=a></p></annotation-xml><p id=b>") == "a"
    assert matched("mi p", "<math><mi><p id=a></mi><p id=b></math>") == "a"


WRONG = {
    "": "an element's name",
    " ": "an element's name",
    "a,": "at character 3",
    "a >": "at character 4",
    "> a": "at character 1",
    "a + b": r"combinator '\+' is not there",
    "a~b": "combinator '~' is not there",
    "a:hover": ":hover is not there: use :nth-child",
    "a:last-child": ":last-child is not there",
    "a::before": "pseudo-elements are not there",
    "svg|a": "namespaces are not there",
    "|a": "namespaces are not there",
    "*|a": "namespaces are not there",
    "a:nth-child": "has something in parentheses",
    "a:nth-child(x)": "'x' is no place",
    "a:nth-child(2 of b)": "'2 of b' is no place",
    "a:nth-child(2": r"'\)' is expected",
    "a:not()": "at character 7",
    "a:not(b": r"'\)' is expected",
    "a:not(b c)": "without a combinator",
    "a:not(:not(b))": ":not is not there inside :not",
    "a[": "an attribute's name is expected",
    "a[b": "']', '='",
    "a[b!=c]": "']', '='",
    "a[b=]": "a value",
    "a[b='c]": "a value",
    "a[b=c x]": "']' is expected at character 7",
    "a[b=1]": "a value",
    "a.": "a class is expected",
    "a#": "an id is expected",
    "1a": "at character 1",
    "a)": r"'\)' is not expected at character 2",
    "a{": "is not expected",
    "a & b": "at character 3",
}


@pytest.mark.parametrize(("selector", "why"), WRONG.items())
def test_any_other_selector_is_refused_where_it_is_given_with_what_is_wrong(selector: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^the selector {re.escape(repr(selector))}: .*{why}"):
        HTMLRewriter().on(selector, {})


def test_a_selector_is_text() -> None:
    with pytest.raises(TypeError, match="a selector is a str, not NoneType"):
        HTMLRewriter().on(None, {})

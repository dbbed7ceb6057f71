"""HTML as HTMLRewriter reads it: tokens where the HTML standard has them, the same however it is cut, in linear time."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from preview.inside import entry
from tests.unit.preview.markup import SYNTAX, taken

assert entry.workers
tokenizer = importlib.import_module("workers._html_tokenizer")
tokens = importlib.import_module("workers._html_tokens")
elements = importlib.import_module("workers._open_elements")


def read(pieces: Iterable[str], **states: Any) -> Iterator[Any]:
    """The tokens of a document that comes in pieces. Elements whose content is text are told so, as the caller must."""
    made = tokenizer.Tokenizer()
    made.cdata = states.get("cdata", False)
    pieces = [*pieces, ""]
    for number, piece in enumerate(pieces):
        for token in made.feed(piece, end=number == len(pieces) - 1):
            yield token
            if isinstance(token, tokens.StartTag) and token.name in elements.RAW_TEXT:
                made.raw_text(token.name)


def told(pieces: Iterable[str], **states: Any) -> list[Any]:
    """Tokens in short; texts put together."""
    found: list[Any] = []
    text = ""
    for token in read(pieces, **states):
        match token:
            case tokens.Text():
                text += token.raw
                if token.last:
                    found.append(text)
                    text = ""
            case tokens.StartTag():
                closing = ["/"] if token.self_closing else []
                found.append([token.name, dict(token.attributes), *closing])
            case tokens.EndTag():
                found.append(["/" + token.name])
            case tokens.Comment():
                found.append({"comment": token.text})
            case tokens.Doctype():
                found.append({"doctype": token.raw})
            case _:
                found.append({"nothing": token.raw})
    assert text == ""
    return found


MARKUP: dict[str, list[Any]] = {
    "": [],
    "a < b <3 <": ["a < b <3 <"],
    "&lt;&amp": ["&lt;&amp"],
    "<A-b:c>x</A-B:c >": [["a-b:c", {}], "x", ["/a-b:c"]],
    "<a b c=d e='f\">' g=\"h'>\" I = j k=/l>": [
        ["a", {"b": "", "c": "d", "e": 'f">', "g": "h'>", "i": "j", "k": "/l"}]
    ],
    "<a b=1 B=2 b>": [["a", {"b": "1"}]],
    '<a "b>c">': [["a", {'"b': ""}], 'c">'],
    '<a b"=c>d">': [["a", {'b"': "c"}], 'd">'],
    '<a =b="c>d">': [["a", {"=b": "c>d"}]],
    '<a b=="c>d">': [["a", {"b": '="c'}], 'd">'],
    "<a b=>c": [["a", {"b": ""}], "c"],
    "<a b= >c": [["a", {"b": ""}], "c"],
    "<a b='c'd=\"e\"/f>": [["a", {"b": "c", "d": "e", "f": ""}]],
    "<a b=c/><a b=c /><a/b><a/ ><a//>": [
        ["a", {"b": "c/"}], ["a", {"b": "c"}, "/"], ["a", {"b": ""}], ["a", {}], ["a", {}, "/"]
    ],
    '<a b="c"/>': [["a", {"b": "c"}, "/"]],
    "<a/ b=c>": [["a", {"b": "c"}]],
    '<a/ b="c"><a/b="c"><a/ b="c"/>': [["a", {"b": "c"}], ["a", {"b": "c"}], ["a", {"b": "c"}, "/"]],
    "<a<b>": [["a<b", {}]],
    "<ÄB>": ["<ÄB>"],
    "<aÄB \u212a=1>": [["aÄb", {"\u212a": "1"}]],  # KELVIN SIGN, which str.lower() makes a k
    "</a b='>'></a/>": [["/a"], ["/a"]],
    "</>x</ a></3>": [{"nothing": "</>"}, "x", {"comment": " a"}, {"comment": "3"}],
    "x</": ["x</"],
    "<?php echo 1 ?>x<?>": [{"comment": "?php echo 1 ?"}, "x", {"comment": "?"}],
    "<!x><!><!-x->": [{"comment": "x"}, {"comment": ""}, {"comment": "-x-"}],
    "<!--a--><!-- - -- > --!><!---->": [{"comment": "a"}, {"comment": " - -- > "}, {"comment": ""}],
    "<!-->a<!--->b<!--!>c-->d<!--->": [
        {"comment": ""}, "a", {"comment": ""}, "b", {"comment": "!>c"}, "d", {"comment": ""}
    ],
    "<!----!>a<!--a--b--->": [{"comment": ""}, "a", {"comment": "a--b-"}],
    "<!--<!--a-->b-->": [{"comment": "<!--a"}, "b-->"],
    "a<!--b-": ["a", {"comment": "b"}],
    "<!-": [{"comment": "-"}],
    "<!doctype html><!DOCTYPE>a<!DocType x '>'": [
        {"doctype": "<!doctype html>"}, {"doctype": "<!DOCTYPE>"}, "a", {"doctype": "<!DocType x '>"}, "'"
    ],
    "<!docty": [{"comment": "docty"}],
    "a<b c='": ["a", {"nothing": "<b c='"}],
    "a</b": ["a", {"nothing": "</b"}],
    "<![CDATA[a]]>": [{"comment": "[CDATA[a]]"}],
    "<style>a<b>&</stylex></STYLE >c": [["style", {}], "a<b>&</stylex>", ["/style"], "c"],
    "<textarea></title></textarea/x><title><!--</title>-->": [
        ["textarea", {}], "</title>", ["/textarea"], ["title", {}], "<!--", ["/title"], "-->"
    ],
    "<iframe><a></iframe><xmp></xmp><noscript><a></noscript>": [
        ["iframe", {}], "<a>", ["/iframe"], ["xmp", {}], ["/xmp"], ["noscript", {}], "<a>", ["/noscript"]
    ],
    "<plaintext></plaintext><a>": [["plaintext", {}], "</plaintext><a>"],
    "<script>a<b></script>c": [["script", {}], "a<b>", ["/script"], "c"],
    "<script><!--a</script>b-->": [["script", {}], "<!--a", ["/script"], "b-->"],
    "<script><!--<script>a</script>b</script>c": [["script", {}], "<!--<script>a</script>b", ["/script"], "c"],
    "<script><!--<script>a--></script>b": [["script", {}], "<!--<script>a-->", ["/script"], "b"],
    "<script><!--><script></script>a": [["script", {}], "<!--><script>", ["/script"], "a"],
    "<script><!---><script></script>a": [["script", {}], "<!---><script>", ["/script"], "a"],
    "<script><script></script>a": [["script", {}], "<script>", ["/script"], "a"],
    "<script><!--<scripts></script>a": [["script", {}], "<!--<scripts>", ["/script"], "a"],
    "<script><!--<script></scripts></SCRIPT/</script>a": [
        ["script", {}], "<!--<script></scripts></SCRIPT/", ["/script"], "a"
    ],
    "<script></scrip": [["script", {}], "</scrip"],
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), MARKUP.items())
def test_tokens_are_those_of_the_standard_wherever_the_source_is_cut(source: str, expected: list[Any]) -> None:
    assert told([source]) == expected
    for cut in range(len(source) + 1):
        assert told([source[:cut], source[cut:]]) == expected, (source[:cut], source[cut:])
    assert told(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<![CDATA[a<b>]]]>c", [{"nothing": "<![CDATA["}, "a<b>]", {"nothing": "]]>"}, "c"]),
        ("x<![CDATA[]]><![cdata[]]>", ["x", {"nothing": "<![CDATA["}, {"nothing": "]]>"}, {"comment": "[cdata[]]"}]),
        ("<![CDATA[]", [{"nothing": "<![CDATA["}, "]"]),
    ],
)
def test_a_cdata_section_is_text_where_it_may_be_one(source: str, expected: list[Any]) -> None:
    assert told([source], cdata=True) == told(source, cdata=True) == expected


@given(st.lists(SYNTAX, max_size=40).map("".join), st.integers(1, 7), st.booleans())
@example("<script><!--<script>-->", 1, False)
def test_tokens_put_together_are_the_source_and_pieces_change_nothing(source: str, size: int, cdata: bool) -> None:
    pieces = [source[at : at + size] for at in range(0, len(source), size)]
    assert "".join(token.raw for token in read(pieces, cdata=cdata)) == source
    assert told(pieces, cdata=cdata) == told([source], cdata=cdata)


def test_text_is_not_held_back_and_markup_comes_when_it_is_whole() -> None:
    made = tokenizer.Tokenizer()
    assert [token.raw for token in made.feed("abc")] == ["abc"]
    assert [token.raw for token in made.feed("d<")] == ["d"]
    assert [token.raw for token in made.feed("a href='>")] == []
    assert [token.raw for token in made.feed("'>e")] == ["", "<a href='>'>", "e"]


@pytest.mark.parametrize("opening", ["<a ", "<a b='", "</a ", "<!--", "<!doctype ", "<?"])
def test_one_tag_comment_or_doctype_holds_two_mebicharacters_and_no_more(opening: str) -> None:
    fitting = opening + "x" * (tokenizer.MAX_TOKEN - len(opening) - 10)
    assert len(list(read([fitting]))) == 1
    with pytest.raises(ValueError, match="more than 2097152 characters"):
        list(read(x for x in [fitting, "x" * 11]))


def test_text_of_any_length_is_not_held() -> None:
    for opening in ("", "<script>", "<title>", "<plaintext>"):
        made = tokenizer.Tokenizer()
        for token in made.feed(opening):
            made.raw_text(token.name)
        for _ in range(3):
            assert sum(len(token.raw) for token in made.feed("x" * tokenizer.MAX_TOKEN)) == tokenizer.MAX_TOKEN


HOSTILE = ["<", "<a ", "<!--", "<a b='", '<a b="c" ', "</", "</a", "<!", "-", "<script><!--<script>", "<script>-",
           "<title></titl", "]]", "&", "<!-", "<?", "< ", "<a/", "a=", "='\"", "<a b"]  # fmt: skip


HELD = ["<!--", "<a b='", "<a "]


@pytest.mark.parametrize(
    ("unit", "size", "cut"),
    [
        *(pytest.param(unit, 100_000, 1 << 20, id=f"{unit}-whole") for unit in HOSTILE),
        *(pytest.param(unit, 60_000 if unit in HELD else 8_000, 1, id=f"{unit}-characters") for unit in HOSTILE),
    ],
)
def test_time_grows_with_length_and_no_faster(unit: str, size: int, cut: int) -> None:
    # Four times as much takes about four times as long; what is quadratic takes sixteen times as long.
    def pieces(size: int) -> list[str]:
        source = "<a " + unit * (size // len(unit)) if unit in ("a=", "='\"") else unit * (size // len(unit))
        return [source[at : at + cut] for at in range(0, len(source), cut)]

    small, large = pieces(size), pieces(4 * size)
    assert taken(lambda: sum(1 for _ in read(large))) < 7 * taken(lambda: sum(1 for _ in read(small))) + 0.02

"""Python source as highlighted HTML lines, in the workbench's colours.

Used for the few lines around a frame, never for whole files: a window of 21 lines takes about 1 ms. A window may begin
within a string; then its colours are wrong and its text is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token, _TokenType

MAX_CHARACTERS = 6_000
"""Of one window; a longer one is not worth the time and stays plain."""

_LEXER = PythonLexer(stripnl=False, ensurenl=False)
_DECLARING = frozenset({"def", "class", "lambda", "async", "global", "nonlocal"})

# The classes of error_page.css. The first match along a token's ancestry wins.
_CLASSES: dict[_TokenType, str] = {
    Comment: "c1",
    Keyword: "k",
    Keyword.Constant: "kc",
    Keyword.Namespace: "k",
    Operator.Word: "ow",
    Name: "n",
    Name.Builtin: "nf",
    Name.Builtin.Pseudo: "bp",
    Name.Class: "nc",
    Name.Decorator: "nf",
    Name.Exception: "nc",
    Name.Function: "nf",
    Name.Function.Magic: "nf",
    Name.Namespace: "nn",
    Number: "mi",
    String: "s",
    String.Escape: "se",
    String.Interpol: "si",
}
_TYPES = frozenset(
    {"bool", "bytes", "dict", "float", "frozenset", "int", "list", "object", "set", "str", "tuple", "type"}
)


def highlight(lines: Sequence[str]) -> list[str]:
    """One HTML string a line, escaped."""
    text = "\n".join(lines)
    if len(text) > MAX_CHARACTERS:
        return [escape(line) for line in lines]
    shown: list[list[str]] = [[]]
    for css, value in _tokens(text):
        for index, part in enumerate(value.split("\n")):
            if index:
                shown.append([])
            if part:
                shown[-1].append(f'<span class="{css}">{escape(part)}</span>' if css else escape(part))
    html = ["".join(parts) for parts in shown]
    return html if len(html) == len(lines) else [escape(line) for line in lines]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    tokens = list(_LEXER.get_tokens(text))
    for index, (kind, value) in enumerate(tokens):
        css = _class(kind)
        if css == "k" and value.strip() in _DECLARING:
            css = "kd"
        elif kind is Name.Builtin and value in _TYPES:
            css = "nc"
        elif css == "n":
            css = _name_class(value, tokens[index + 1][1] if index + 1 < len(tokens) else "")
        yield css, value


def _name_class(name: str, following: str) -> str:
    """What the lexer leaves open: a call, a class by its capital, a constant by its capitals."""
    if name.isupper() and len(name) > 1:
        return "no"
    if name.lstrip("_")[:1].isupper():
        return "nc"
    return "nf" if following.startswith("(") else "n"


def _class(kind: _TokenType | None) -> str:
    while kind is not None and kind is not Token:
        if kind in _CLASSES:
            return _CLASSES[kind]
        kind = kind.parent
    return ""

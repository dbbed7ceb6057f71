"""The selectors that HTMLRewriter takes, read. Used by `_rewriter`; what comes of it is in `_matching`.

The reader is our own, as the common library for selectors knows neither `[a=v i]` nor `[a=v s]`, which Cloudflare documents, and
as this package stands on the standard library alone.
"""

from __future__ import annotations

import re
from typing import NoReturn

from ._html_tokens import lowered
from ._matching import Chain, Compound, Test, compared, named, nth

_SPACE = " \t\n\f\r"
_ESCAPE = r"\\(?:[0-9a-fA-F]{1,6}(?:\r\n|[ \t\n\f\r])?|[^\n\f\r0-9a-fA-F])"
_IDENTIFIER = re.compile(
    rf"(?:--|-?(?:[a-zA-Z_\u0080-\U0010ffff]|{_ESCAPE}))(?:[-\w\u0080-\U0010ffff]|{_ESCAPE})*", re.ASCII
)
_NAME = re.compile(rf"(?:[-\w\u0080-\U0010ffff]|{_ESCAPE})+", re.ASCII)
_STRING = re.compile(rf'"((?:[^"\\\n\f\r]|\\\n|{_ESCAPE})*)"|\'((?:[^\'\\\n\f\r]|\\\n|{_ESCAPE})*)\'')
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\f\r])?|(\n)|(.))", re.DOTALL)
_COMPARISON = re.compile(r"[~|^$*]?=")
_NTH = re.compile(r"(?:(odd|even)|([+-]?\d*)n(?:[ \t]*([+-])[ \t]*(\d+))?|([+-]?\d+))\Z", re.IGNORECASE | re.ASCII)
_MAX_DEPTH_OF_NOT = 1


def parse(selector: str) -> list[Chain]:
    """The alternatives of a selector. Raises TypeError where it is no str, ValueError with what is wrong in it."""
    if not isinstance(selector, str):
        raise TypeError(f"a selector is a str, not {type(selector).__name__}")
    return _Reader(selector).alternatives()


class _Reader:
    """A selector's text and how far it is read."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._counts_types = False

    def alternatives(self) -> list[Chain]:
        found = [self._chain()]
        while self._takes(","):
            found.append(self._chain())
        if self._at < len(self._text):
            self._fail(f"{self._text[self._at]!r} is not expected at character {self._at + 1}")
        return found

    def _chain(self) -> Chain:
        self._spaces()
        chain: Chain = [("", self._compound(0))]
        while True:
            spaced = self._spaces()
            if self._takes(">"):
                self._spaces()
                chain.append((">", self._compound(0)))
            elif self._peek() in ("+", "~"):
                self._fail(f"the combinator {self._peek()!r} is not there: use a space or '>'")
            elif not spaced or self._peek() in ("", ","):
                return chain
            else:
                chain.append((" ", self._compound(0)))

    def _compound(self, depth: int) -> Compound:
        start, made = self._at, Compound()
        if name := self._match(_IDENTIFIER):
            made.tests.append(named(lowered(_plain(name))))
        elif not self._takes("*") and self._peek() == "|":
            self._fail("namespaces are not there")
        if self._peek() == "|":
            self._fail("namespaces are not there")
        while test := self._simple(depth):
            made.tests.append(test)
        made.counts_types = self._counts_types  # those before this one do no harm
        if self._at == start:
            self._fail(f"an element's name, '*', '.', '#', '[' or ':' is expected at character {self._at + 1}")
        return made

    def _simple(self, depth: int) -> Test | None:
        if self._takes("."):
            return compared("class", "~=", _plain(self._want(_IDENTIFIER, "a class")), False)
        if self._takes("#"):
            return compared("id", "=", _plain(self._want(_NAME, "an id")), False)
        if self._takes("["):
            return self._attribute()
        if self._takes(":"):
            return self._pseudo_class(depth)
        return None

    def _attribute(self) -> Test:
        self._spaces()
        name = lowered(_plain(self._want(_IDENTIFIER, "an attribute's name")))
        self._spaces()
        if self._takes("]"):
            return lambda subject: name in subject.tag.attributes
        operator = self._want(_COMPARISON, "']', '=', '~=', '^=', '$=', '*=' or '|='")
        self._spaces()
        value = self._string()
        self._spaces()
        flag = self._match(re.compile("[iIsS]")).lower()
        self._spaces()
        if not self._takes("]"):
            self._fail(f"']' is expected at character {self._at + 1}")
        return compared(name, operator, value, {"i": True, "s": False}.get(flag))

    def _string(self) -> str:
        if found := _STRING.match(self._text, self._at):
            self._at = found.end()
            return _plain(found[1] if found[1] is not None else found[2])
        return _plain(self._want(_IDENTIFIER, "a value, quoted unless it is a name,"))

    def _pseudo_class(self, depth: int) -> Test:
        if self._peek() == ":":
            self._fail("pseudo-elements are not there")
        name = lowered(self._want(_IDENTIFIER, "a pseudo-class"))
        self._counts_types = self._counts_types or name.endswith("of-type")
        if name in ("first-child", "first-of-type"):
            return nth(name.endswith("type"), 0, 1)
        if name not in ("nth-child", "nth-of-type", "not"):
            self._fail(f":{name} is not there: use :nth-child, :first-child, :nth-of-type, :first-of-type or :not")
        if not self._takes("("):
            self._fail(f":{name} has something in parentheses")
        test = self._negation(depth) if name == "not" else self._place(name.endswith("type"))
        if not self._takes(")"):
            self._fail(f"')' is expected at character {self._at + 1}")
        return test

    def _negation(self, depth: int) -> Test:
        if depth >= _MAX_DEPTH_OF_NOT:
            self._fail(":not is not there inside :not")
        refused: list[Compound] = []
        while not refused or self._takes(","):
            self._spaces()
            refused.append(self._compound(depth + 1))
            self._spaces()
        if self._peek() not in (")", ""):
            self._fail(":not has selectors of one element in parentheses, without a combinator")
        return lambda subject: not any(each.matches(subject) for each in refused)

    def _place(self, of_type: bool) -> Test:
        end = self._text.find(")", self._at)
        written = self._text[self._at : end if end >= 0 else None].strip(_SPACE)
        found = _NTH.match(written)
        if found is None:
            self._fail(f"{written!r} is no place: write 3, odd, even or 2n+1")
        self._at = end if end >= 0 else len(self._text)
        word, factor, sign, rest, only = found.groups()
        if word:
            return nth(of_type, 2, int(word.lower() == "odd"))
        if only:
            return nth(of_type, 0, int(only))
        step = int(factor) if factor.strip("+-") else int(f"{factor}1")
        return nth(of_type, step, int(f"{sign}{rest}") if rest else 0)

    # The text

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _takes(self, char: str) -> bool:
        taken = self._peek() == char
        self._at += taken
        return taken

    def _spaces(self) -> bool:
        start = self._at
        while self._peek() and self._peek() in _SPACE:
            self._at += 1
        return self._at > start

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found[0] if found else ""

    def _want(self, pattern: re.Pattern[str], what: str) -> str:
        return self._match(pattern) or self._fail(f"{what} is expected at character {self._at + 1}")

    def _fail(self, why: str) -> NoReturn:
        raise ValueError(f"the selector {self._text!r}: {why}")


def _plain(written: str) -> str:
    """An identifier or string without its escapes."""

    def meant(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[3] or ""
        point = int(found[1], 16)
        return chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"

    return _ESCAPED.sub(meant, written)

"""What HTML is made of, as `_html_tokenizer` finds it: each token with its source, which goes out as it is unless changed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_LOWER = {ordinal: ordinal + 32 for ordinal in range(ord("A"), ord("Z") + 1)}
_NONE = array("I")


def lowered(name: str) -> str:
    """ASCII letters in lower case and no other, as HTML compares names."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


class Token:
    """Some of the source; by itself, some that means nothing, such as `</>`."""

    __slots__ = ("raw",)

    def __init__(self, raw: str) -> None:
        self.raw = raw


class Text(Token):
    """Some of a text. The last of one is empty and says so."""

    __slots__ = ("last",)

    def __init__(self, raw: str, last: bool = False) -> None:
        self.raw, self.last = raw, last


class Comment(Token):
    """A comment, or what a browser takes for one, such as `<?php ?>`."""

    __slots__ = ("text",)

    def __init__(self, raw: str, text: str) -> None:
        self.raw, self.text = raw, text


class Doctype(Token):
    """`<!DOCTYPE …>`."""

    __slots__ = ()


class EndTag(Token):
    """`</name …>`; the name in lower case."""

    __slots__ = ("name",)

    def __init__(self, raw: str, name: str) -> None:
        self.raw, self.name = raw, name


class StartTag(Token):
    """`<name …>`; the name in lower case. `spans` are of each attribute where its name is, from and to, and its value."""

    __slots__ = ("_attributes", "_spans", "name", "self_closing")

    def __init__(self, raw: str, name: str, spans: array[int] = _NONE, self_closing: bool = False) -> None:
        self.raw, self.name, self._spans, self.self_closing = raw, name, spans, self_closing
        self._attributes: dict[str, str] | None = None

    @property
    def attributes(self) -> dict[str, str]:
        """Values by name in lower case, as the source writes them; of several with one name the first, which counts."""
        if self._attributes is None:
            made: dict[str, str] = {}
            for name, _, value in self.sources():
                made.setdefault(name, value)
            self._attributes = made
        return self._attributes

    def sources(self) -> Iterator[tuple[str, str, str]]:
        """Of each attribute the name in lower case, its whole source, and its value."""
        raw, spans = self.raw, self._spans
        for at in range(0, len(spans), 4):
            name, name_end, value, value_end = spans[at : at + 4]
            quoted = value > name_end and raw[value - 1] in "\"'" and raw[value_end : value_end + 1] == raw[value - 1]
            yield lowered(raw[name:name_end]), raw[name : value_end + quoted], raw[value:value_end]

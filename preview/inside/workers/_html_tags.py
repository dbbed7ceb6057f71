"""Where a tag ends and where its attributes are, found piece by piece. Used by `_html_tokenizer`.

A quotation mark means something after `=` alone, and `>` ends a tag wherever it is not quoted: what looks like markup to one
program and like an attribute to the next is how filters are passed by. So the states here are those of the HTML standard
(https://html.spec.whatwg.org/multipage/parsing.html#tag-name-state and on), those that differ in nothing else together.
"""

from __future__ import annotations

import re
from array import array

from ._html_tokens import EndTag, StartTag, Token, lowered

_SPACE = "\t\n\f\r "
_NAME, _BEFORE, _ATTRIBUTE, _AFTER, _VALUE, _DOUBLE_QUOTED, _SINGLE_QUOTED, _UNQUOTED = range(8)
_QUOTES = {'"': _DOUBLE_QUOTED, "'": _SINGLE_QUOTED}
# The characters that leave each state as it is, in the order of their numbers.
_RUNS = tuple(
    re.compile(f"[{run}]*")
    for run in (
        r"^\t\n\f\r />", r"\t\n\f\r /", r"^\t\n\f\r />=", r"\t\n\f\r ", r"\t\n\f\r ", '^"', "^'",
        r"^\t\n\f\r >",
    )
)  # fmt: skip
# The way that nearly all attributes are written, in one go; from _BEFORE to _BEFORE like the states one by one.
_USUAL = re.compile(r"""[\t\n\f\r ]++([^\t\n\f\r />="']++)="([^"]*+)\"""").match


class TagScanner:
    """Reads one start or end tag. Places are counted from its `<`."""

    __slots__ = ("_is_end", "_name_end", "_slash", "_spans", "_state")

    def __init__(self, is_end: bool) -> None:
        self._is_end = is_end
        self._state = _NAME
        self._slash = False  # whether the last character before an attribute's name would be was `/`
        self._name_end = 0
        self._spans = array("I")  # of each attribute: its name from, to; its value from, to

    def scan(self, buffer: str, at: int, shift: int) -> int:
        """Goes on at a place of the buffer, which is `shift` less than that in the tag. Returns where the tag ends, 0 where it
        does not end in this buffer."""
        size = len(buffer)
        while True:
            while self._state == _BEFORE and (found := _USUAL(buffer, at)):
                self._spans.extend(
                    (found.start(1) + shift, found.end(1) + shift, found.start(2) + shift, found.end(2) + shift)
                )
                self._slash, at = False, found.end()
            start = at
            at = _RUNS[self._state].match(buffer, at).end()  # type: ignore[union-attr]
            if self._state == _BEFORE and at > start:
                self._slash = buffer[at - 1] == "/"
            if at == size:
                return 0
            char = buffer[at]
            if char == ">" and self._state not in (_DOUBLE_QUOTED, _SINGLE_QUOTED):
                self._leave(at + shift)
                return at + 1
            at += self._step(char, at + shift)

    def made(self, raw: str) -> Token:
        """The tag, once it has ended."""
        if self._is_end:
            return EndTag(raw, lowered(raw[2 : self._name_end]))
        return StartTag(raw, lowered(raw[1 : self._name_end]), self._spans, self._state == _BEFORE and self._slash)

    def _leave(self, place: int) -> None:
        """Notes the end of the name or value that ends here."""
        if self._state == _NAME:
            self._name_end = place
        elif self._state == _ATTRIBUTE:
            self._spans.extend((place, place, place))
        elif self._state not in (_BEFORE, _AFTER, _VALUE):
            self._spans[-1] = place

    def _step(self, char: str, place: int) -> int:
        """Goes from one state to the next at a character that is not `>` outside quotes; returns whether that takes it."""
        state = self._state
        self._leave(place)
        if state == _VALUE:
            self._state = _QUOTES.get(char, _UNQUOTED)
            taken = self._state != _UNQUOTED
            self._spans[-2] = self._spans[-1] = place + taken
            return int(taken)
        if char == "=" and state in (_ATTRIBUTE, _AFTER):
            self._state = _VALUE
            return 1
        if state == _BEFORE or (state == _AFTER and char != "/"):
            self._spans.append(place)
            self._state = _ATTRIBUTE
            return int(char == "=")  # before a name it is the first character of one
        if state == _ATTRIBUTE and char in _SPACE:
            self._state = _AFTER
            return 0
        self._state, self._slash = _BEFORE, False
        return int(state in (_DOUBLE_QUOTED, _SINGLE_QUOTED))

"""HTML as tokens while it arrives, each with the source that it was made of: put together again they are the input.

Used by `_rewriter`; knows nothing of elements or selectors. It follows the tokenization stage of the HTML standard
(https://html.spec.whatwg.org/multipage/parsing.html#tokenization) except that character references stay as they are.
Each character is looked at a fixed number of times, however hostile the markup and however small the pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ._html_tags import TagScanner
from ._html_tokens import Comment, Doctype, EndTag, StartTag, Text, Token, lowered

MAX_TOKEN = 2 << 20
"""Characters of one tag, comment or doctype: such a token is held in memory until it is whole. Text never is."""

_MARKUP = re.compile(r"<[a-zA-Z/!?]")
_BARE_TAG = re.compile(r"<(/?)([a-zA-Z][^\t\n\f\r />]*+)>")
_EMPTY_COMMENT = re.compile(r"<!---?>")
_END_OF_COMMENT = re.compile(r"--!?>")
_OPENINGS = ("<!--", "<!doctype", "<![cdata[")
_LEFT_OPEN = re.compile(r"(?:--!?|-)\Z")

# What ends a text, and what moves inside a script between its three kinds of text, by that kind.
_SCRIPT, _ESCAPED, _DOUBLE = range(3)
_SCRIPT_MOVES = (
    re.compile(r"</script(?=[\t\n\f\r />])|<!--", re.IGNORECASE | re.ASCII),
    re.compile(r"</script(?=[\t\n\f\r />])|<script(?=[\t\n\f\r />])|-->", re.IGNORECASE | re.ASCII),
    re.compile(r"</script(?=[\t\n\f\r />])|-->", re.IGNORECASE | re.ASCII),
)


class Tokenizer:
    """`feed` it pieces of the source in order; each call gives the tokens that are whole by then.

    Two things are the caller's to say between two tokens, as they depend on the elements that are open: `raw_text` after
    a start tag whose content is text, and `cdata` wherever `<![CDATA[` begins a text instead of a comment.
    """

    def __init__(self) -> None:
        self.cdata = False
        self._buffer, self._at, self._end = "", 0, False
        self._held = ""  # the last few characters of what was fed, too few to say what they begin
        self._parts: list[str] = []  # of the token under way, as far as it came in earlier pieces
        self._size = 0
        self._state: Callable[[], Token | None] = self._data
        self._in_text = False
        self._closing = re.compile("")
        self._raw_name, self._script = "", _SCRIPT
        self._tag = TagScanner(is_end=False)

    def feed(self, piece: str, end: bool = False) -> Iterator[Token]:
        """The tokens that end in this piece of the source; with `end`, what is left then, whole or not.

        Raises ValueError for a tag, comment or doctype of more than MAX_TOKEN characters.
        """
        self._buffer, self._held = self._held + piece, ""
        self._at, self._end = 0, end
        while self._at < len(self._buffer):
            if (token := self._state()) is None:
                continue
            if isinstance(token, Text):
                self._in_text = True
            elif self._in_text:
                self._in_text = False
                yield Text("", last=True)
            yield token
        if not end:
            return
        if self._in_text:
            self._in_text = False
            yield Text("", last=True)
        if self._parts:
            yield self._unfinished()

    def raw_text(self, name: str) -> None:
        """Says that after this start tag comes text alone, up to the element's end tag."""
        self._raw_name = name
        if name == "plaintext":
            self._state = self._plaintext
        elif name == "script":
            self._state, self._script = self._script_data, _SCRIPT
        else:
            self._closing = re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE | re.ASCII)
            self._state = self._raw_data

    # Text

    def _data(self) -> Token | None:
        found = _MARKUP.search(self._buffer, self._at)
        if found is None:
            return self._text_but(1 if self._buffer.endswith("<") else 0)
        if found.start() > self._at:
            return self._text(found.start())
        bare = _BARE_TAG.match(self._buffer, self._at)
        return self._bare(bare) if bare else self._open()

    def _text(self, stop: int) -> Token | None:
        start, self._at = self._at, stop
        return Text(self._buffer[start:stop]) if stop > start else None

    def _text_but(self, held: int) -> Token | None:
        """All that is left is text, but for the last few characters, of which the next piece may make more."""
        stop = len(self._buffer) - (0 if self._end else held)
        self._held, self._buffer = self._buffer[stop:], self._buffer[:stop]
        return self._text(stop)

    def _plaintext(self) -> Token | None:
        return self._text_but(0)

    def _cdata(self) -> Token | None:
        found = self._buffer.find("]]>", self._at)
        if found < 0:
            rest = self._buffer[max(self._at, len(self._buffer) - 2) :]
            return self._text_but(len(rest) - len(rest.rstrip("]")))
        if found > self._at:
            return self._text(found)
        return self._done(self._at + 3, Token)

    def _raw_data(self) -> Token | None:
        found = self._closing.search(self._buffer, self._at)
        if found is None:
            return self._text_but(self._begun(self._at, f"</{self._raw_name}"))
        self._state = self._data
        return self._text(found.start())

    def _script_data(self) -> Token | None:
        start = self._at
        while found := _SCRIPT_MOVES[self._script].search(self._buffer, start):
            start, move = found.end(), found[0].lower()
            if move == "-->":
                self._script = _SCRIPT
            elif move == "<!--":
                self._script, start = _ESCAPED, start - 2  # `<!-->` ends what it begins
            elif move == "<script":
                self._script = _DOUBLE
            elif self._script == _DOUBLE:
                self._script = _ESCAPED
            else:
                self._state = self._data
                return self._text(found.start())
        dashes = 0 if self._script == _SCRIPT else min(2, len(self._buffer) - len(self._buffer.rstrip("-")))
        dashes = min(dashes, len(self._buffer) - start)
        return self._text_but(dashes or self._begun(start, "</script", "<script", "<!--"))

    def _begun(self, start: int, *wanted: str) -> int:
        """How many of the last characters may be the beginning of what is wanted."""
        found = self._buffer.rfind("<", max(start, len(self._buffer) - len(wanted[0])))
        rest = self._buffer[found:].lower() if found >= 0 else ""
        return len(rest) if any(each.startswith(rest) for each in wanted) else 0

    # Markup

    def _open(self) -> Token | None:
        """What begins at `<` and one of the characters that make it markup."""
        buffer, at = self._buffer, self._at
        kind = buffer[at + 1]
        if kind == "/":
            if len(buffer) < at + 3:
                return self._text_but(2)
            kind = buffer[at + 2]
            if kind == ">":
                return self._done(at + 3, Token)
            if kind.isascii() and kind.isalpha():
                self._tag = TagScanner(is_end=True)
                return self._begin(2, self._in_tag)
            return self._begin(2, self._bogus)
        if kind == "?":
            return self._begin(1, self._bogus)
        if kind != "!":
            self._tag = TagScanner(is_end=False)
            return self._begin(1, self._in_tag)
        return self._declaration(buffer[at : at + 9])

    def _bare(self, found: re.Match[str]) -> Token:
        """A tag without anything but its name, as most are: the same as `_in_tag` would make of it."""
        name = lowered(found[2])
        if found[1]:
            return self._done(found.end(), lambda raw: EndTag(raw, name))
        return self._done(found.end(), lambda raw: StartTag(raw, name))

    def _declaration(self, first: str) -> Token | None:
        if first.startswith("<!--"):
            if found := _EMPTY_COMMENT.match(self._buffer, self._at):
                return self._done(found.end(), lambda raw: Comment(raw, ""))
            if first in ("<!--", "<!---") and not self._end:
                return self._text_but(len(first))
            return self._begin(4, self._comment)
        if first == "<![CDATA[" and self.cdata:
            self._at += 9
            self._state = self._cdata
            return Token(first)
        if first.lower() == "<!doctype":
            return self._begin(9, self._doctype)
        if not self._end and len(first) < 9 and any(each.startswith(first.lower()) for each in _OPENINGS):
            return self._text_but(len(first))
        return self._begin(2, self._bogus)

    def _begin(self, length: int, state: Callable[[], Token | None]) -> Token | None:
        self._state = state
        self._take(self._at + length)
        return None

    def _rest(self) -> Token | None:
        self._take(len(self._buffer))
        return None

    def _take(self, stop: int) -> None:
        """Keeps what is read of a token. Raises ValueError where that is too much."""
        self._size += stop - self._at
        if self._size > MAX_TOKEN:
            raise ValueError(f"HTMLRewriter: a tag, comment or doctype of more than {MAX_TOKEN} characters")
        self._parts.append(self._buffer[self._at : stop])
        self._at = stop

    def _done(self, stop: int, make: Callable[[str], Token]) -> Token:
        self._take(stop)
        raw = self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
        self._parts, self._size = [], 0
        self._state = self._data
        return make(raw)

    def _unfinished(self) -> Token:
        """The source ended within a token: a comment or doctype is one all the same, a tag is none."""
        if self._state == self._comment:
            return self._done(self._at, lambda raw: Comment(raw, _LEFT_OPEN.sub("", raw[4:])))
        if self._state == self._bogus:
            return self._done(self._at, lambda raw: Comment(raw, raw[2:] if raw[1] != "?" else raw[1:]))
        return self._done(self._at, Doctype if self._state == self._doctype else Token)

    def _comment(self) -> Token | None:
        before = self._tail()
        seam = _END_OF_COMMENT.search(before + self._buffer[self._at : self._at + 3])
        if seam is not None:
            return self._commented(self._at + seam.end() - len(before))
        found = _END_OF_COMMENT.search(self._buffer, self._at)
        if found is not None:
            return self._commented(found.end())
        return self._rest()

    def _tail(self) -> str:
        """The last three characters of the comment so far, those that open it not counted."""
        tail, at = "", len(self._parts)
        while len(tail) < 3 and at > 1:  # pieces may be of one character each
            at -= 1
            tail = self._parts[at][-3:] + tail
        return tail[-3:]

    def _commented(self, stop: int) -> Token:
        return self._done(stop, lambda raw: Comment(raw, raw[4 : -4 if raw.endswith("--!>") else -3]))

    def _bogus(self) -> Token | None:
        found = self._buffer.find(">", self._at)
        if found < 0:
            return self._rest()
        return self._done(found + 1, lambda raw: Comment(raw, raw[2 if raw[1] != "?" else 1 : -1]))

    def _doctype(self) -> Token | None:
        found = self._buffer.find(">", self._at)
        return self._rest() if found < 0 else self._done(found + 1, Doctype)

    def _in_tag(self) -> Token | None:
        stop = self._tag.scan(self._buffer, self._at, self._size - self._at)
        return self._done(stop, self._tag.made) if stop else self._rest()

"""What HTMLRewriter's handlers are given beside elements: some text, a comment, the doctype, the document's end.

Made by `_rewriter` for each call, and of use only until the handler has returned, as what is changed is then on its way out.
Each has the names of Cloudflare's documentation, in its spelling and in Python's. Source that nothing changes stays as it is:
values of attributes and text come as the document writes them, with `&amp;` where it has that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

from ._html_tokens import Comment as CommentToken
from ._html_tokens import Doctype as DoctypeToken
from ._html_tokens import Text, Token, lowered
from .response import Response
from .streams import ByteStream

Content: TypeAlias = "str | bytes | Response | ByteStream"
"""What can be put in. A Response or a stream is read when its place is written; bytes are UTF-8."""
Options: TypeAlias = "Mapping[str, Any] | None"
"""`{"html": True}`."""
Piece: TypeAlias = "tuple[str | Response | ByteStream, bool]"
"""Content, and whether it is markup; else what would be markup in it is escaped."""

_DOCTYPE = re.compile(
    r"""<!doctype [ \t\n\f\r]* (?P<name>[^\t\n\f\r >]*) (?: [ \t\n\f\r]+ (?:
        public [ \t\n\f\r]* (?: "(?P<p1>[^">]*)"? | '(?P<p2>[^'>]*)'? ) [ \t\n\f\r]*
        (?: "(?P<s1>[^">]*)"? | '(?P<s2>[^'>]*)'? )?
        | system [ \t\n\f\r]* (?: "(?P<s3>[^">]*)"? | '(?P<s4>[^'>]*)'? ) ) )?""",
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)


def escaped(text: str) -> str:
    """Text as HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def sendable(text: str) -> str:
    """The text, with `?` for what UTF-8 does not have: single surrogates, which stand here for bytes of the source."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def shown(source: str) -> str:
    """Source as a handler sees it: what was not UTF-8 is U+FFFD."""
    return source if source.isascii() else source.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def written(value: object) -> str:
    """What JavaScript would make of a value where text is wanted, so far as it is plain."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return sendable(str(value))
    raise TypeError(f"HTMLRewriter writes str, not {type(value).__name__}")


def _piece(content: Content, options: Options, html: bool | None) -> Piece:
    markup = bool((options or {}).get("html") if html is None else html)
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content).decode("utf-8", "replace"), markup
    return (content if isinstance(content, Response | ByteStream) else written(content)), markup


class Unit:
    """What all of them share: content beside them, and an end to their use."""

    def __init__(self) -> None:
        self._before: list[Piece] = []
        self._after: list[Piece] = []
        self._instead: list[Piece] = []
        self._removed = False
        self._over = False

    def _piece(self, content: Content, options: Options, html: bool | None) -> Piece:
        self._in_use()
        return _piece(content, options, html)

    def _in_use(self) -> None:
        if self._over:
            raise TypeError(f"this {type(self).__name__} can be changed until the handler that got it has returned")

    @property
    def removed(self) -> bool:
        """Whether it was removed or replaced."""
        return self._removed

    def before(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content in front of it, behind what is there already. Raises TypeError for other content."""
        self._before.append(self._piece(content, options, html))
        return self

    def after(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content right behind it, in front of what is there already. Raises TypeError for other content."""
        self._after.insert(0, self._piece(content, options, html))
        return self

    def remove(self) -> Self:
        """Leaves it out."""
        self._in_use()
        self._removed = True
        return self


class Replaceable(Unit):
    """One that is a single token."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self._raw = token.raw

    def replace(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content in its place; of several the last counts. Raises TypeError for other content."""
        self._instead = [self._piece(content, options, html)]
        return self.remove()


class TextChunk(Replaceable):
    """Some of a text. A text can come in several; the last of them says so, and is empty."""

    def __init__(self, token: Text) -> None:
        super().__init__(token)
        self._last = token.last

    @property
    def text(self) -> str:
        """As the document writes it."""
        return shown(self._raw)

    @property
    def last_in_text_node(self) -> bool:
        """Whether the text ends here."""
        return self._last

    lastInTextNode = last_in_text_node


class Comment(Replaceable):
    """A comment."""

    def __init__(self, token: CommentToken) -> None:
        super().__init__(token)
        self._text = token.text

    @property
    def text(self) -> str:
        """What is between `<!--` and `-->`. Setting it raises ValueError for text that would end the comment."""
        return shown(self._text)

    @text.setter
    def text(self, text: str) -> None:
        self._in_use()
        text = written(text)
        if "-->" in text or "--!>" in text or text.startswith((">", "->")):
            raise ValueError(f"{text!r} would end the comment")
        self._raw, self._text = f"<!--{text}-->", text


class Doctype:
    """The doctype, to look at."""

    def __init__(self, token: DoctypeToken) -> None:
        found = _DOCTYPE.match(token.raw)
        parts = {
            name: shown(value) for name, value in (found.groupdict() if found else {}).items() if value is not None
        }
        self.name: str | None = lowered(parts.get("name", "")) or None
        self.public_id: str | None = parts.get("p1", parts.get("p2"))
        self.system_id: str | None = parts.get("s1", parts.get("s2", parts.get("s3", parts.get("s4"))))

    @property
    def publicId(self) -> str | None:
        """The same as `public_id`."""
        return self.public_id

    @property
    def systemId(self) -> str | None:
        """The same as `system_id`."""
        return self.system_id


class DocumentEnd:
    """The end of the document."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []

    def append(self, content: Content, options: Options = None, *, html: bool | None = None) -> DocumentEnd:
        """Puts content at the end of the document. Raises TypeError for other content."""
        self._pieces.append(_piece(content, options, html))
        return self

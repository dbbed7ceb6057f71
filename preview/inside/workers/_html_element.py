"""An element as HTMLRewriter's handlers are given it, at its start tag and before its content is read; and its end.

Made by `_rewriter`. What is put in front of the end or behind it waits in an `Ending`, which is written where the element ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Self

from ._html_content import Content, Options, Piece, Unit, shown, written
from ._html_tokens import EndTag as EndTagToken
from ._html_tokens import StartTag, lowered

NAMESPACES = {
    "html": "http://www.w3.org/1999/xhtml",
    "svg": "http://www.w3.org/2000/svg",
    "math": "http://www.w3.org/1998/Math/MathML",
}
_TAG_NAME = re.compile(r"[a-zA-Z][^\x00\t\n\f\r />]*")
_ATTRIBUTE_NAME = re.compile(r"[^\x00\t\n\f\r />=]+")


class Ending:
    """What is to happen where an element ends."""

    __slots__ = ("after", "before", "handlers", "name", "removed")

    def __init__(self) -> None:
        self.before: list[Piece] = []
        self.after: list[Piece] = []
        self.removed = False
        self.name: str | None = None
        self.handlers: list[Callable[[EndTag], Any]] = []


class EndTag(Unit):
    """The end of an element: its end tag, or the place where it ends without one, of which there is nothing to remove."""

    def __init__(self, name: str, token: EndTagToken | None, ending: Ending) -> None:
        super().__init__()
        self._name, self._named, self._token = ending.name or name, ending.name is not None, token
        self._before, self._after, self._removed = ending.before, ending.after, ending.removed

    @property
    def name(self) -> str:
        """Its name in lower case. Setting it raises ValueError for what is no name."""
        return shown(self._name)

    @name.setter
    def name(self, name: str) -> None:
        self._in_use()
        self._name, self._named = _checked(name, _TAG_NAME, "an element's name"), True

    def _source(self) -> str:
        if self._token is None or self._removed:
            return ""
        return f"</{self._name}>" if self._named else self._token.raw


class Element(Unit):
    """An element. `before`, `prepend`, `append` and `after` put content where the element begins and ends.

    One that can have no content, such as `<img>`, has no end: `prepend`, `append` and `set_inner_content` do nothing there.
    """

    def __init__(self, token: StartTag, namespace: str, has_content: bool) -> None:
        super().__init__()
        self._token, self._namespace, self._has_content = token, namespace, has_content
        self._name = token.name
        self._changed: dict[str, str | None] = {}
        self._self_closing = token.self_closing
        self._prepended: list[Piece] = []
        self._without_content = False
        self._ending: Ending | None = None

    # What it is

    @property
    def tag_name(self) -> str:
        """Its name in lower case, such as "div". Setting it raises ValueError for what is no name."""
        return shown(self._name)

    @tag_name.setter
    def tag_name(self, name: str) -> None:
        self._in_use()
        self._name = _checked(name, _TAG_NAME, "an element's name")
        if self._has_content:
            self._end().name = self._name

    @property
    def namespace_uri(self) -> str:
        """HTML's, SVG's or MathML's."""
        return NAMESPACES[self._namespace]

    @property
    def attributes(self) -> list[tuple[str, str]]:
        """Each attribute as (name, value), in the document's order; new ones at the end."""
        found = {**self._token.attributes, **self._changed}
        return [(shown(name), shown(value)) for name, value in found.items() if value is not None]

    def get_attribute(self, name: str) -> str | None:
        """The value as the document writes it, "" where it has none; None where the attribute is not there."""
        name = lowered(name)
        value = self._changed[name] if name in self._changed else self._token.attributes.get(name)
        return None if value is None else shown(value)

    def has_attribute(self, name: str) -> bool:
        """Whether the attribute is there."""
        return self.get_attribute(name) is not None

    def set_attribute(self, name: str, value: str) -> Self:
        """Sets an attribute; `&amp;` and the like in `value` are written as they are. Raises ValueError for what is no name."""
        self._in_use()
        name = lowered(_checked(name, _ATTRIBUTE_NAME, "an attribute's name"))
        self._changed[name] = written(value)
        return self

    def remove_attribute(self, name: str) -> Self:
        """Removes an attribute; nothing happens where it is not there."""
        self._in_use()
        if self.has_attribute(name):
            self._changed[lowered(name)] = None
        return self

    # What becomes of it

    def after(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content behind its end, in front of what is there already. Raises TypeError for other content."""
        waiting = self._end().after if self._has_content else self._after
        waiting.insert(0, self._piece(content, options, html))
        return self

    def prepend(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content right behind its start tag, in front of what is there already. Raises TypeError for other content."""
        piece = self._piece(content, options, html)
        if self._has_content:
            self._prepended.insert(0, piece)
            self._self_closing = False
        return self

    def append(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content right in front of its end, behind what is there already. Raises TypeError for other content."""
        piece = self._piece(content, options, html)
        if self._has_content:
            self._end().before.append(piece)
            self._self_closing = False
        return self

    def set_inner_content(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content in the place of what is in it. Raises TypeError for other content."""
        piece = self._piece(content, options, html)
        if self._has_content:
            self._drop_content()
            self._prepended.append(piece)
            self._self_closing = False
        return self

    def replace(self, content: Content, options: Options = None, *, html: bool | None = None) -> Self:
        """Puts content in the place of the element and all that is in it. Raises TypeError for other content."""
        self._instead = [self._piece(content, options, html)]
        return self.remove()

    def remove(self) -> Self:
        """Leaves out the element and all that is in it. Handlers still hear of what is in it."""
        self.remove_and_keep_content()
        if self._has_content:
            self._drop_content()
        return self

    def remove_and_keep_content(self) -> Self:
        """Leaves out its start and end tags."""
        super().remove()
        if self._has_content:
            self._end().removed = True
        return self

    def on_end_tag(self, handler: Callable[[EndTag], Any]) -> None:
        """Has `handler`, async or not, called with an EndTag where the element ends.

        Raises TypeError for an element that can have no content, and for a handler that cannot be called.
        """
        self._in_use()
        if not callable(handler):
            raise TypeError(f"on_end_tag takes a function, not {type(handler).__name__}")
        if not self._has_content:
            raise TypeError(f"<{self.tag_name}> can have no content and has no end tag")
        self._end().handlers.append(handler)

    # Cloudflare's own spellings

    getAttribute = get_attribute
    hasAttribute = has_attribute
    setAttribute = set_attribute
    removeAttribute = remove_attribute
    setInnerContent = set_inner_content
    removeAndKeepContent = remove_and_keep_content
    onEndTag = on_end_tag
    tagName = tag_name
    namespaceURI = namespace_uri

    def _end(self) -> Ending:
        if self._ending is None:
            self._ending = Ending()
        return self._ending

    def _drop_content(self) -> None:
        self._without_content = True
        self._prepended.clear()
        self._end().before.clear()

    def _source(self) -> str:
        """The start tag, which is written anew only where it was changed."""
        token = self._token
        if self._name == token.name and not self._changed and self._self_closing == token.self_closing:
            return token.raw
        left = dict(self._changed)
        attributes: list[str] = []
        for name, source, _ in token.sources():
            if name not in left:
                if name not in self._changed:  # else it is a second one of that name, which means nothing
                    attributes.append(source)
            elif (value := left.pop(name)) is not None:
                attributes.append(_attribute(name, value))
        attributes += [_attribute(name, value) for name, value in left.items() if value is not None]
        # A space, as the slash would be part of an unquoted value.
        closing = (" />" if attributes else "/>") if self._self_closing else ">"
        return " ".join([f"<{self._name}", *attributes]) + closing


def _checked(name: str, pattern: re.Pattern[str], what: str) -> str:
    name = written(name)
    if not pattern.fullmatch(name):
        raise ValueError(f"{name!r} is not {what}")
    return name


def _attribute(name: str, value: str) -> str:
    value = value.replace('"', "&quot;")
    return f'{name}="{value}"'

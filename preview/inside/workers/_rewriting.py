"""One HTML document on its way through an HTMLRewriter: tokens come, handlers are called, what is left of it goes out.

Used by `_rewriter`, which says what is promised.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ._html_content import Comment, Doctype, DocumentEnd, Piece, Replaceable, TextChunk, escaped
from ._html_element import Element, EndTag
from ._html_tokenizer import Tokenizer
from ._html_tokens import Comment as CommentToken
from ._html_tokens import Doctype as DoctypeToken
from ._html_tokens import EndTag as EndTagToken
from ._html_tokens import StartTag, Text, Token
from ._matching import Chain, Selectors, Subject
from ._open_elements import RAW_TEXT, Open, OpenElements, has_content
from .response import Response

OF_ELEMENTS = ("element", "text", "comments")
OF_THE_DOCUMENT = ("doctype", "comments", "text", "end")

Handler = Callable[[Any], Any]
Registered = tuple[list[Chain] | None, dict[str, Handler]]
"""The selector, None for the document, and the handlers by the names that they are documented with."""


class Rewriting:
    """Fed the document piece by piece, it gives what can be written of it."""

    def __init__(self, registered: list[Registered]) -> None:
        self._kinds: dict[str, list[tuple[int, Handler]]] = {kind: [] for kind in (*OF_ELEMENTS, *OF_THE_DOCUMENT)}
        for number, (_, handlers) in enumerate(registered):
            for kind, handler in handlers.items():
                self._kinds[kind].append((number, handler))
        # Of each, the open elements that match it; text and comments concern those that have any. The document is always open.
        self._open_matches = [int(chains is None) for chains, _ in registered]
        self._selectors = Selectors()
        for number, (chains, _) in enumerate(registered):
            self._selectors.add(chains or [], number)
        self._tokenizer = Tokenizer()
        self._elements = OpenElements()
        self._without_content = 0
        """Open elements whose content is left out."""
        self._out: list[str] = []

    async def feed(self, piece: str, end: bool = False) -> str:
        """What can be written once this piece of the document is there; with `end`, all that is left."""
        for token in self._tokenizer.feed(piece, end):
            await self._take(token)
        if end:
            for element in self._elements.all():
                await self._end(element, None)
            last = DocumentEnd()
            await _call(self._listening("end"), last)
            await self._write(last._pieces)
        made, self._out = "".join(self._out), []
        return made

    async def _take(self, token: Token) -> None:
        if isinstance(token, StartTag):
            await self._start(token)
        elif isinstance(token, EndTagToken):
            await self._end_tag(token)
        elif isinstance(token, Text):
            if handlers := self._listening("text"):
                await self._single(handlers, TextChunk(token))
            else:
                self._write_source(token.raw)
        elif isinstance(token, CommentToken):
            await self._single(self._listening("comments"), Comment(token))
        else:
            if isinstance(token, DoctypeToken):
                await _call(self._listening("doctype"), Doctype(token))
            self._write_source(token.raw)

    async def _single(self, handlers: list[Handler], unit: Replaceable) -> None:
        await _call(handlers, unit)
        unit._over = True
        await self._write(unit._before)
        if unit._removed:
            await self._write(unit._instead)
        else:
            self._write_source(unit._raw)
        await self._write(unit._after)

    def _listening(self, kind: str) -> list[Handler]:
        return [handler for number, handler in self._kinds[kind] if self._open_matches[number]]

    # Elements

    async def _start(self, token: StartTag) -> None:
        for ended in self._elements.ended_by(token):
            await self._end(ended, None)
        parent, element = self._elements.innermost, self._elements.made(token)
        matched = self._match(token, element, parent)
        holds = has_content(element, token)
        handlers = [handler for number, handler in self._kinds["element"] if number in matched] if matched else []
        if not handlers:
            self._write_source(token.raw)
        else:
            await self._change(token, element, holds, handlers)
        if holds:
            self._open(element, matched)
        self._tokenizer.cdata = self._elements.innermost.namespace != "html"
        if holds and element.namespace == "html" and element.name in RAW_TEXT:
            self._tokenizer.raw_text(element.name)

    def _match(self, token: StartTag, element: Open, parent: Open) -> list[int]:
        parent.children += 1
        of_type = 0
        if self._selectors.counts_types:
            parent.types = parent.types or {}
            parent.types[token.name] = of_type = parent.types.get(token.name, 0) + 1
        subject = Subject(token, parent.children, of_type, element.namespace == "html")
        element.steps, matched = self._selectors.match(subject, parent.steps, parent.reach)
        element.reach = parent.reach | element.steps
        return matched

    async def _change(self, token: StartTag, opened: Open, holds: bool, handlers: list[Handler]) -> None:
        element = Element(token, opened.namespace, holds)
        await _call(handlers, element)
        element._over = True
        await self._write(element._before)
        if element._removed:
            await self._write(element._instead)
        else:
            self._write_source(element._source())
        await self._write(element._prepended)
        await self._write(element._after)
        opened.ending, opened.without_content = element._ending, element._without_content

    def _open(self, element: Open, matched: list[int]) -> None:
        self._elements.push(element)
        element.matched = tuple(matched)
        for number in matched:
            self._open_matches[number] += 1
        self._without_content += element.without_content

    async def _end_tag(self, token: EndTagToken) -> None:
        if token.name in ("p", "br"):  # of which the standard says that they end foreign elements
            for ended in self._elements.foreign():
                await self._end(ended, None)
        found = False
        for ended in self._elements.up_to(token.name):
            found = ended.name == token.name
            await self._end(ended, token if found else None)
        if not found:
            self._write_source(token.raw)
        self._tokenizer.cdata = self._elements.innermost.namespace != "html"

    async def _end(self, element: Open, token: EndTagToken | None) -> None:
        for number in element.matched:
            self._open_matches[number] -= 1
        self._without_content -= element.without_content
        if element.ending is None:
            self._write_source(token.raw if token else "")
            return
        end = EndTag(element.name, token, element.ending)
        await _call(element.ending.handlers, end)
        end._over = True
        await self._write(end._before)
        self._write_source(end._source())
        await self._write(end._after)

    # What is written

    def _write_source(self, source: str) -> None:
        if not self._without_content:
            self._out.append(source)

    async def _write(self, content: list[Piece]) -> None:
        for each, markup in content:
            if self._without_content:
                return
            if isinstance(each, str):
                text = each
            else:
                read = each.bytes() if isinstance(each, Response) else each.read()
                text = (await read).decode("utf-8", "replace")
            self._out.append(text if markup else escaped(text))


async def _call(handlers: list[Handler], given: object) -> None:
    for handler in handlers:
        result = handler(given)
        if inspect.isawaitable(result):
            await result

"""`HTMLRewriter`: changes HTML while it streams through, by handlers for what selectors match.

    from js import HTMLRewriter

    class Links:
        def element(self, element):
            element.setAttribute("rel", "noopener")

    return HTMLRewriter.new().on("a[href]", Links()).transform(response)

Written anew against Cloudflare's documentation; `preview/inside/shims/js.py` shows it, and imports it when it is first asked for.
What no handler changes goes out byte for byte as it came in. Held in memory are the token under way (`_html_tokenizer`), the open
elements (`_open_elements`) and what handlers have put at their ends, never the document.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator
from contextlib import aclosing

from ._javascript import _Proxied
from ._rewriting import OF_ELEMENTS, OF_THE_DOCUMENT, Handler, Registered, Rewriting
from ._selectors import parse
from .response import Response
from .streams import Chunks, pieces

_SLICE = 16 << 10
"""Bytes that are rewritten before others have a turn."""


class HTMLRewriter:
    """Rewrites HTML with handlers: `HTMLRewriter().on("a", handlers).transform(response)`.

    Handlers are an object, or a dict, with any of the documented methods, async or not, of one argument. They are called in
    the order in which they were given; what one raises is raised where the body is read, and nothing more is written.
    """

    def __init__(self) -> None:
        self._registered: list[Registered] = []

    @classmethod
    def new(cls) -> HTMLRewriter:
        """Makes one, in Cloudflare's spelling."""
        return cls()

    def on(self, selector: str, handlers: object) -> HTMLRewriter:
        """Has `element(element)` called for each element that matches, `text(chunk)` and `comments(comment)` for what is in it.

        Selectors: `*`, `E`, `.class`, `#id`, `[a]`, `[a=v]` with `~= ^= $= *= |=` and the flags `i` and `s`, `:nth-child(2n+1)`,
        `:first-child`, `:nth-of-type(…)`, `:first-of-type`, `:not(…)`, `E F`, `E > F`, and several after commas.
        Raises ValueError for any other, TypeError for handlers that cannot be called.
        """
        self._registered.append((parse(selector), _methods(handlers, OF_ELEMENTS)))
        return self

    def on_document(self, handlers: object) -> HTMLRewriter:
        """Has `doctype(doctype)`, `comments(comment)`, `text(chunk)` and `end(end)` called for the whole document.

        Raises TypeError for handlers that cannot be called.
        """
        self._registered.append((None, _methods(handlers, OF_THE_DOCUMENT)))
        return self

    onDocument = on_document

    def transform(self, response: Response) -> Response:
        """A response with the same status and headers, without Content-Length, whose body is rewritten while it is read.

        The body is taken for UTF-8; bytes that are not stay as they are. Raises TypeError for what is no Response, ValueError for
        a compressed one, OSError where its body was read. Reading the new body raises what handlers raise, and ValueError for a
        tag or comment over 2 Mi characters or 200,000 open elements.
        """
        if not isinstance(response, Response):
            raise TypeError(f"transform takes a Response, not {type(response).__name__}")
        if response.web_socket is not None:
            return response
        empty = response._source is None and not response._content
        coding = response.headers.get("content-encoding", "identity")
        if not empty and coding.lower() != "identity":
            raise ValueError(f"the body of the response is compressed ({coding}): HTMLRewriter reads HTML")
        source = response._use()
        chunks = [response._content] if source is None else source
        body = None if empty else _rewritten(Rewriting(self._registered), _slices(chunks))
        made = response.replace_body(body)
        made._url, made._redirected = response._url, response._redirected
        made.headers.delete("content-length")
        return made


def _methods(handlers: object, names: tuple[str, ...]) -> dict[str, Handler]:
    if isinstance(handlers, _Proxied):
        handlers = handlers._target
    found: dict[str, Handler] = {}
    for name in names:
        method = handlers.get(name) if isinstance(handlers, dict) else getattr(handlers, name, None)
        if method is None:
            continue
        if not callable(method):
            raise TypeError(f"the handler {name!r} is a function of one argument, not {type(method).__name__}")
        found[name] = method
    return found


async def _slices(source: Chunks) -> AsyncIterator[bytes]:
    async with aclosing(pieces(source)) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            for at in range(0, len(chunk), _SLICE):
                yield chunk[at : at + _SLICE]
                if len(chunk) > _SLICE:
                    await asyncio.sleep(0)


async def _rewritten(rewriting: Rewriting, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    # Bytes that are no UTF-8 go through as they are, as single surrogates.
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    async with aclosing(source):  # type: ignore[type-var]
        async for piece in source:
            if made := await rewriting.feed(decoder.decode(piece)):
                yield made.encode("utf-8", "surrogateescape")
    if made := await rewriting.feed(decoder.decode(b"", final=True), end=True):
        yield made.encode("utf-8", "surrogateescape")

"""What Request and Response share: one body that may be read once, whole as bytes or piece by piece.

Reading is async because it is so on Cloudflare, where the body may still be under way. A second read raises OSError
there, and therefore here; `clone()` first where two readers need it.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import AsyncIterable, Iterable
from typing import Any, TypeAlias, cast

from .blob import Blob
from .formdata import FormData, encode_multipart, parse_form
from .headers import Headers
from .streams import ByteStream, Chunks, pieces, tee

Body: TypeAlias = "str | bytes | bytearray | memoryview | FormData | Blob | Chunks | None"
"""What a body can be made of; one made of chunks, such as a generator, is streamed."""


class Message:
    """The base of Request and Response."""

    __slots__ = ("_content", "_source", "_used", "headers")

    headers: Headers
    """The headers: case-insensitive, `headers.get("accept")`."""

    _content: builtins.bytes
    _source: Chunks | None  # in place of the content, where the body is streamed
    _used: bool

    @property
    def body(self) -> ByteStream | None:
        """The body piece by piece, `async for chunk in request.body`; None where there is none."""
        source = self._source
        if isinstance(source, ByteStream):
            return source
        if source is None and not self._content:
            return None
        stream = ByteStream(self._content) if source is None else ByteStream(source=pieces(source))
        self._source = stream
        return stream

    @property
    def body_used(self) -> bool:
        """Whether the body has been read, or begun to be."""
        return self._used or (isinstance(self._source, ByteStream) and self._source._begun)

    async def text(self) -> str:
        """The body decoded as UTF-8; what is not UTF-8 becomes U+FFFD. Raises OSError on a second read."""
        return (await self._read()).decode("utf-8", "replace")

    async def bytes(self) -> builtins.bytes:
        """The body as it came. Raises OSError on a second read."""
        return await self._read()

    async def buffer(self) -> builtins.bytes:
        """The same as `bytes()`; on Cloudflare it is an ArrayBuffer."""
        return await self._read()

    async def blob(self) -> Blob:
        """The body with its content type. Raises OSError on a second read."""
        return Blob(await self._read(), self.headers.get("content-type"))

    async def form_data(self) -> FormData:
        """The fields of the form in the body, urlencoded or multipart.

        Raises ValueError where the body is no form, OSError on a second read.
        """
        return parse_form(await self._read(), self.headers.get("content-type", ""))

    # The web's own spellings, for code that holds the JavaScript object on Cloudflare.
    arrayBuffer = buffer
    formData = form_data

    @property
    def bodyUsed(self) -> bool:
        """The same as `body_used`."""
        return self.body_used

    async def _read_json(self, **options: Any) -> Any:
        return json.loads((await self._read()).decode("utf-8-sig", "replace"), **options)

    async def _read(self) -> builtins.bytes:
        source = self._use()
        if source is None:
            return self._content
        return b"".join([chunk async for chunk in pieces(source)])

    def _use(self) -> Chunks | None:
        """Marks the body as read. Returns where it comes from, None where it is the content. Raises OSError."""
        if self.body_used:
            raise OSError("Body already used: it can be read once; clone() first to read it twice")
        self._used = bool(self._content) or self._source is not None  # what has no body can be read, and sent, again
        return self._source

    def _fill(self, body: Body, owner: str) -> str | None:
        """Sets the body; returns the content type that follows from its kind, if any. Raises TypeError for others."""
        self._content, self._source, self._used = b"", None, False
        if body is None:
            return None
        if isinstance(body, str):
            self._content = body.encode("utf-8", "replace")
            return "text/plain;charset=UTF-8"
        if isinstance(body, bytes | bytearray | memoryview):
            self._content = bytes(body)
            return None
        if isinstance(body, FormData):
            self._content, content_type = encode_multipart(body)
            return content_type
        if isinstance(body, Blob):
            self._content = body._content
            return body.content_type or None
        # A list or a mapping is a forgotten Response.json(…), not a stream.
        if isinstance(body, dict | list | tuple | set) or not isinstance(body, AsyncIterable | Iterable):
            raise _wrong_body(body, owner)
        self._source = cast(Chunks, body)
        return None

    def _fill_from(self, other: Message) -> None:
        """Takes over another one's body. Raises OSError where it was read."""
        self._source = other._use()
        self._content, self._used = other._content, False

    def _split(self) -> Body:
        """The same body once more, for a clone. Raises OSError where it was read."""
        if self.body_used:
            raise OSError("Body already used: clone() before the first read")
        if self._source is None:
            return self._content or None
        stream = self.body
        assert stream is not None
        self._source, other = tee(stream)
        return other


def _wrong_body(body: object, owner: str) -> TypeError:
    hint = "; for JSON write Response.json(…)" if owner == "Response" and isinstance(body, dict | list) else ""
    return TypeError(f"the body of a {owner} must be str, bytes or a generator, not {type(body).__name__}{hint}")

"""Blob and File: bytes with a type and, for a file, a name. What an upload field of a form holds.

Used by FormData, and by workers that build one. Holds its bytes in memory; a request is bounded by the server.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import TypeAlias

BlobPart: TypeAlias = "str | bytes | bytearray | memoryview | Blob"


class Blob:
    """Immutable bytes with a content type."""

    __slots__ = ("_content", "content_type")

    content_type: str
    """The media type, or an empty str."""

    def __init__(self, blob_parts: BlobPart | Iterable[BlobPart], content_type: str | None = None) -> None:
        if isinstance(blob_parts, Blob) and content_type is None:
            content_type = blob_parts.content_type
        single = isinstance(blob_parts, str | bytes | bytearray | memoryview | Blob)
        parts: Iterable[BlobPart] = [blob_parts] if single else blob_parts  # type: ignore[list-item, assignment]
        self._content = b"".join(_part_bytes(part) for part in parts)
        self.content_type = content_type or ""

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self._content)

    @property
    def js_object(self) -> Blob:
        """The blob itself: on Cloudflare, the JavaScript object behind it."""
        return self

    @property
    def type(self) -> str:
        """The same as `content_type`, by its JavaScript name."""
        return self.content_type

    async def text(self) -> str:
        """The content decoded as UTF-8; what is not UTF-8 becomes U+FFFD."""
        return self._content.decode("utf-8", "replace")

    async def bytes(self) -> builtins.bytes:
        """The content."""
        return self._content

    def slice(self, start: int | None = None, end: int | None = None, content_type: str | None = None) -> Blob:
        """A new Blob of the bytes from `start` up to `end`; negative numbers count from the end."""
        return Blob(self._content[start:end], content_type)

    def __repr__(self) -> str:
        return f"Blob(size={self.size}, content_type={self.content_type!r})"


class File(Blob):
    """A Blob with a file name, as an `<input type="file">` sends it."""

    __slots__ = ("name",)

    name: str
    """The file name the sender gave; never a path to trust."""

    def __init__(
        self, blob_parts: BlobPart | Iterable[BlobPart], filename: str, content_type: str | None = None
    ) -> None:
        super().__init__(blob_parts, content_type)
        self.name = filename

    def __repr__(self) -> str:
        return f"File(name={self.name!r}, size={self.size}, content_type={self.content_type!r})"


def _part_bytes(part: BlobPart) -> builtins.bytes:
    if isinstance(part, str):
        return part.encode("utf-8", "replace")
    if isinstance(part, Blob):
        return part._content
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(part)
    raise TypeError(f"a Blob is made of str, bytes or Blob, not of {type(part).__name__}")

"""What all messages of the bridge are made of: their base, their limits, and the kinds of values in them."""

# mypy: disable-error-code="misc"
# (The bases say frozen, and msgspec passes that on; mypy knows only dataclasses, which do not.)

from __future__ import annotations

from typing import Annotated

import msgspec

PROTOCOL = 1
MAX_FRAME = 1024 * 1024
"""Bytes of one frame on the WebSocket, both ways."""
MAX_RANGES = 32
"""Selections of one editor that others are shown."""
INLINE_LIMIT = 256 * 1024
"""Bytes: a batch of operations larger than this travels by HTTP as a blob, and the frame names its digest."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""A whole number that JavaScript can hold."""
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{1,64}(?!\n)$")]
"""A name that a client chooses for itself or for a file. It must be unique, so it should be random."""
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
"""SHA-256 in hex."""


class Message(msgspec.Struct, tag_field="t", forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The base of every message: frozen, strict."""

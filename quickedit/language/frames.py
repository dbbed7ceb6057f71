"""What goes between the web process and an analysing process: JSON in frames, a 4-byte big-endian length before each."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec

MAX_FRAME = 8 * 1024 * 1024
"""Bytes. A document is at most 1 MiB of text, an answer a few hundred kilobytes."""
HEADER = struct.Struct(">I")


class BadFrame(Exception):
    """A frame that is too long or no JSON: the process at the other end is not to be trusted any more."""


def encode(message: Any) -> bytes:
    body = msgspec.json.encode(message)
    return HEADER.pack(len(body)) + body


def decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise BadFrame(str(error)) from error


def length(header: bytes) -> int:
    """Raises BadFrame for more than MAX_FRAME."""
    (size,) = HEADER.unpack(header)
    if size > MAX_FRAME:
        raise BadFrame(f"a frame of {size} bytes")
    return int(size)


def read(stream: BinaryIO) -> Any | None:
    """The next message from a blocking stream; None at its end."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size = length(header)
    body = stream.read(size)
    return decode(body) if len(body) == size else None

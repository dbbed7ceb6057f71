"""Frames to messages and back: strict, bounded, and with refusals that say what was wrong.

The bridge calls ``decode`` on whatever a browser sent and ``encode`` on what goes out; the API and the rooms use the
operations' pair for batches that travel as blobs. Nothing here knows a connection, and nothing but the errors of
``quickedit.errors`` may leave it, however broken the input is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from quickedit.errors import BadFrame, TooLarge
from quickedit.wire import messages
from quickedit.wire.messages import (
    MAX_FRAME,
    AnyOperation,
    HelloToServer,
    LspToServer,
    Message,
    OpToServer,
    PingToServer,
    PresenceToServer,
    RunToServer,
)

ToServer = HelloToServer | OpToServer | LspToServer | RunToServer | PingToServer | PresenceToServer

MAX_BLOB = 16 * 1024 * 1024
"""Bytes of a batch that travels as a blob: a whole worker as JSON, its quotes and line ends escaped, fits."""
_NAME_SHOWN = 64


class _Tag(msgspec.Struct):
    """The tag alone, to name an unknown kind."""

    t: Any = None


_to_server: msgspec.json.Decoder[ToServer] = msgspec.json.Decoder(ToServer)
_tag = msgspec.json.Decoder(_Tag)
_operations = msgspec.json.Decoder(list[AnyOperation])
_encoder = msgspec.json.Encoder()
_KINDS = frozenset(str(cls.__struct_config__.tag) for cls in messages.TO_SERVER)


def decode(frame: str | bytes) -> ToServer:
    """What a client sent. Raises TooLarge over MAX_FRAME bytes, and BadFrame for whatever else is not a message."""
    try:
        data = frame.encode() if isinstance(frame, str) else frame
    except UnicodeEncodeError:
        raise BadFrame("The frame holds half of a surrogate pair.", code="lone-surrogate") from None
    if len(data) > MAX_FRAME:
        raise TooLarge(
            f"A frame can be at most {MAX_FRAME} bytes long; this one is {len(data)}.", code="frame-too-large"
        )
    try:
        return _to_server.decode(data)
    except RecursionError:
        raise BadFrame("The frame is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refusal(data, error) from None


def encode(message: Message) -> str:
    """The frame for a message. Raises TooLarge over MAX_FRAME bytes, and BadFrame for lone surrogates."""
    try:
        data = _encoder.encode(message)
    except UnicodeEncodeError:
        raise BadFrame("The message holds half of a surrogate pair.", code="lone-surrogate") from None
    if len(data) > MAX_FRAME:
        raise TooLarge(
            f"A frame can be at most {MAX_FRAME} bytes long; this one is {len(data)}.", code="frame-too-large"
        )
    return data.decode()


def decode_operations(data: bytes) -> list[AnyOperation]:
    """The operations of a blob. Raises TooLarge over MAX_BLOB bytes, and BadFrame."""
    if len(data) > MAX_BLOB:
        raise TooLarge(
            f"A batch can be at most {MAX_BLOB} bytes long; this one is {len(data)}.", code="batch-too-large"
        )
    try:
        return _operations.decode(data)
    except RecursionError:
        raise BadFrame("The batch is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFrame(f"The batch is not a list of operations: {error}.", code="bad-batch") from None


def encode_operations(ops: Iterable[AnyOperation]) -> bytes:
    """The JSON of a batch, as the log keeps it and blobs carry it. Raises BadFrame for lone surrogates."""
    try:
        return _encoder.encode(list(ops))
    except UnicodeEncodeError:
        raise BadFrame("The text holds half of a surrogate pair.", code="lone-surrogate") from None


def _refusal(data: bytes, error: Exception) -> BadFrame:
    try:
        tag = _tag.decode(data).t
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BadFrame(f"The frame is not a JSON object: {error}.")
    if tag is None:
        return BadFrame("The frame has no kind, “t”.", code="unknown-frame")
    if tag not in _KINDS if isinstance(tag, str) else True:
        shown = tag if isinstance(tag, str) else msgspec.json.encode(tag).decode()
        hint = "Reload the page: it may be older than the server."
        return BadFrame(
            f"The server takes no frame of the kind “{shown[:_NAME_SHOWN]}”.", code="unknown-frame", hint=hint
        )
    return BadFrame(f"The frame “{tag}” is malformed: {error}.")

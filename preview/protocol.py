"""The frames between the supervisor and one sandboxed child, and their limits.

Both sides of the wall import this module, so it uses the standard library alone and never executes, unpickles or
compiles what it reads. The supervisor treats every frame from a child as hostile: bounded here, decoded strictly, and
a violation ends the child.

A frame is ``u32 length | u8 kind | u32 request id | payload`` (little endian); length counts what follows it.
Payloads are JSON, or JSON followed by bytes (``u32 length of the JSON | JSON | bytes``), or as a kind's comment says.

A request or an answer that is whole is one frame. One that is not goes on in BODY frames, and a WebSocket in WS frames.
Either side may have WINDOW bytes of such frames under way in each direction of each request; the receiver grants more
with CREDIT, in bytes of whole frames, as whoever it passes them on to takes them. That bounds both sides' memory.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any

HEADER = struct.Struct("<IBI")
_LENGTH = struct.Struct("<I")
# Made once: json.dumps with options makes an encoder for each call.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_from_json = json.JSONDecoder().decode

MAX_FRAME = 16 * 1024 * 1024
"""Bytes of one frame. A bundle is at most 10 MiB and travels in one LOAD frame; a response body likewise."""
MAX_HEAD = 64 * 1024
"""Bytes of the JSON part of a REQUEST or RESPONSE frame."""
MAX_REPORT = 256 * 1024
"""Bytes of an error report: the child truncates, the supervisor refuses more."""
MAX_LOG_FRAME = 16 * 1024
"""Bytes of one LOG frame."""
MAX_CALL_HEAD = 1024 * 1024
"""Bytes of the JSON part of a CALL frame: a statement of SQL with its values, a list of keys."""
MAX_CALL_BODY = 10 * 1024 * 1024
"""Bytes that one CALL frame carries beside it, and one TO_RESULT frame brings."""
MAX_CALLS = 64
"""Calls of one child under way at once. The child holds further ones back; the supervisor ends a child that does not."""
MAX_CALLS_BYTES = 32 * 1024 * 1024
"""Bytes of all of their frames together; held back and enforced in the same way."""
MAX_CODES = 4 * 1024 * 1024
"""Bytes of compiled modules in one TO_LOAD or CODE frame."""
MAX_CHUNK = 64 * 1024
"""Bytes of one piece of a streamed body."""
MAX_MESSAGE = 1024 * 1024
"""Bytes of one WebSocket message, whole in one frame."""
WINDOW = 256 * 1024
"""Bytes of a stream's frames that may be under way before credit comes. A frame may be begun while any of it is left, so
one frame more than this may be there."""
GRANT = WINDOW // 4
"""Credit is granted in pieces of at least this, to save frames."""


class Kind(IntEnum):
    """Frame kinds. TO_… travel to the child, the others from it."""

    # JSON+bytes: {"main", "root", "env", "changed", "limits", "codes": int} + packed modules + packed compiled modules, of
    # "codes" bytes. First, exactly once.
    TO_LOAD = 1
    # JSON+bytes: {"method", "url", "headers": [[name, value]…], "private": bool} + body. With "more": true the body goes on
    # in TO_BODY frames; with "websocket": true it is a WebSocket's handshake.
    TO_REQUEST = 2
    TO_CANCEL = 3  # empty: the client went away. Answered by BODY_END, where the last frame is not under way already
    TO_BODY = 4  # bytes of the request's body, at most MAX_CHUNK
    TO_BODY_END = 5  # empty; or UTF-8 that says why the body ended before it was whole
    TO_CREDIT = 6  # u32: so many more bytes of BODY or WS frames may be sent
    TO_WS = 7  # u8 WsOp | data: a message from the client, or its close
    TO_RESULT = 10  # JSON+bytes: {"value": any} + bytes | {"error": {"code", "message"}}. The id is the CALL's
    TO_EVENT = 11  # JSON+bytes: {"event": "scheduled"|"queue", …, "private": bool} + bytes. Answered as a TO_REQUEST is

    LOADED = 64  # JSON: {"ms": float, "entry": str}. After CODE the answer to TO_LOAD; or FAILED: the import raised
    UNPARSED = (
        65  # JSON: {"path", "line", "column", "message", "text"}: in place of CODE: a changed module does not parse
    )
    RESPONSE = 66  # JSON+bytes: {"status": int, "headers": [[name, value]…]} + body
    FAILED = 67  # JSON: an error report (see preview.inside.report); request id 0 while loading
    LOG = 68  # JSON: {"records": [{"level", "text", "at", "path", "line"}…], "dropped"?}; 0 is outside any request
    SPARE = 69  # empty: confined, and waiting for TO_LOAD
    RESPONSE_START = 70  # JSON: {"status", "headers"}: BODY frames follow; or WS frames, where the status is 101
    BODY = 71  # bytes of the response's body, at most MAX_CHUNK
    BODY_END = 72  # empty: the answer is whole. FAILED in its place where it broke off
    CREDIT = 73  # u32: so many more bytes of TO_BODY or TO_WS frames may be sent
    CODE = 75  # packed: path → compiled module, for those that were not in TO_LOAD. First, before any of them has run
    WS = 74  # u8 WsOp | data: a message to the client, or the close that ends the request
    CALL = 80  # JSON+bytes: {"request", "capability", "method", "args"} + bytes. Its id is a number of the child's own
    CALL_CANCEL = 81  # empty: nobody waits for that CALL's result any more; there will be none


class WsOp(IntEnum):
    """What a WebSocket frame holds. Each side sends one CLOSE, its last frame; the other answers it with its own."""

    TEXT = 1  # UTF-8
    BINARY = 2
    CLOSE = 8  # u16 code (little endian) | UTF-8 reason


class ProtocolError(Exception):
    """A frame that breaks a rule of this module: too long, of unknown kind, or not of its kind's shape."""


def encode(kind: Kind, request: int, payload: bytes = b"") -> bytes:
    """One whole frame. Raises ProtocolError where the payload is over MAX_FRAME."""
    if len(payload) > MAX_FRAME:
        raise ProtocolError(f"a {kind.name} frame of {len(payload)} bytes is over {MAX_FRAME}")
    return HEADER.pack(len(payload) + HEADER.size - 4, kind, request) + payload


def json_payload(value: object) -> bytes:
    """JSON in UTF-8; a lone surrogate, which a worker may print, becomes a question mark."""
    return _to_json(value).encode("utf-8", "replace")


def split_payload(payload: bytes, *, max_head: int = MAX_HEAD) -> tuple[Any, bytes]:
    """The two parts of a JSON+bytes payload. Raises ProtocolError."""
    if len(payload) < 4:
        raise ProtocolError("a payload is shorter than its length field")
    (size,) = _LENGTH.unpack_from(payload)
    if size > max_head or 4 + size > len(payload):
        raise ProtocolError(f"a JSON part of {size} bytes does not fit")
    return parse_json(payload[4 : 4 + size]), payload[4 + size :]


def join_payload(head: object, body: bytes) -> bytes:
    return join_encoded(json_payload(head), body)


def join_encoded(head: bytes, body: bytes) -> bytes:
    """As ``join_payload``, of a head that is JSON already."""
    return _LENGTH.pack(len(head)) + head + body


def parse_json(data: bytes) -> Any:
    """JSON from the other side. Raises ProtocolError, also where nesting exhausts the stack."""
    try:
        return _from_json(data.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a frame does not hold JSON") from error


class Decoder:
    """Cuts a byte stream into frames. Holds at most MAX_FRAME bytes plus one read."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._max_frame = max_frame

    def feed(self, data: bytes | memoryview) -> Iterator[tuple[int, int, bytes]]:
        """Yields (kind, request id, payload) for each whole frame. Raises ProtocolError on a frame that is too long."""
        buffer: bytes | bytearray | memoryview = data
        if held := self._buffer:  # mostly none: frames are small, and come whole
            held += data
            buffer = held
        start = 0
        try:
            while len(buffer) - start >= HEADER.size:
                length, kind, request = HEADER.unpack_from(buffer, start)
                if not HEADER.size - 4 <= length <= self._max_frame + HEADER.size - 4:
                    raise ProtocolError(f"a frame announces {length} bytes")
                end = start + 4 + length
                if len(buffer) < end:
                    break
                payload = bytes(buffer[start + HEADER.size : end])
                start = end
                yield kind, request, payload
        finally:
            if held:
                del held[:start]
            elif start < len(buffer):
                self._buffer += buffer[start:]


def cost(size: int) -> int:
    """What a frame with ``size`` bytes of payload takes of a WINDOW."""
    return size + HEADER.size


def pack_credit(size: int) -> bytes:
    return _LENGTH.pack(size)


def unpack_credit(payload: bytes) -> int:
    """Raises ProtocolError where it is no credit that an honest side grants."""
    if len(payload) != _LENGTH.size or not 0 < (size := _LENGTH.unpack(payload)[0]) <= MAX_FRAME:
        raise ProtocolError("a frame of credit holds none")
    return int(size)


def pack_close(code: int, reason: str) -> bytes:
    """The payload of a WebSocket's CLOSE; a reason of more than 123 bytes, which no close frame holds, is cut."""
    cut = reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore").encode()
    return bytes([WsOp.CLOSE]) + _CLOSE_CODE.pack(code) + cut


def unpack_message(payload: bytes) -> tuple[WsOp, bytes]:
    """The kind and the data of a WS or TO_WS payload, text checked to be UTF-8. Raises ProtocolError."""
    op = payload[0] if payload else 0
    if len(payload) > MAX_MESSAGE + 1:
        raise ProtocolError(f"a WebSocket message of {len(payload) - 1} bytes is over {MAX_MESSAGE}")
    if op == WsOp.CLOSE:
        unpack_close(payload[1:])
    elif op == WsOp.TEXT:
        _text(payload[1:])
    elif op != WsOp.BINARY:
        raise ProtocolError("a WebSocket frame of unknown kind")
    return WsOp(op), payload[1:]


def unpack_close(data: bytes) -> tuple[int, str]:
    """The code and the reason of a CLOSE's data. Raises ProtocolError for what no close frame may hold (RFC 6455 §7.4)."""
    if not 2 <= len(data) <= 125:
        raise ProtocolError("a WebSocket's close does not hold a code and a reason")
    code = int(_CLOSE_CODE.unpack_from(data)[0])
    return code, _text(data[2:])


def may_close_with(code: int) -> bool:
    """Whether a program may close a WebSocket with this code."""
    return code in _CLOSE_CODES or 3000 <= code <= 4999


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("a WebSocket frame's text is not UTF-8") from error


_CLOSE_CODE = struct.Struct("<H")
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}").fullmatch
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
_MAX_HEADERS = 256


def check_response(status: int, headers: Iterable[tuple[str, str]]) -> None:
    """Whether a response may go out as HTTP. Raises ValueError with a sentence.

    The child asks before it sends, so that the user reads the sentence; the supervisor asks again, and believes nobody.
    """
    if not 200 <= status <= 599:
        raise ValueError(f"A response's status must be from 200 to 599, not {status}.")
    count = 0
    for name, value in headers:
        count += 1
        if not _HEADER_NAME(name):
            raise ValueError(f"{name[:80]!r} cannot be the name of a header.")
        if not _HEADER_VALUE(value):
            raise ValueError(f"The header {name!r} has a character that headers cannot carry: {value[:80]!r}")
    if count > _MAX_HEADERS:
        raise ValueError(f"A response has at most {_MAX_HEADERS} headers, not {count}.")


def pack_modules(modules: Mapping[str, bytes]) -> bytes:
    """A bundle as bytes, equal for equal content: by path, each entry ``u32 length | path | u32 length | content``."""
    parts = []
    for path in sorted(modules):
        name, content = path.encode(), modules[path]
        parts += [_LENGTH.pack(len(name)), name, _LENGTH.pack(len(content)), content]
    return b"".join(parts)


def unpack_modules(data: bytes) -> dict[str, bytes]:
    """The inverse of pack_modules. Raises ProtocolError on anything that pack_modules did not write."""
    parts: list[bytes] = []
    offset, end = 0, len(data)
    while offset < end:
        if offset + 4 > end:
            raise ProtocolError("a bundle ends within an entry")
        start = offset + 4
        offset = start + int.from_bytes(data[offset:start], "little")
        if offset > end:
            raise ProtocolError("a bundle ends within an entry")
        parts.append(data[start:offset])
    if len(parts) % 2:
        raise ProtocolError("a bundle ends within an entry")
    try:
        return {path.decode(): content for path, content in zip(parts[::2], parts[1::2], strict=True)}
    except UnicodeDecodeError as error:
        raise ProtocolError("a path in a bundle is not UTF-8") from error

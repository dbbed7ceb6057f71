"""What travels when a worker calls a method of another one: plain data, by value, as JSON with marks for what JSON lacks.

None, bool, int, float, str, bytes, list, tuple (arrives as a list), dict, set and datetime, in each other to a depth.
Reading it makes data and nothing else: the other worker is as little trusted as any visitor.
"""

from __future__ import annotations

import base64
import builtins
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

MAX_DEPTH = 64
"""Values in values; about what Python's own JSON reader takes without harm."""
_MARK = "$"
_PLAIN_FLOATS = frozenset({"inf", "-inf", "nan"})


class RemoteError(Exception):
    """The called method raised an exception that is not one of Python's own; `name` is its class's name there."""

    __module__ = "workers"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name


def python_to_rpc(value: Any) -> Any:
    """The value itself: what a binding takes and gives is Python's own here."""
    return value


python_from_rpc = python_to_rpc


def pack(value: object, depth: int = MAX_DEPTH) -> Any:
    """A value as JSON. Raises TypeError for what cannot travel, ValueError for what is too deep."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        try:
            str.encode(value)
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair is no text, and cannot travel to another worker") from None
        return str(value)
    if isinstance(value, float):
        return float(value) if repr(float(value)) not in _PLAIN_FLOATS else {_MARK: "float", "v": repr(float(value))}
    if isinstance(value, bytes | bytearray | memoryview):
        return {_MARK: "bytes", "v": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {_MARK: "datetime", "v": value.isoformat()}
    if depth == 0:
        raise ValueError(f"values are more than {MAX_DEPTH} deep in each other, or contain themselves")
    if isinstance(value, list | tuple):
        return [pack(item, depth - 1) for item in value]
    if isinstance(value, set | frozenset):
        return {_MARK: "set", "v": [pack(item, depth - 1) for item in value]}
    if isinstance(value, Mapping):
        pairs = [(key, pack(item, depth - 1)) for key, item in value.items()]
        if all(isinstance(key, str) for key, _ in pairs) and _MARK not in value:
            return {pack(key): item for key, item in pairs}
        return {_MARK: "dict", "v": [[pack(key, depth - 1), item] for key, item in pairs]}
    raise TypeError(
        f"{type(value).__name__} cannot travel to another worker: send str, int, bytes, list, dict and the like"
    )


def unpack(value: Any) -> Any:
    """The inverse. Raises ValueError, TypeError or KeyError for what `pack` did not make."""
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_MARK)
    if kind is None:
        return {key: unpack(item) for key, item in value.items()}
    content = value["v"]
    if kind == "float" and content in _PLAIN_FLOATS:
        return float(content)
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind == "datetime":
        return datetime.fromisoformat(content)
    if kind == "set":
        return {unpack(item) for item in content}
    if kind == "dict":
        return {unpack(key): unpack(item) for key, item in content}
    raise ValueError("no value that can travel")


def pack_arguments(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> bytes:
    return json.dumps([pack(args), pack(keywords)], separators=(",", ":")).encode()


def unpack_arguments(data: bytes) -> tuple[list[Any], dict[str, Any]]:
    args, keywords = json.loads(data)
    return unpack(args), unpack(keywords)


def describe(error: Exception) -> tuple[str, str]:
    """An exception's (class name, message), as they travel."""
    try:
        message = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
        message = message[:10_000].encode("utf-8", "replace").decode()
    except Exception:  # its own __str__ failed
        message = ""
    return type(error).__name__[:200], message


def raised(name: str, message: str) -> Exception:
    """The exception to raise for one that was raised there: Python's own of that name, else a RemoteError."""
    kind = getattr(builtins, name, None)
    unusual = (StopIteration, StopAsyncIteration, ExceptionGroup, Warning)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, unusual):
        try:
            return kind(message)
        except TypeError:  # it wants more than a message
            pass
    return RemoteError(name, message)

"""What bindings give back and take: objects read as `result["key"]` and as `result.key`, and options in all their forms.

The documented examples use both spellings, and pass options as a dict, as keywords, or not at all; so all of them work.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Mapping
from typing import Any, TypeVar

from . import _outside

T = TypeVar("T")


class Result(dict[str, Any]):
    """A dict whose keys are attributes as well: `result.results` is `result["results"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this result has no {name!r}; it has {', '.join(self) or 'nothing'}") from None

    def to_py(self) -> dict[str, Any]:
        """The same as plain dicts and lists."""
        return {key: plain(value) for key, value in self.items()}


def result(value: Any) -> Any:
    """JSON as results: every dict in it a Result."""
    if isinstance(value, dict):
        return Result({key: result(item) for key, item in value.items()})
    return [result(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """The inverse: what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def options(given: object, keywords: Mapping[str, Any], known: frozenset[str], what: str) -> dict[str, Any]:
    """A dict of options and keywords as one. Raises TypeError for what is not known, as a mistyped option would else
    be silently without effect. `snake_case` keywords are taken for their camelCase names."""
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"the options of {what} must be a dict, not {type(given).__name__}")
    merged: dict[str, Any] = {}
    for name, value in {**(given or {}), **keywords}.items():
        if name not in known:
            head, *tail = name.split("_")
            camel = head + "".join(part.title() for part in tail)
            if camel not in known:
                raise TypeError(f"{what} has no option {name!r}; it has {', '.join(sorted(known))}")
            name = camel
        if value is not None:
            merged[name] = value
    return merged


def as_bytes(value: object, what: str) -> bytes:
    """A value to store. Raises TypeError for what is neither text nor bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    content = getattr(value, "_content", None)  # a Blob or File
    if isinstance(content, bytes):
        return content
    raise TypeError(f"{what} must be str or bytes, not {type(value).__name__}: use json.dumps(…) for other data")


async def gathered(value: object, what: str) -> bytes:
    """The same for a value that may arrive chunk by chunk, such as `request.body`."""
    if isinstance(value, AsyncIterable):
        return b"".join([as_bytes(chunk, "a chunk") async for chunk in value])
    return as_bytes(value, what)


async def typed(call: Awaitable[T]) -> T:
    """The call's answer; a refused argument becomes a TypeError, as it would be in a function of Python's."""
    try:
        return await call
    except _outside.OutsideError as error:
        if error.code == "type":
            raise TypeError(error.message) from None
        raise


class Binding:
    """What all bindings have: a name, and no way to be mistaken for a collection."""

    _capability = ""

    def __init__(self, name: str) -> None:
        self._name = name

    async def _call(self, method: str, args: dict[str, Any], body: bytes = b"") -> tuple[Any, bytes]:
        return await typed(_outside.call(self._capability, method, {"binding": self._name, **args}, body))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}>"

"""What the `js` and `pyodide` modules make of values: Python's own, with the few methods that code for Cloudflare uses.

No part of the documented API; `preview/inside/shims` shows it under the names that such code imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class JsProxy:
    """What `isinstance(value, JsProxy)` asks about: what `to_js` made."""

    def to_py(self, **options: Any) -> Any:
        """The Python value."""
        return self

    def destroy(self) -> None:
        """Does nothing: memory is Python's own."""


class JsMap(dict[str, Any], JsProxy):
    """An object: its values are items and attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def object_entries(self) -> list[tuple[str, Any]]:
        """The names and values."""
        return list(self.items())


class JsArray(list[Any], JsProxy):
    """A list."""


class JsBuffer(bytes, JsProxy):
    """Bytes; `buffer` is the same."""

    @property
    def buffer(self) -> JsBuffer:
        """The bytes."""
        return self

    def to_bytes(self) -> bytes:
        """The bytes."""
        return bytes(self)

    def to_memoryview(self) -> memoryview:
        """The bytes."""
        return memoryview(self)


class _JsNull:
    """JavaScript's null; false, and never seen unless a worker names it."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "jsnull"


jsnull = _JsNull()
JsNull = _JsNull


def to_js(
    obj: Any,
    /,
    *,
    depth: int = -1,
    dict_converter: Callable[[Iterable[tuple[str, Any]]], Any] | None = None,
    default_converter: Any = None,
    **options: Any,
) -> Any:
    """The value itself: dicts with attributes, bytes with `buffer`."""
    if isinstance(obj, JsProxy):
        return obj
    if isinstance(obj, dict):
        entries = [(key, to_js(value, dict_converter=dict_converter)) for key, value in obj.items()]
        return JsMap(entries) if dict_converter is None else dict_converter(entries)
    if isinstance(obj, list | tuple):
        return JsArray(to_js(value, dict_converter=dict_converter) for value in obj)
    if isinstance(obj, bytes | bytearray | memoryview):
        return JsBuffer(obj)
    return obj


class _Proxied:
    """A callable or object that JavaScript would hold; called and used as itself."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._target(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def copy(self) -> _Proxied:
        """Itself."""
        return self

    def destroy(self) -> None:
        """Does nothing: memory is Python's own."""


def create_proxy(obj: Any, /, **options: Any) -> Any:
    """The value itself, with a `destroy` that does nothing."""
    return _Proxied(obj)

"""`from js import …` as far as the public examples of Python workers use it. There is no JavaScript here.

Each name is Python's own or that of the `workers` package; any other one is an error that says what to use instead.
"""

from __future__ import annotations

import importlib as _importlib
import json as _json
from collections.abc import Iterable as _Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from preview.inside import workers
    from preview.inside.workers import WebSocketPair, fetch
    from preview.inside.workers._javascript import JsMap
    from preview.inside.workers._rewriter import HTMLRewriter
    from preview.inside.workers._urls import URL, URLSearchParams
else:
    import workers
    from workers import WebSocketPair, fetch
    from workers._javascript import JsMap


class Response(workers.Response):
    """`Response.new(body, status=…, headers=…)`."""

    @classmethod
    def new(cls, body: Any = None, init: Any = None, **options: Any) -> Response:
        """Makes a response."""
        given = {**(init or {}), **options}
        names = {"statusText": "status_text", "webSocket": "web_socket"}
        return cls(body, **{names.get(name, name): value for name, value in given.items()})


class Request(workers.Request):
    """`Request.new(url, method=…, headers=…, body=…)`."""

    @classmethod
    def new(cls, input: Any, init: Any = None, **options: Any) -> Request:
        """Makes a request."""
        return cls(input, **{**(init or {}), **options})


class Headers(workers.Headers):
    """`Headers.new(pairs)`."""

    @classmethod
    def new(cls, init: Any = None) -> Headers:
        """Makes headers."""
        return cls(init)


class FormData(workers.FormData):
    """`FormData.new()`."""

    @classmethod
    def new(cls) -> FormData:
        """Makes an empty form."""
        return cls()


class Blob(workers.Blob):
    """`Blob.new(parts, type=…)`."""

    @classmethod
    def new(cls, parts: Any = (), init: Any = None, **options: Any) -> Blob:
        """Makes a blob."""
        return cls(parts, {**(init or {}), **options}.get("type"))


class File(workers.File):
    """`File.new(parts, name, type=…)`."""

    @classmethod
    def new(cls, parts: Any, name: str, init: Any = None, **options: Any) -> File:
        """Makes a file."""
        return cls(parts, name, {**(init or {}), **options}.get("type"))


class Object:
    """`to_js(value, dict_converter=Object.fromEntries)`; `Object.new()` for an empty one."""

    @staticmethod
    def fromEntries(entries: _Iterable[tuple[str, Any]]) -> JsMap:
        """Names and values as an object whose values are attributes as well."""
        return JsMap(entries)

    @staticmethod
    def new() -> JsMap:
        """An empty object."""
        return JsMap()


class JSON:
    """JSON.parse and JSON.stringify."""

    @staticmethod
    def parse(text: str) -> Any:
        """The value of a JSON text."""
        return _json.loads(text)

    @staticmethod
    def stringify(value: Any) -> str:
        """A value as JSON."""
        return _json.dumps(value, separators=(",", ":"))


class console:
    """console.log and its siblings: lines in the log."""

    @staticmethod
    def log(*values: object) -> None:
        """Logs values."""
        print(*values)

    info = debug = warn = error = log


class Error(workers.OutsideError):
    """An error; `Error.new(message)` makes one."""

    stackTraceLimit: float = 10
    stack = ""

    def __init__(self, message: object = "") -> None:
        super().__init__("error", str(message))

    @classmethod
    def new(cls, message: object = "") -> Error:
        """Makes an error."""
        return cls(message)


_LATER = {"HTMLRewriter": "workers._rewriter", "URL": "workers._urls", "URLSearchParams": "workers._urls"}
"""Modules that are imported when they are first asked for: most workers do without, and one is much code."""
_INSTEAD = {
    "Date": "datetime.datetime",
    "Math": "math",
    "Promise": "asyncio.gather or asyncio.wait",
    "setTimeout": "asyncio.sleep, or asyncio.get_running_loop().call_later",
    "clearTimeout": "the cancel() of what call_later gives",
    "setInterval": "a task that sleeps",
    "crypto": "secrets and hashlib",
    "TextEncoder": "str.encode",
    "TextDecoder": "bytes.decode",
    "Uint8Array": "bytes",
    "ArrayBuffer": "bytes",
    "Array": "list",
    "Map": "dict",
    "Set": "set",
    "ReadableStream": "a generator as the body of a Response",
    "TransformStream": "a generator as the body of a Response",
    "WebSocket": "WebSocketPair for connections to the worker; outgoing ones are not there yet",
    "caches": "a KV binding",
    "navigator": "nothing, as there is no browser",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in _LATER:
        globals()[name] = made = getattr(_importlib.import_module(_LATER[name]), name)
        return made
    instead = _INSTEAD.get(name)
    hint = f"; use {instead}" if instead else "; use Python's own library or the workers package"
    raise ImportError(f"js.{name} is not there, since workers run on CPython without JavaScript{hint}", name="js")


__all__ = [
    "JSON", "URL", "Blob", "Error", "File", "FormData", "HTMLRewriter", "Headers", "Object", "Request", "Response",
    "URLSearchParams", "WebSocketPair", "console", "fetch",
]  # fmt: skip

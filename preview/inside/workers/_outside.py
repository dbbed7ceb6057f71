"""The door through which this package reaches the world: a call to the supervisor, by capability and method.

The runtime connects it before the worker is imported. Everything that a worker may do outside itself goes through
here: `fetch`, and every binding in `env`. No part of the documented API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class OutsideError(Exception):
    """Something outside the worker refused or failed: `fetch()`, or a binding. The message says why.

    `code` is a word for programs, such as "blocked", "timeout", "too-large" or "bad-argument".
    """

    __module__ = "workers"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


AsyncCall = Callable[[str, str, Any, bytes], Awaitable[tuple[Any, bytes]]]
BlockingCall = Callable[[str, str, Any, bytes], tuple[Any, bytes]]
RunSync = Callable[[Coroutine[Any, Any, Any]], Any]


async def _not_connected(capability: str, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
    return _not_connected_blocking(capability, method, args, body)


def _not_connected_blocking(capability: str, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
    raise OutsideError(
        "not-connected",
        f"{capability}.{method}: nothing outside the worker can be reached while its modules are imported; "
        "do it in a handler",
    )


def _not_connected_sync(awaitable: Coroutine[Any, Any, Any]) -> Any:
    awaitable.close()
    return _not_connected_blocking("run_sync", getattr(awaitable, "__name__", "call"), None, b"")


_call: AsyncCall = _not_connected
_call_blocking: BlockingCall = _not_connected_blocking
_run_sync: RunSync = _not_connected_sync


def connect(call: AsyncCall, call_blocking: BlockingCall, run_sync: RunSync) -> None:
    """For the runtime: from now on calls go there."""
    global _call, _call_blocking, _run_sync
    _call, _call_blocking, _run_sync = call, call_blocking, run_sync


def disconnect() -> None:
    """For the runtime: calls are refused until `connect`."""
    connect(_not_connected, _not_connected_blocking, _not_connected_sync)


def run_sync(awaitable: Coroutine[Any, Any, Any]) -> Any:
    """Waits for an awaitable in code that cannot await; see `pyodide.ffi.run_sync`."""
    return _run_sync(awaitable)


async def call(capability: str, method: str, args: Any = None, body: bytes = b"") -> tuple[Any, bytes]:
    """The supervisor's answer to one call: (a JSON value, bytes). Raises OutsideError where it refuses."""
    return await _call(capability, method, args, body)


def call_blocking(capability: str, method: str, args: Any = None, body: bytes = b"") -> tuple[Any, bytes]:
    """The same for code that cannot await, such as `requests`. Nothing else of the worker runs meanwhile."""
    return _call_blocking(capability, method, args, body)

"""The bridge to JavaScript that is not there: `to_js`, `create_proxy`, `run_sync` and their kin give Python values.

Code written for Cloudflare converts its values before it hands them over; here that does nothing, and what it gets has
the few methods that such code then uses.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from preview.inside.workers import _outside
    from preview.inside.workers._javascript import (
        JsArray,
        JsBuffer,
        JsMap,
        JsNull,
        JsProxy,
        create_proxy,
        jsnull,
        to_js,
    )
    from preview.inside.workers._outside import OutsideError as JsException
else:
    from workers import OutsideError as JsException
    from workers import _outside
    from workers._javascript import JsArray, JsBuffer, JsMap, JsNull, JsProxy, create_proxy, jsnull, to_js

_T = TypeVar("_T")


def create_once_callable(obj: _T, /, **options: Any) -> _T:
    """The function itself."""
    return obj


def destroy_proxies(proxies: Any) -> None:
    """Does nothing."""


def run_sync(awaitable: Coroutine[Any, Any, _T]) -> _T:
    """Waits for an awaitable in code that cannot await.

    In a thread, such as that of a WSGI application, anything can be waited for; in an async handler only calls of
    bindings and `fetch`, and nothing else of the worker runs meanwhile. Raises RuntimeError for others there.
    """
    result: _T = _outside.run_sync(awaitable)
    return result


def can_run_sync() -> bool:
    """Whether run_sync works: always."""
    return True


__all__ = [
    "JsArray", "JsBuffer", "JsException", "JsMap", "JsNull", "JsProxy", "can_run_sync", "create_once_callable", "create_proxy",
    "destroy_proxies", "jsnull", "run_sync", "to_js",
]  # fmt: skip

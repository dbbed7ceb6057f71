"""The class that a worker's main module derives from, what it gets (`self.env`, `self.ctx`), and background work.

`preview.inside.entry` fills `env` before the main module is imported and makes one `Default` object a request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from .results import Result, result

_Handler = TypeVar("_Handler", bound=Callable[..., Any])

_log = logging.getLogger("workers")
_background: set[asyncio.Future[Any]] = set()  # asyncio itself holds its tasks weakly


class Env:
    """The worker's variables: `self.env.GREETING`. A name that is not set raises AttributeError."""

    __slots__ = ("__dict__",)

    def __init__(self, variables: Mapping[str, Any] | None = None) -> None:
        self.__dict__.update(variables or {})

    def __getattr__(self, name: str) -> Any:
        # Reached only where the variable is not set.
        raise AttributeError(f"env has no variable {name!r}", name=name, obj=self)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __repr__(self) -> str:
        # Names only: a variable may hold what must not reach a log.
        return f"<env: {', '.join(sorted(self.__dict__)) or 'no variables'}>"


env = Env()
"""The worker's variables, also outside a handler: `from workers import env`."""


def wait_until(awaitable: Awaitable[Any]) -> None:
    """Lets `awaitable` go on after the response is sent. What it raises goes to the log."""
    task = asyncio.ensure_future(awaitable)
    _background.add(task)
    task.add_done_callback(_finished)


waitUntil = wait_until


def _finished(task: asyncio.Future[Any]) -> None:
    _background.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a wait_until() task failed", exc_info=error)


@contextmanager
def patch_env(values: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None, **more: Any) -> Iterator[None]:
    """Changes `env` within a `with` block: for tests, as other requests that run meanwhile see it too."""
    given = {**dict(values or {}), **more}
    before = dict(env.__dict__)
    env.__dict__.update(given)
    try:
        yield
    finally:
        for name in given:
            env.__dict__.pop(name, None)
            if name in before:
                env.__dict__[name] = before[name]


class Context:
    """What belongs to one request beside its data: `self.ctx.wait_until(…)`."""

    __slots__ = ("props",)

    def __init__(self, props: Mapping[str, Any] | None = None) -> None:
        self.props: Result = result(props or {})
        """What the `props` of another worker's service binding say; empty for requests from outside. Only workers that may
        be changed by nobody who may not change this one can say anything here."""

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Lets `awaitable` go on after the response is sent. What it raises goes to the log."""
        wait_until(awaitable)

    waitUntil = wait_until

    def passThroughOnException(self) -> None:
        """Does nothing: there is no origin server behind a worker here."""


class WorkerEntrypoint:
    """Derive `class Default(WorkerEntrypoint)` in the main module and define `fetch(self, request)`.

    An object is made for each request; what must outlive one belongs in a module.
    """

    ctx: Context
    env: Env

    def __init__(self, ctx: Context, env: Env) -> None:
        self.ctx = ctx
        self.env = env


def handler(function: _Handler) -> _Handler:
    """Marks a legacy handler such as `on_fetch(request, env, ctx)`; here it needs no marking, so nothing happens."""
    return function

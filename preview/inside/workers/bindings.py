"""Makes the objects in `env` that are more than text: one class a kind of binding, all of them over `_outside.call`.

The runtime calls `make` for each binding of the worker's configuration. Kinds are those of `preview.declared`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from .d1 import D1Database
from .kv import KVNamespace
from .queues import Queue
from .r2 import R2Bucket
from .services import Service

Maker = Callable[[str, Mapping[str, Any]], object]
"""(name, options) → what `env.<name>` is."""

MAKERS: dict[str, Maker] = {
    "kv": lambda name, options: KVNamespace(name),
    "d1": lambda name, options: D1Database(name),
    "r2": lambda name, options: R2Bucket(name),
    "queue": lambda name, options: Queue(name),
    "service": lambda name, options: Service(name),
}
"""By kind."""


def make(kind: str, name: str, options: Mapping[str, Any]) -> object:
    """The object of one binding. A kind that is not there becomes an object that says so when it is used."""
    maker = MAKERS.get(kind)
    return maker(name, options) if maker is not None else NotYet(name, str(options.get("section", kind)))


class NotYet:
    """A binding that Cloudflare has and Quick Edit does not have yet."""

    def __init__(self, name: str, section: str) -> None:
        self._name = name
        self._section = section

    def __getattr__(self, attribute: str) -> NoReturn:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise NotImplementedError(
            f"env.{self._name} is declared under “{self._section}”, which Quick Edit does not have yet"
        )

    def __repr__(self) -> str:
        return f"<{self._name}: not there yet>"

"""KV namespaces: `await self.env.KV.get("key")`, as Cloudflare documents Workers KV.

Each method takes its options as a dict or as keywords. A wrong argument raises TypeError, what the storage refuses
OutsideError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from .results import Binding, Result, gathered, options, plain, result
from .streams import ByteStream

_GET = frozenset(["type", "cacheTtl"])
_PUT = frozenset(["expiration", "expirationTtl", "metadata"])
_LIST = frozenset(["prefix", "limit", "cursor"])
_TYPES = ("text", "json", "arrayBuffer", "stream")

Type = Literal["text", "json", "arrayBuffer", "stream"]
Value = str | bytes | bytearray | memoryview | ByteStream


class _Keys(list[Any]):
    """A list of keys that may also be called, since a dict's `keys()` is: `page.keys` and `page["keys"]` are one."""

    def __call__(self) -> Any:
        return ("keys", "list_complete", "cursor")


class KVPage(Result):
    """One page of a list: `keys`, each with `name`, `expiration` and `metadata`; `list_complete`; `cursor`."""

    @property
    def keys(self) -> Any:
        return _Keys(self["keys"])

    def to_py(self) -> dict[str, Any]:
        return {key: plain(value) for key, value in self.items()}


class KVNamespace(Binding):
    """Values under keys. Keys are text of at most 512 bytes; a value is text or bytes."""

    _capability = "kv"

    @overload
    async def get(self, key: str, type: object = None, **keywords: Any) -> Any: ...
    @overload
    async def get(self, key: Sequence[str], type: object = None, **keywords: Any) -> dict[str, Any]: ...

    async def get(self, key: str | Sequence[str], type: object = None, **keywords: Any) -> Any:
        """The value of a key, or None. `type` is "text" (the default), "json", "arrayBuffer" or "stream".

        With a list of at most 100 keys: a dict with a value, or None, for each.
        """
        kind = _kind(type, keywords)
        if isinstance(key, str):
            value, body = await self._call("get", {"key": key})
            return _decoded(body, kind) if value["found"] else None
        return {name: value for name, (value, _) in (await self._many(key, kind)).items()}

    async def getWithMetadata(self, key: str | Sequence[str], type: object = None, **keywords: Any) -> Any:
        """As `get`, with the metadata: an object with `value` and `metadata`."""
        kind = _kind(type, keywords)
        if isinstance(key, str):
            value, body = await self._call("get", {"key": key})
            found = _decoded(body, kind) if value["found"] else None
            return Result(value=found, metadata=result(value.get("metadata")), cacheStatus=None)
        many = await self._many(key, kind)
        return {name: Result(value=value, metadata=metadata) for name, (value, metadata) in many.items()}

    get_with_metadata = getWithMetadata

    async def put(self, key: str, value: Value, options_: Mapping[str, Any] | None = None, **keywords: Any) -> None:
        """Stores a value. Options: `expirationTtl` (seconds, at least 60), `expiration` (seconds since the epoch) and
        `metadata` (JSON of at most 1,024 bytes). Done once it is durable."""
        chosen = options(options_, keywords, _PUT, "put()")
        if "metadata" in chosen:
            chosen["metadata"] = plain(chosen["metadata"])
        await self._call("put", {"key": key, "options": chosen}, await gathered(value, "a value"))

    async def delete(self, key: str) -> None:
        """Deletes a key; no error where there is none."""
        await self._call("delete", {"key": key})

    async def list(self, options_: Mapping[str, Any] | None = None, **keywords: Any) -> KVPage:
        """At most 1,000 keys in order. Options: `prefix`, `limit`, `cursor`. Where `list_complete` is False, call again
        with the `cursor`."""
        value, _ = await self._call("list", {"options": options(options_, keywords, _LIST, "list()")})
        return KVPage(result(value))

    async def _many(self, keys: Sequence[str], kind: str) -> dict[str, tuple[Any, Any]]:
        if kind not in ("text", "json"):
            raise TypeError(f"get() of several keys gives “text” or “json”, not {kind!r}")
        value, body = await self._call("get_many", {"keys": list(keys)})
        found: dict[str, tuple[Any, Any]] = {}
        start = 0
        for each in value["keys"]:
            end = start + each["size"]
            decoded = _decoded(body[start:end], kind) if each["found"] else None
            found[each["name"]] = decoded, result(each.get("metadata"))
            start = end
        return found


def _kind(type: object, keywords: Mapping[str, Any]) -> str:
    given = {"type": type} if isinstance(type, str) else type
    kind = options(given, keywords, _GET, "get()").get("type", "text")
    if kind not in _TYPES:
        raise TypeError(f"the type of a value is one of {', '.join(_TYPES)}, not {kind!r}")
    return str(kind)


def _decoded(body: bytes, kind: str) -> Any:
    if kind == "text":
        return body.decode("utf-8", "replace")
    if kind == "json":
        return result(json.loads(body))
    return memoryview(body) if kind == "arrayBuffer" else ByteStream(body)

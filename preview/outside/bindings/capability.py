"""Bindings as capabilities: what a worker's code asks of ``env.KV``, ``env.DB`` and their kind, taken to its stores.

``calls`` calls these with a context that says who asks; the arguments are the worker's and trusted for nothing. Which
resource a name means stands in the worker's configuration. What a preview writes is said in the log of its request.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from preview.declared import Binding
from preview.outside.bindings.d1_sql import MAX_STATEMENTS
from preview.outside.bindings.errors import BindingError, Full, WrongType
from preview.outside.bindings.kv import Found, Page
from preview.outside.bindings.queues import Outgoing, check_batch, outgoing
from preview.outside.bindings.stores import Stores, WorkerData, file_name
from preview.outside.calls import CallError, Context

Sent = Callable[[Context, str], None]
"""Hears that a queue got messages."""


class _Store(Protocol):
    async def __call__(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]: ...


class _Base:
    """Decodes, finds the resource and the worker's data, and turns refusals into those of a call."""

    kind = ""
    arguments: type[msgspec.Struct]

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
        asked = msgspec.convert(args, self.arguments)
        found = declared(context, self.kind, asked.binding)  # type: ignore[attr-defined]
        handler: _Store | None = getattr(self, f"do_{method}", None)
        if handler is None:
            raise CallError("unknown", f"env.{found.name} has no {method}().")
        data = self._stores.data(context.worker_id, preview=context.preview)
        try:
            return await handler(context, data, _Asked(found, asked), body)
        except BindingError as error:
            code = "type" if isinstance(error, WrongType) else "too-large" if isinstance(error, Full) else "failed"
            raise CallError(code, str(error)) from None

    def _wrote(self, context: Context, what: str) -> None:
        """A preview's writes stand in the log of the request that made them."""
        if context.preview and self._stores.layered:
            context.say(f"{what} (in the preview's own data)", "debug")


class _Asked:
    """A binding with what is asked of it: attributes are the arguments'."""

    __slots__ = ("_arguments", "binding", "name", "resource")

    def __init__(self, binding: Binding, arguments: Any) -> None:
        self.binding = binding
        self.name = binding.name
        self.resource = binding.resource or binding.name
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arguments, name)


def declared(context: Context, kind: str, name: str) -> Binding:
    """The binding of the worker's own configuration. Raises CallError where it has none."""
    binding = context.config.binding(kind, name)
    if binding is None:
        raise CallError("unknown", f"This worker's configuration has no {kind} binding “{name[:64]}”.")
    return binding


class _KVArguments(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    key: Any = None
    keys: Any = None
    options: dict[str, Any] = {}


class KV(_Base):
    kind = "kv"
    arguments = _KVArguments

    async def do_get(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        found = await data.kv.get(asked.resource, asked.key)
        return _kv_value(found), found.value if found else b""

    async def do_get_many(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        many = await data.kv.get_many(asked.resource, asked.keys)
        keys = [
            {"name": name, "size": len(found.value) if found else 0, **_kv_value(found)} for name, found in many.items()
        ]
        return {"keys": keys}, b"".join(found.value for found in many.values() if found)

    async def do_put(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        await data.kv.put(asked.resource, asked.key, body, asked.options)
        self._wrote(context, f"KV {asked.name}: put “{asked.key}”, {len(body):,} bytes")
        return None, b""

    async def do_delete(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        await data.kv.delete(asked.resource, asked.key)
        self._wrote(context, f"KV {asked.name}: delete “{asked.key}”")
        return None, b""

    async def do_list(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        return kv_page(await data.kv.list(asked.resource, asked.options)), b""


def _kv_value(found: Found | None) -> dict[str, Any]:
    if found is None:
        return {"found": False, "metadata": None}
    return {"found": True, "metadata": json.loads(found.metadata) if found.metadata else None}


def kv_page(page: Page) -> dict[str, Any]:
    """A page of keys in the documented form: what is not set is not there."""
    keys = []
    for key in page.keys:
        entry: dict[str, Any] = {"name": key.name}
        if key.expires is not None:
            entry["expiration"] = key.expires
        if key.metadata is not None:
            entry["metadata"] = json.loads(key.metadata)
        keys.append(entry)
    more = {"list_complete": False, "cursor": page.cursor} if page.cursor else {"list_complete": True}
    return {"keys": keys, **more, "cacheStatus": None}


class _D1Arguments(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    statements: Any = None
    together: bool = False
    sql: Any = None


class D1(_Base):
    kind = "d1"
    arguments = _D1Arguments

    async def do_query(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        if asked.together and isinstance(asked.statements, list) and len(asked.statements) > MAX_STATEMENTS:
            raise WrongType(f"batch() takes at most {MAX_STATEMENTS} statements.")
        answer = await data.d1.query(file_name(asked.resource), asked.statements, together=asked.together)
        self._say(context, asked, answer)
        return None, json.dumps(answer["results"], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    async def do_exec(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        answer = await data.d1.exec(file_name(asked.resource), asked.sql)
        self._say(context, asked, answer)
        return {"count": answer["count"], "duration": answer["duration"]}, b""

    def _say(self, context: Context, asked: Any, answer: dict[str, Any]) -> None:
        for statement in answer["wrote"]:
            self._wrote(context, f"D1 {asked.name}: {statement}")


class _R2Arguments(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    key: Any = None
    keys: Any = None
    options: dict[str, Any] = {}
    version: Any = None
    offset: Any = None
    length: Any = None
    upload: Any = None
    number: Any = None
    parts: Any = None


class R2(_Base):
    kind = "r2"
    arguments = _R2Arguments

    async def do_head(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        return await data.objects.head(asked.resource, asked.key), b""

    async def do_get(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        found = await data.objects.get(asked.resource, asked.key, asked.options)
        if found is None:
            return None, b""
        info, content = found
        return {"info": info, "has_body": content is not None}, content or b""

    async def do_read(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        return None, await data.objects.read(asked.resource, asked.key, asked.version, asked.offset, asked.length)

    async def do_put(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        info = await data.objects.put(asked.resource, asked.key, body, asked.options)
        if info is not None:
            self._wrote(context, f"R2 {asked.name}: put “{asked.key}”, {len(body):,} bytes")
        return info, b""

    async def do_delete(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        await data.objects.delete(asked.resource, asked.keys)
        names = asked.keys if isinstance(asked.keys, list) else [asked.keys]
        self._wrote(
            context, f"R2 {asked.name}: delete “{names[0]}”" + (f" and {len(names) - 1} more" if names[1:] else "")
        )
        return None, b""

    async def do_list(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        return await data.objects.list(asked.resource, asked.options), b""

    async def do_begin(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        return await data.objects.begin(asked.resource, asked.key, asked.options), b""

    async def do_part(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        return await data.objects.part(asked.resource, asked.key, asked.upload, asked.number, body), b""

    async def do_complete(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        info = await data.objects.complete(asked.resource, asked.key, asked.upload, asked.parts)
        self._wrote(context, f"R2 {asked.name}: put “{asked.key}”, {info['size']:,} bytes in {len(asked.parts)} parts")
        return info, b""

    async def do_abort(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        await data.objects.abort(asked.resource, asked.key, asked.upload)
        return None, b""


class _QueueMessage(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    size: int
    delay: Any = None


class _QueueArguments(msgspec.Struct, forbid_unknown_fields=True):
    binding: str
    messages: list[_QueueMessage]
    batch: bool = False


class Queues(_Base):
    kind = "queue"
    arguments = _QueueArguments

    def __init__(self, stores: Stores, sent: Sent) -> None:
        super().__init__(stores)
        self._sent = sent

    async def do_send(self, context: Context, data: WorkerData, asked: Any, body: bytes) -> tuple[Any, bytes]:
        default = int(asked.binding.options.get("delivery_delay") or 0)
        messages: list[Outgoing] = []
        start = 0
        for head in asked.messages:
            if not 0 <= head.size <= len(body) - start:
                raise WrongType("The sizes of the messages are not those of what was sent.")
            messages.append(outgoing(body[start : start + head.size], head.type, head.delay, default))
            start += head.size
        await data.queues.send(asked.resource, check_batch(messages))
        count = f"{len(messages)} messages" if len(messages) > 1 else "a message"
        self._wrote(context, f"Queue {asked.name}: send {count}, {len(body):,} bytes")
        self._sent(context, asked.resource)
        return None, b""

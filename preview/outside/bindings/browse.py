"""What a person does with a worker's data: the Data tab, the HTTP API and the Trigger button, over the control socket.

``control`` calls it. Whoever reaches that socket may do everything; who of the members may do what is web's to decide.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import msgspec

from preview.exchange import AskData, AskTrigger, DataAnswer, Refused, Triggered
from preview.outside.bindings import migrations
from preview.outside.bindings.consumers import settled
from preview.outside.bindings.d1_sql import quoted
from preview.outside.bindings.errors import BindingError
from preview.outside.bindings.events import Events
from preview.outside.bindings.queues import MAX_BATCH, Message, outgoing
from preview.outside.bindings.stores import Stores, WorkerData, file_name
from preview.protocol import ProtocolError, unpack_modules

MAX_SHOWN = 1024 * 1024
"""Bytes of a value that are shown; a larger one is cut, and says so."""
MAX_ROWS = 200
"""Rows of a table, keys or messages on a page."""

_Handler = Callable[[WorkerData, str, "_Asked", bytes], Awaitable[Any]]


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What a method may be given; each uses what it needs."""

    key: str = ""
    prefix: str = ""
    cursor: str = ""
    delimiter: str = ""
    sql: str = ""
    table: str = ""
    offset: int = 0
    content_type: str = ""
    metadata: Any = None
    ttl: int | None = None
    names: list[str] = []
    migrations_table: str = ""


class Browser:
    """Reads and changes the stores of any worker. Raises Refused for what cannot be."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def answer(self, asked: AskData) -> DataAnswer:
        if asked.method == "reset":
            await self._stores.reset(asked.worker)
            return DataAnswer(b"null")
        handler = _HANDLERS.get((asked.kind, asked.method))
        if handler is None:
            raise Refused("bad-request", f"There is no {asked.method} for {asked.kind}.")
        try:
            arguments = msgspec.json.decode(asked.args, type=_Asked)
            data = self._stores.data(asked.worker, preview=asked.preview)
            value = await handler(data, asked.resource, arguments, asked.body)
        except (BindingError, msgspec.MsgspecError, ProtocolError) as error:
            raise Refused("bad-data", str(error)) from None
        return DataAnswer(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


# Each returns what JSON holds.


async def _kv_list(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    options = {"prefix": asked.prefix, "cursor": asked.cursor, "limit": MAX_ROWS}
    page = await data.kv.list(resource, options)
    keys = [
        {"name": key.name, "size": key.size, "expires": key.expires, "metadata": json.loads(key.metadata or "null")}
        for key in page.keys
    ]
    return {"keys": keys, "cursor": page.cursor}


async def _kv_get(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    found = await data.kv.get(resource, asked.key)
    if found is None:
        return None
    return {**_content(found.value), "metadata": json.loads(found.metadata or "null")}


async def _kv_put(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    await data.kv.put(resource, asked.key, body, {"metadata": asked.metadata, "expirationTtl": asked.ttl})


async def _kv_delete(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    await data.kv.delete(resource, asked.key)


async def _r2_list(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    options = {"prefix": asked.prefix, "cursor": asked.cursor, "delimiter": asked.delimiter, "limit": MAX_ROWS}
    return await data.objects.list(resource, options)


async def _r2_get(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    found = await data.objects.get(resource, asked.key, {})
    if found is None:
        return None
    info, content = found
    return {"info": info, **_content(content or b"", info["size"])}


async def _r2_put(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    http = {"contentType": asked.content_type} if asked.content_type else {}
    return await data.objects.put(resource, asked.key, body, {"httpMetadata": http})


async def _r2_delete(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    await data.objects.delete(resource, asked.key)


async def _d1_tables(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    listed = await _query(
        data, resource, "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view')"
        " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' ORDER BY name"
    )  # fmt: skip
    return [dict(zip(("name", "type", "sql"), row, strict=True)) for row in listed["rows"]]


async def _d1_rows(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    table = quoted(asked.table)
    count = await _query(data, resource, f"SELECT count(*) FROM {table}")
    found = await _query(data, resource, f"SELECT * FROM {table} LIMIT {MAX_ROWS} OFFSET ?", max(0, asked.offset))
    return {"columns": found["columns"], "rows": found["rows"], "count": count["rows"][0][0]}


async def _d1_query(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    found = await _query(data, resource, asked.sql)
    return {"columns": found["columns"], "rows": found["rows"][:MAX_ROWS], "meta": found["meta"]}


async def _d1_exec(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    return await data.d1.exec(file_name(resource), asked.sql)


async def _d1_migrations(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    return {"pending": await migrations.pending(data, resource, asked.migrations_table, asked.names)}


async def _d1_migrate(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    files = unpack_modules(body)
    if files.keys() != set(asked.names):
        raise BindingError("The names of the migrations are not those of the files.")
    ordered = {name: files[name] for name in asked.names}
    return asdict(await migrations.apply(data, resource, asked.migrations_table, ordered))


async def _queue_list(data: WorkerData, resource: str, asked: _Asked, body: bytes) -> Any:
    backlog = await data.queues.backlog(resource)
    messages = [
        {"id": one.uid, "type": one.content_type, "sent": one.sent, "attempts": one.attempts, **_content(one.body)}
        for one in await data.queues.peek(resource, MAX_ROWS)
    ]
    return {"ready": backlog.ready, "waiting": backlog.waiting, "messages": messages}


async def _query(data: WorkerData, resource: str, sql: str, *values: Any) -> dict[str, Any]:
    statements = [{"sql": sql, "values": list(values)}]
    answer = await data.d1.query(file_name(resource), statements, together=False)
    result: dict[str, Any] = answer["results"][0]
    return result


def _content(value: bytes, size: int | None = None) -> dict[str, Any]:
    """A value as text where it is that, else in base64; at most MAX_SHOWN of it."""
    shown = value[:MAX_SHOWN]
    size = len(value) if size is None else size
    try:
        text = shown.decode("utf-8", "strict" if len(shown) == size else "ignore")
    except UnicodeDecodeError:
        text = ""
    if shown and (not text or "\0" in text):
        return {"body": base64.b64encode(shown).decode(), "encoding": "base64", "size": size}
    return {"body": text, "encoding": "text", "size": size}


_HANDLERS: dict[tuple[str, str], _Handler] = {
    ("kv", "list"): _kv_list, ("kv", "get"): _kv_get, ("kv", "put"): _kv_put, ("kv", "delete"): _kv_delete,
    ("r2", "list"): _r2_list, ("r2", "get"): _r2_get, ("r2", "put"): _r2_put, ("r2", "delete"): _r2_delete,
    ("d1", "tables"): _d1_tables, ("d1", "rows"): _d1_rows, ("d1", "query"): _d1_query, ("d1", "exec"): _d1_exec,
    ("d1", "migrations"): _d1_migrations, ("d1", "migrate"): _d1_migrate,
    ("queue", "list"): _queue_list,
}  # fmt: skip


async def trigger(events: Events, asked: AskTrigger) -> Triggered:
    """Runs a handler now: for ``scheduled``, with a time; for ``queue``, with a batch that was in no queue."""
    if asked.event == "scheduled":
        outcome = await events.scheduled(asked.key, asked.cron, asked.at)
        return Triggered(outcome.ms, outcome.error, [])
    if not 0 < len(asked.messages) <= MAX_BATCH:
        raise Refused("bad-request", f"A batch has 1 to {MAX_BATCH} messages.")
    messages = []
    for number, (content_type, body) in enumerate(asked.messages, 1):
        try:
            checked = outgoing(body, content_type, 0)
            if content_type in ("json", "v8"):
                json.loads(body)
            elif content_type == "text":
                body.decode()
        except BindingError as error:
            raise Refused("bad-data", str(error)) from None
        except ValueError:
            raise Refused("bad-data", f"Message {number} is no {content_type}.") from None
        messages.append(Message(number, f"trigger-{number}", checked.content_type, body, asked.at, 1))
    outcome = await events.queue(asked.key, asked.queue, messages)
    _, again = settled(messages, outcome, 0)
    retried = {number for number, _ in again}
    return Triggered(outcome.ms, outcome.error, ["retry" if one.id in retried else "ack" for one in messages])

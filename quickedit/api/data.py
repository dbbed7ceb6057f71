"""The HTTP API of a worker's data and triggers: what the Data tab shows and changes, and the Trigger button.

Which bindings there are is read from the draft's configuration. Everything else is a question to the runner, which
holds the data. Changing live data needs the right to edit, as does everything here but the list.
"""

from __future__ import annotations

import base64
import time
from typing import Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse

from preview import bundle
from preview.client import AskData, AskTrigger, Refused, RunnerAway
from quickedit import rooms
from quickedit.api.http import Body, access_to, answer, decode
from quickedit.deployments import history
from quickedit.drafts import draft, runner
from quickedit.errors import BadInput, NotFound, Unavailable
from quickedit.threads import in_database

MAX_MESSAGES = 100
_KINDS = ("kv", "d1", "r2", "queue")
Layer = Literal["preview", "live"]


class AskBinding(Body, frozen=True):
    """``args`` are the method's own; ``body`` is text, or base64 where ``encoding`` says so."""

    layer: Layer
    method: Literal["list", "get", "put", "delete", "tables", "rows", "query", "exec"]
    args: dict[str, Any] = {}
    body: str = ""
    encoding: Literal["text", "base64"] = "text"


class AskEvent(Body, frozen=True):
    """``time`` is in milliseconds since the epoch, now where it is 0; ``messages`` are JSON values, or texts."""

    event: Literal["scheduled", "queue"]
    cron: str = ""
    time: int = 0
    queue: str = ""
    messages: list[str] = []
    content_type: Literal["json", "text"] = "json"


async def index(request: HttpRequest, name: str) -> HttpResponse:
    """GET: the draft's bindings, consumers and triggers, and whether a live version has data of its own."""
    access = await access_to(request, name)
    config = await _config(access.worker.pk)
    declared = config.declared if config is not None else None
    live = await in_database(history.live_of, access.worker.pk)
    return answer(
        {
            "bindings": [{"kind": b.kind, "name": b.name, "resource": b.resource} for b in _shown(config)],
            "consumers": [] if declared is None else [consumer.queue for consumer in declared.consumers],
            "crons": [] if declared is None else list(declared.crons),
            "live": live is not None,
            "canEdit": access.can_edit,
        }
    )


async def ask(request: HttpRequest, name: str, binding: str) -> HttpResponse:
    """POST {layer, method, args, body}: one look into a binding's data, or one change of it."""
    access = (await access_to(request, name)).need_edit()
    wanted = decode(request, AskBinding)
    config = await _config(access.worker.pk)
    found = next((b for b in _shown(config) if b.name == binding), None)
    if found is None:
        raise NotFound(f"The draft's configuration has no binding “{binding[:64]}”.", code="no-such-binding")
    asked = AskData(
        worker=str(access.worker.pk),
        preview=wanted.layer == "preview",
        kind=found.kind,  # type: ignore[arg-type]
        resource=found.resource or found.name,
        method=wanted.method,
        args=msgspec.json.encode(wanted.args),
        body=_body(wanted),
    )
    return _json(await asked_of_runner(asked))


async def reset(request: HttpRequest, name: str) -> HttpResponse:
    """POST: throws away what the preview wrote; it shows the live data again."""
    access = (await access_to(request, name)).need_edit()
    return _json(await asked_of_runner(AskData(str(access.worker.pk), True, "", "", "reset")))


async def trigger(request: HttpRequest, name: str) -> HttpResponse:
    """POST {event, …}: runs the draft's ``scheduled`` or ``queue`` handler now; its log goes to the Console."""
    access = (await access_to(request, name)).need_edit()
    wanted = decode(request, AskEvent)
    if not 0 <= wanted.time < 1 << 48 or len(wanted.cron) > 100 or len(wanted.queue) > 63:
        raise BadInput("The time, the expression or the queue's name is out of range.", code="bad-trigger")
    if len(wanted.messages) > MAX_MESSAGES:
        raise BadInput(f"A batch has at most {MAX_MESSAGES} messages.", code="bad-trigger")
    asked = AskTrigger(
        key=draft.program_key(access.worker.pk),
        event=wanted.event,
        at=wanted.time or int(time.time() * 1000),
        cron=wanted.cron,
        queue=wanted.queue,
        messages=[(wanted.content_type, text.encode("utf-8", "replace")) for text in wanted.messages],
    )
    try:
        outcome = await (await runner.client()).trigger(asked)
    except Refused as error:
        raise BadInput(error.message, code=error.code, hint=error.hint) from error
    except RunnerAway as error:
        raise _away() from error
    return answer({"ms": outcome.ms, "error": outcome.error, "outcomes": outcome.outcomes})


async def _config(worker_id: int) -> bundle.Config | None:
    """The draft's configuration; None while it cannot be read, which the preview says with the line."""
    async with rooms.enter(worker_id) as room:
        modules = room.modules()
    try:
        return bundle.read_config(modules)
    except bundle.ConfigError:
        return None


def _shown(config: bundle.Config | None) -> list[bundle.Binding]:
    """What the Data tab has: the bindings that keep something, and the queues that are consumed or take dead letters
    without one."""
    if config is None:
        return []
    found = [binding for binding in config.bindings if binding.kind in _KINDS]
    queues = {binding.resource for binding in found if binding.kind == "queue"}
    consumers = config.declared.consumers
    more = dict.fromkeys(name for each in consumers for name in (each.queue, each.dead_letter_queue) if name)
    return found + [bundle.Binding("queue", name, name) for name in more if name not in queues]


def _body(wanted: AskBinding) -> bytes:
    if wanted.encoding == "text":
        return wanted.body.encode("utf-8", "replace")
    try:
        return base64.b64decode(wanted.body, validate=True)
    except ValueError as error:
        raise BadInput("The body is no base64.", code="bad-body") from error


async def asked_of_runner(asked: AskData) -> bytes:
    """The runner's answer, as JSON. Raises BadInput for what it refuses, and Unavailable while it is away."""
    try:
        return await (await runner.client()).data(asked)
    except Refused as error:
        raise BadInput(error.message, code=error.code, hint=error.hint) from error
    except RunnerAway as error:
        raise _away() from error


def _away() -> Unavailable:
    return Unavailable("The runner is away.", code="runner-away", hint="It is started again; ask once more.")


def _json(value: bytes) -> HttpResponse:
    return HttpResponse(value, content_type="application/json")

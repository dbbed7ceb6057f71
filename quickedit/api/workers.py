"""The HTTP API of workers themselves: list, make, rename, duplicate, delete, restore, variables, free names."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse

from quickedit.api.http import Body, access_to, answer, decode, user_id
from quickedit.deployments import bundles, history, publish
from quickedit.drafts import labels, runner
from quickedit.errors import BadInput, QuickEditError
from quickedit.lifecycle import service
from quickedit.threads import in_database
from quickedit.workers.models import Worker
from quickedit.workers.names import check_name

MAX_VARIABLES = 64
MAX_VALUE = 8 * 1024
"""Characters of a variable's value."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class NewWorker(Body, frozen=True):
    name: str
    template: str = "hello"


class Named(Body, frozen=True):
    name: str


class MaybeNamed(Body, frozen=True):
    name: str | None = None


class Deleted(Body, frozen=True):
    id: int


class Variables(Body, frozen=True):
    variables: dict[str, str]


def _shown(worker: Worker, live: history.Live | None = None) -> dict[str, Any]:
    return {
        "id": worker.pk,
        "name": worker.name,
        "url": history.url_of(worker.name),
        "live": None if live is None else {"version": live.version, "at": live.at, "revision": live.revision},
    }


def _listed(person: int) -> list[dict[str, Any]]:
    workers = list(Worker.objects.filter(memberships__user_id=person, deleted_at__isnull=True).order_by("name"))
    live = history.live_of_all(worker.pk for worker in workers)
    return [_shown(worker, live.get(worker.pk)) for worker in workers]


async def index(request: HttpRequest) -> HttpResponse:
    """GET: the person's workers."""
    return answer({"workers": await in_database(_listed, await user_id(request))})


async def create(request: HttpRequest) -> HttpResponse:
    """POST {name, template}: a new worker."""
    person = await user_id(request)
    wanted = decode(request, NewWorker)
    worker = await in_database(service.create, person, wanted.name, wanted.template)
    return answer(_shown(worker), 201)


async def detail(request: HttpRequest, name: str) -> HttpResponse:
    """GET: one worker."""
    access = await access_to(request, name)
    return answer(_shown(access.worker, await in_database(history.live_of, access.worker.pk)))


async def rename(request: HttpRequest, name: str) -> HttpResponse:
    """PATCH {name}: another name and address."""
    access = await access_to(request, name)
    wanted = decode(request, Named)
    worker = await in_database(service.rename, access, wanted.name)
    if worker.name != name:
        await _forget(worker.pk, name)
        await _show_live(worker.pk)
    return answer(_shown(worker))


async def duplicate(request: HttpRequest, name: str) -> HttpResponse:
    """POST {name?}: a copy under that name, or under a free one."""
    access = await access_to(request, name)
    wanted = decode(request, MaybeNamed).name if request.body else None
    new_name = wanted if wanted is not None else await in_database(service.free_copy_name, name)
    copy = await in_database(service.duplicate, access, new_name)
    return answer(_shown(copy), 201)


async def delete(request: HttpRequest, name: str) -> HttpResponse:
    """DELETE: gone for everybody; the answer's id is what ``restore`` takes."""
    access = await access_to(request, name)
    worker = await in_database(service.delete, access)
    await _forget(worker.pk, name)
    await runner.soon(runner.forget_hosts(await in_database(labels.revoke, worker_id=worker.pk)))
    return answer({"id": worker.pk, "name": worker.name})


async def restore(request: HttpRequest) -> HttpResponse:
    """POST {id}: undoes a delete."""
    person = await user_id(request)
    worker = await in_database(service.restore, person, decode(request, Deleted).id)
    return answer(_shown(worker, await _show_live(worker.pk)))


async def variables(request: HttpRequest, name: str) -> HttpResponse:
    """GET: the plain variables that were set here."""
    return answer({"variables": (await access_to(request, name)).worker.variables})


async def put_variables(request: HttpRequest, name: str) -> HttpResponse:
    """PUT {variables}: all of them; the draft has them at once, what is live after the next deploy."""
    access = (await access_to(request, name)).need_edit()
    wanted = decode(request, Variables).variables
    _check_variables(wanted)
    access.worker.variables = wanted
    await in_database(access.worker.save, update_fields=["variables"])
    return answer({"variables": wanted})


async def free_name(request: HttpRequest, name: str) -> HttpResponse:
    """GET: whether a new worker could have that name, as somebody types it."""
    await user_id(request)
    try:
        check_name(name)
    except QuickEditError as error:
        return answer({"ok": False, "message": f"{error.message} {error.hint}".strip()})
    taken = await in_database(Worker.objects.filter(name=name, deleted_at__isnull=True).exists)
    return answer({"ok": not taken, "message": f"There is a worker named “{name}” already." if taken else ""})


def _check_variables(wanted: dict[str, str]) -> None:
    if len(wanted) > MAX_VARIABLES:
        raise BadInput(f"A worker may have {MAX_VARIABLES} variables.", code="too-many-variables")
    for key, value in wanted.items():
        if not _VARIABLE.fullmatch(key):
            text = f"“{key[:80]}” cannot name a variable."
            raise BadInput(
                text, code="bad-variable", hint="Write letters, digits and underscores, with no digit first."
            )
        if len(value) > MAX_VALUE or "\0" in value:
            raise BadInput(f"The value of {key} is over {MAX_VALUE} characters or has a NUL.", code="bad-variable")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"The value of {key} is not valid text.", code="bad-variable") from error


async def _show_live(worker_id: int) -> history.Live | None:
    """The runner answers under the worker's name at once: it may remember that nobody had that name."""
    live = await in_database(history.live_of, worker_id)
    if live is not None:
        modules = await in_database(bundles.load, live.digest)
        await runner.soon(publish.show(await runner.client(), live, modules))
    return live


async def _forget(worker_id: int, name: str) -> None:
    """The runner forgets an address that ended."""
    await runner.soon(publish.hide(await runner.client(), worker_id, name))

"""The HTTP API of what goes live: what would change, deploy, history, rollback, the files of a version."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from quickedit import rooms
from quickedit.accounts.people import name_of
from quickedit.api.http import Body, access_to, answer, decode
from quickedit.deployments import bundles, changes, checks, history, publish
from quickedit.deployments.models import Deployment
from quickedit.drafts import runner
from quickedit.errors import BadInput, Conflict
from quickedit.threads import in_database
from quickedit.workers.access import Access

MAX_REASON = publish.MAX_MESSAGE


class Deploy(Body, frozen=True):
    message: str = ""
    revision: int | None = None


class Rollback(Body, frozen=True):
    version: int
    reason: str


def _modules_of(worker_id: int, number: int) -> dict[str, bytes]:
    return bundles.load(history.version_of(worker_id, number).digest)


def _live_modules(worker_id: int) -> tuple[history.Live | None, dict[str, bytes]]:
    live = history.live_of(worker_id)
    return live, {} if live is None else bundles.load(live.digest)


async def draft_changes(request: HttpRequest, name: str) -> HttpResponse:
    """GET: what a deploy would change for visitors; with ``?version=N`` what a rollback to N would."""
    access = await access_to(request, name)
    worker_id = access.worker.pk
    live, before = await in_database(_live_modules, worker_id)
    async with rooms.enter(worker_id) as room:
        revision, after = room.revision, room.modules()
    asked = request.GET.get("version", "")
    if asked:
        if not asked.isascii() or not asked.isdigit() or len(asked) > 9:
            raise BadInput("A version is a number.", code="bad-version")
        after = await in_database(_modules_of, worker_id, int(asked))
    found = await in_database(changes.compare, before, after)
    return answer({
        "changes": [asdict(change) for change in found],
        "live": None if live is None else live.version,
        "next": await in_database(history.next_number, worker_id),
        "revision": revision,
    })  # fmt: skip


async def draft_checks(request: HttpRequest, name: str) -> HttpResponse:
    """POST: tries the draft as a deploy would, and answers what was found; nothing goes live."""
    access = (await access_to(request, name)).need_edit()
    async with rooms.enter(access.worker.pk) as room:
        revision, modules = room.revision, room.modules()
    found = await checks.run(
        await runner.client(), (access.worker.pk, access.worker.name), modules, access.worker.variables
    )
    return answer({"revision": revision, "checks": [asdict(check) for check in found]})


def _listed(access: Access) -> list[dict[str, Any]]:
    rows = history.all_of(access.worker.pk)
    return [_shown(row, live=index == 0) for index, row in enumerate(rows)]


def _shown(row: Deployment, *, live: bool) -> dict[str, Any]:
    original = row.version.content_of
    return {
        "version": row.version.number,
        "message": row.message,
        "by": name_of(row.by),
        "at": row.at,
        "live": live,
        "revision": row.version.revision,
        "rollback_of": original.number if original else None,
    }


async def deployments(request: HttpRequest, name: str) -> HttpResponse:
    """GET: the history, newest first."""
    access = await access_to(request, name)
    return answer({"deployments": await in_database(_listed, access), "url": history.url_of(access.worker.name)})


async def deploy(request: HttpRequest, name: str) -> HttpResponse:
    """POST {message, revision?}: the draft goes live. With a revision, only if nobody edited since (code ``moved``)."""
    started = time.perf_counter()
    access = (await access_to(request, name)).need_edit()
    wanted = decode(request, Deploy)
    async with rooms.enter(access.worker.pk) as room:
        revision, modules = room.revision, room.modules()
    if wanted.revision is not None and wanted.revision != revision:
        text = f"The draft is at revision {revision} by now; you looked at {wanted.revision}."
        raise Conflict(text, code="moved", hint="Look at the changes again, then deploy.")
    live = await publish.publish(
        await runner.client(),
        publish.Wanted(
            worker_id=access.worker.pk,
            worker_name=access.worker.name,
            by=access.user_id,
            modules=modules,
            revision=revision,
            variables=access.worker.variables,
            message=wanted.message,
        ),
    )
    return _deployed(live, len(modules), started)


async def rollback(request: HttpRequest, name: str) -> HttpResponse:
    """POST {version, reason}: a new version with an old one's modules goes live; the draft stays as it is."""
    started = time.perf_counter()
    access = (await access_to(request, name)).need_edit()
    wanted = decode(request, Rollback)
    if not wanted.reason.strip():
        raise BadInput("A rollback needs a reason.", code="reason-missing", hint="Everybody sees it in the history.")
    if not 0 < wanted.version < 2**31:
        raise BadInput("A version is a positive number.", code="bad-version")
    original = await in_database(history.version_of, access.worker.pk, wanted.version)
    modules = await in_database(bundles.load, original.digest)
    live = await publish.publish(
        await runner.client(),
        publish.Wanted(
            worker_id=access.worker.pk,
            worker_name=access.worker.name,
            by=access.user_id,
            modules=modules,
            revision=original.revision,
            variables=access.worker.variables,
            message=wanted.reason,
            content_of=original.pk,
            packages=original.packages,
        ),
    )
    return _deployed(live, len(modules), started)


def _deployed(live: history.Live, modules: int, started: float) -> HttpResponse:
    took = round((time.perf_counter() - started) * 1000, 1)
    data = {
        "version": live.version,
        "url": live.url,
        "at": live.at,
        "revision": live.revision,
        "modules": modules,
        "ms": took,
    }
    return answer(data, 201)


async def version_files(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """GET: the files of a version, for the diff editor. Its content never changes, so browsers may keep it."""
    access = await access_to(request, name)
    modules = await in_database(_modules_of, access.worker.pk, number)
    files = [{"path": path, "text": content.decode("utf-8", "replace")} for path, content in sorted(modules.items())]
    response = HttpResponse(msgspec.json.encode({"version": number, "files": files}), content_type="application/json")
    response["Cache-Control"] = "private, max-age=3600"
    return response

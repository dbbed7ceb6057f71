"""The HTTP API of a workspace's history: the timeline, the text at a revision, restoring, what was live when (rules H1–H5)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from quickedit import rooms
from quickedit.accounts.people import name_of
from quickedit.api.http import Body, access_to, answer, decode
from quickedit.deployments import history as deployed
from quickedit.deployments.models import Deployment
from quickedit.errors import BadInput, NotFound
from quickedit.threads import in_database
from quickedit.workspaces import restoring, timeline
from quickedit.workspaces.tree import File, Workspace

MAX_REVISION = 2**53


class Restore(Body, frozen=True):
    revision: int
    file: str | None = None


async def timeline_page(request: HttpRequest, name: str) -> HttpResponse:
    """GET ?before&file&limit: the entries, newest first."""
    access = await access_to(request, name)
    before, limit = _number(request, "before"), _number(request, "limit")
    file = request.GET.get("file") or None
    return answer(await in_database(_page, access.worker.pk, before, file, 50 if limit is None else limit))


def _page(worker_id: int, before: int | None, file: str | None, limit: int) -> dict[str, Any]:
    found = timeline.page(worker_id, before, file, limit)
    people = {user.pk: name_of(user) for user in User.objects.filter(pk__in={entry.by for entry in found.entries})}
    versions = {row.version.revision: row.version.number for row in reversed(deployed.all_of(worker_id, 1000))}
    return {"entries": [_shown(entry, people, versions) for entry in found.entries], "next": found.next}


def _shown(entry: timeline.Shown, people: dict[int, str], versions: dict[int, int]) -> dict[str, Any]:
    return {
        "revision": entry.revision,
        "since": entry.since,
        "at": entry.at,
        "by": {"id": entry.by, "name": people.get(entry.by, name_of(None))},
        "restored": entry.restored,
        "live": versions.get(entry.revision),
        "files": list(entry.files.values()),
    }


async def tree(request: HttpRequest, name: str, revision: int) -> HttpResponse:
    """GET: the files as they were at a revision, without their texts."""
    access = await access_to(request, name)
    found = await in_database(timeline.workspace_at, access.worker.pk, _revision(revision))
    files = [_described(file) for file in sorted(found.files.values(), key=lambda each: each.path)]
    return answer({"revision": revision, "files": files, "folders": sorted(found.folders)})


async def file(request: HttpRequest, name: str, revision: int, file: str) -> HttpResponse:
    """GET: one file as it was, with its text; of a binary one the digest under which its bytes are."""
    access = await access_to(request, name)
    found = await in_database(timeline.workspace_at, access.worker.pk, _revision(revision))
    old = found.files.get(file)
    if old is None:
        raise NotFound("The file was not there at that revision.", code="unknown-file")
    return answer({"revision": revision, "text": old.text, **_described(old)})


def _described(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "path": file.path,
        "size": file.size,
        "digest": file.digest or None,
        "eol": file.eol,
        "bom": file.bom,
    }


async def restore(request: HttpRequest, name: str) -> HttpResponse:
    """POST {revision, file?}: one file, or everything, becomes what it was, as a batch that everybody sees."""
    access = (await access_to(request, name)).need_edit()
    wanted = decode(request, Restore)
    then: Workspace = await in_database(timeline.workspace_at, access.worker.pk, _revision(wanted.revision))
    async with rooms.enter(access.worker.pk) as room:
        ops = restoring.restore(room.workspace, then, wanted.file)
        if not ops:
            return answer({"revision": room.revision, "changed": 0})
        client = timeline.client_of_restore(wanted.revision, secrets.token_hex(8))
        done = await room.submit(client=client, by=access.user_id, seq=1, base=room.revision, ops=ops)
    return answer({"revision": done.revision, "changed": len(ops)})


async def live(request: HttpRequest, name: str) -> HttpResponse:
    """GET: what was live when, newest first."""
    access = await access_to(request, name)
    return answer({"live": await in_database(_live, access.worker.pk)})


def _live(worker_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    until: datetime | None = None
    row: Deployment
    for row in deployed.all_of(worker_id, 1000):
        entry = {
            "version": row.version.number,
            "revision": row.version.revision,
            "at": row.at.astimezone(UTC),
            "until": until,
            "by": {"id": row.by.pk if row.by else 0, "name": name_of(row.by)},
            "message": row.message,
        }
        found.append(entry)
        until = row.at
    return found


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadInput(f"“{name}” is a number.", code="bad-number")
    return int(text)


def _revision(revision: int) -> int:
    if revision < 0 or revision > MAX_REVISION:
        raise NotFound("There is no such revision.", code="no-such-revision")
    return revision

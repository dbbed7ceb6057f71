"""The HTTP API of archives: a worker as a zip, a zip into a worker, and a new worker from a zip."""

from __future__ import annotations

import secrets

from django.http import HttpRequest, HttpResponse

from preview.portable import ConfigError, for_cloudflare
from quickedit import rooms
from quickedit.api.http import access_to, answer, body, user_id
from quickedit.errors import BadInput
from quickedit.lifecycle import service
from quickedit.threads import in_database
from quickedit.workspaces import archives, blobs, restoring
from quickedit.workspaces.paths import check_path


async def download(request: HttpRequest, name: str) -> HttpResponse:
    """GET: the draft as a zip; ?for=cloudflare: with the files that Cloudflare's tools need beside the modules."""
    access = await access_to(request, name)
    async with rooms.enter(access.worker.pk) as room:
        modules = room.modules()
    if request.GET.get("for") == "cloudflare":
        try:
            modules = for_cloudflare(modules, access.worker.name)
        except ConfigError as error:
            raise BadInput(error.message, code="bad-config", hint=error.hint) from None
    response = HttpResponse(await in_database(archives.pack, modules), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{access.worker.name}.zip"'
    response["Cache-Control"] = "no-store"
    return response


async def upload(request: HttpRequest, name: str) -> HttpResponse:
    """POST a zip, ?folder=: its files get their content here, as one batch; nothing is deleted."""
    access = (await access_to(request, name)).need_edit()
    folder = request.GET.get("folder", "")
    files = await in_database(
        archives.unpack, body(request, archives.MAX_ARCHIVE), check_path(folder) if folder else ""
    )
    async with rooms.enter(access.worker.pk) as room:
        found = restoring.bring_in(room.workspace, files)
        if found.contents:
            await in_database(blobs.store_many, access.worker.pk, found.contents)
            found = restoring.bring_in(room.workspace, files)  # somebody may have edited meanwhile
        revision = room.revision
        if found.ops:
            client = f"import-{secrets.token_hex(8)}"
            done = await room.submit(client=client, by=access.user_id, seq=1, base=revision, ops=found.ops)
            revision = done.revision
    return answer({"revision": revision, "created": found.created, "changed": found.changed, "same": found.same})


async def create(request: HttpRequest) -> HttpResponse:
    """POST a zip, ?name=: a new worker that holds it."""
    person = await user_id(request)
    name = request.GET.get("name", "")
    files = await in_database(archives.unpack, body(request, archives.MAX_ARCHIVE))
    if not files:
        raise BadInput("The archive holds no files.", code="bad-archive")
    worker = await in_database(service.create_with, person, name, files)
    return answer({"id": worker.pk, "name": worker.name, "files": len(files)}, 201)

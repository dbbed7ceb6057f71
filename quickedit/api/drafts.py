"""The HTTP API of a worker's draft: the snapshot that an editor starts from, blobs, and requests from the HTTP tab."""

from __future__ import annotations

import base64
import re
from typing import Any

from django.http import HttpRequest, HttpResponse

from preview.client import HttpAnswer, Refused, RunnerAway
from quickedit import rooms
from quickedit.api.http import Body, access_to, answer, body, decode
from quickedit.drafts import labels, runner
from quickedit.errors import BadInput, NotFound, Unavailable
from quickedit.threads import in_database
from quickedit.wire.codec import MAX_BLOB
from quickedit.workspaces import blobs, store

MAX_SHOWN = 1024 * 1024
"""Bytes of a response's body that the HTTP tab gets."""
MAX_HEADERS = 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_PATH = re.compile(r"/[\x21-\x7e]{0,8000}")
_TEXTUAL = re.compile(r"(text/|application/(json|javascript|xml|[a-z.+-]+\+(json|xml))|image/svg)", re.IGNORECASE)


class Ask(Body, frozen=True):
    path: str
    method: str = "GET"
    headers: list[tuple[str, str]] = []
    body: str = ""


async def snapshot(request: HttpRequest, name: str) -> HttpResponse:
    """GET: the whole workspace at its head, or with ``?revision=N`` as it was then: an editor takes up there what an
    earlier one left. 410 where the log no longer reaches back."""
    access = await access_to(request, name)
    wanted = request.GET.get("revision")
    if wanted is not None:
        revision = _revision(wanted)
        workspace = await in_database(store.at, access.worker.pk, revision)
        return answer(workspace.snapshot(revision))
    async with rooms.enter(access.worker.pk) as room:
        data = room.snapshot()
    return answer(data)


async def get_blob(request: HttpRequest, name: str, digest: str) -> HttpResponse:
    """GET: a blob of this worker by its SHA-256."""
    access = await access_to(request, name)
    content = await in_database(blobs.get, access.worker.pk, _digest(digest))
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["Content-Disposition"] = "attachment"
    return response


async def put_blob(request: HttpRequest, name: str, digest: str) -> HttpResponse:
    """PUT: content that a batch will name; its SHA-256 must be the one in the path."""
    access = (await access_to(request, name)).need_edit()
    await in_database(blobs.put, access.worker.pk, _digest(digest), body(request, MAX_BLOB))
    return answer({"digest": digest}, 201)


async def ask(request: HttpRequest, name: str) -> HttpResponse:
    """POST {method, path, headers, body}: one request to the person's own preview, as the HTTP tab makes it."""
    access = await access_to(request, name)
    wanted = decode(request, Ask)
    _check(wanted)
    label = await in_database(labels.label_of, access.worker.pk, access.user_id)
    connection = await runner.client()
    try:
        found = await connection.request(
            label, wanted.method.upper(), wanted.path, wanted.headers, wanted.body.encode("utf-8", "replace")
        )
    except Refused as error:
        raise NotFound(error.message, code=error.code, hint=error.hint) from error
    except RunnerAway as error:
        raise Unavailable(
            "The runner is away.", code="runner-away", hint="It is started again; send once more."
        ) from error
    return answer(_shown(found))


def _shown(found: HttpAnswer) -> dict[str, Any]:
    shown = found.body[:MAX_SHOWN]
    kind = next((value for key, value in found.headers if key.lower() == "content-type"), "")
    text: str | None = None
    if not shown or _TEXTUAL.match(kind) or not kind:
        try:
            text = shown.decode("utf-8", "strict" if len(shown) == len(found.body) else "replace")
        except UnicodeDecodeError:
            text = None
    return {
        "status": found.status,
        "headers": found.headers,
        "body": base64.b64encode(shown).decode() if text is None else text,
        "encoding": "base64" if text is None else "text",
        "ms": found.ms,
        "truncated": len(shown) < len(found.body),
        "size": len(found.body),
    }


def _check(wanted: Ask) -> None:
    if not _TOKEN.fullmatch(wanted.method):
        raise BadInput("A method is a word such as GET or POST.", code="bad-method")
    if not _PATH.fullmatch(wanted.path):
        hint = "Write other characters as %XX."
        raise BadInput("A path begins with “/” and has printable ASCII without spaces.", code="bad-path", hint=hint)
    if len(wanted.headers) > MAX_HEADERS:
        raise BadInput(f"A request may have {MAX_HEADERS} headers.", code="bad-header")
    for key, value in wanted.headers:
        if not _TOKEN.fullmatch(key) or len(value) > 8192 or not value.isprintable() or not value.isascii():
            raise BadInput(
                f"The header “{key[:80]}” cannot be sent.", code="bad-header", hint="One line of ASCII is possible."
            )


def _revision(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise BadInput("A revision is a whole number.", code="bad-revision")
    return int(text)


def _digest(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise BadInput("A blob is named by its SHA-256 in lower-case hex.", code="bad-digest")
    return digest

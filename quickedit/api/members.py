"""The HTTP API of a worker's members: who they are, adding by name, invitations, roles, removal (rules A1–A3)."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from quickedit.accounts.people import name_of
from quickedit.api.http import Body, access_to, answer, decode
from quickedit.drafts import labels, runner
from quickedit.threads import in_database
from quickedit.workers import members
from quickedit.workers.access import Access


class NewMember(Body, frozen=True):
    name: str
    role: str = "editor"


class NewRole(Body, frozen=True):
    role: str


def _listed(access: Access) -> dict[str, object]:
    people = [
        {"id": row.user_id, "name": name_of(row.user), "role": row.role} for row in members.listed(access.worker.pk)
    ]
    invites = [{"id": row.pk, "role": row.role, "until": row.until} for row in members.invitations(access.worker.pk)]
    return {"members": people, "invites": invites if access.role_name == "owner" else []}


async def index(request: HttpRequest, name: str) -> HttpResponse:
    """GET: the members; for owners the open invitations too."""
    return answer(await in_database(_listed, await access_to(request, name)))


async def add(request: HttpRequest, name: str) -> HttpResponse:
    """POST {name, role}: a person who is known here becomes a member."""
    access = (await access_to(request, name)).need_owner()
    wanted = decode(request, NewMember)
    row = await in_database(members.add, access, wanted.name, members.role_of(wanted.role))
    return answer({"id": row.user_id, "name": wanted.name, "role": row.role}, 201)


async def set_role(request: HttpRequest, name: str, person: int) -> HttpResponse:
    """PATCH {role}: counts at once, in open editors too."""
    access = (await access_to(request, name)).need_owner()
    row = await in_database(members.set_role, access, person, members.role_of(decode(request, NewRole).role))
    return answer({"id": row.user_id, "role": row.role})


async def remove(request: HttpRequest, name: str, person: int) -> HttpResponse:
    """DELETE: their open editors end, and so does their preview."""
    access = await access_to(request, name)
    await in_database(members.remove, access, person)
    ended = await in_database(labels.revoke, worker_id=access.worker.pk, user_id=person)
    await runner.soon(runner.forget_hosts(ended))
    return answer({"id": person})


async def invite(request: HttpRequest, name: str) -> HttpResponse:
    """POST {role}: a link that makes one person a member. It is shown this once."""
    access = (await access_to(request, name)).need_owner()
    made = await in_database(members.invite, access, members.role_of(decode(request, NewRole).role))
    url = f"{settings.PUBLIC_ORIGIN}/join?token={quote(made.token)}"
    return answer({"id": made.id, "url": url, "until": made.until}, 201)


async def withdraw(request: HttpRequest, name: str, invitation: int) -> HttpResponse:
    """DELETE: the link works no more."""
    access = (await access_to(request, name)).need_owner()
    await in_database(members.withdraw, access, invitation)
    return answer({"id": invitation})

"""Who works on a worker: adding, inviting, changing roles, removing (rules A1–A3). Only owners manage others.

Synchronous; each function is one transaction that holds the worker's row, so that of two owners who remove each other one
stays. The database keeps only the hash of an invitation's token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from quickedit.errors import BadInput, Conflict, NotFound, TooLarge
from quickedit.workers.access import Access, no_such_worker
from quickedit.workers.models import Invitation, Membership, Role, Worker

INVITATION_DAYS = 7
MAX_MEMBERS = 200
"""Of one worker, invitations that are open counted too."""
_MAX_TOKEN = 128


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation. ``token`` goes to a person, never to a log."""

    id: int
    token: str
    until: datetime


def role_of(name: str) -> Role:
    """The role of that name. Raises BadInput."""
    try:
        return Role(name)
    except ValueError:
        raise BadInput(f"“{name[:20]}” is no role.", code="bad-role", hint="Write owner, editor or viewer.") from None


def listed(worker_id: int) -> list[Membership]:
    """All members with their people, owners first."""
    rows = list(Membership.objects.select_related("user").filter(worker_id=worker_id))
    order = {Role.OWNER: 0, Role.EDITOR: 1, Role.VIEWER: 2}
    return sorted(rows, key=lambda row: (order[Role(row.role)], row.user.get_username()))


def invitations(worker_id: int) -> list[Invitation]:
    """Those that still work."""
    rows = Invitation.objects.filter(worker_id=worker_id, used_at__isnull=True, until__gt=timezone.now())
    return list(rows.order_by("pk"))


def add(access: Access, name: str, role: Role) -> Membership:
    """Makes the person of that user name a member. Raises Forbidden, NotFound, Conflict and TooLarge."""
    with _held(access) as worker:
        person = User.objects.filter(username=name, is_active=True).first()
        if person is None:
            hint = "Names are exact. For somebody new, make an invitation."
            raise NotFound(f"There is nobody named “{name[:150]}” here.", code="no-such-person", hint=hint)
        if Membership.objects.filter(worker=worker, user=person).exists():
            raise Conflict(f"{name} is a member already.", code="member-already")
        return Membership.objects.create(worker=worker, user=person, role=role)


def set_role(access: Access, user_id: int, role: Role) -> Membership:
    """Gives a member another role. Raises Forbidden, NotFound, and Conflict for the last owner."""
    with _held(access) as worker:
        member = _member(worker, user_id)
        if member.role != role:
            _keep_an_owner(worker, member)
            member.role = role
            member.save(update_fields=["role"])
        return member


def remove(access: Access, user_id: int) -> None:
    """Ends a membership; anybody may end their own. Raises Forbidden, NotFound, and Conflict for the last owner."""
    with _held(access, own=access.user_id == user_id) as worker:
        member = _member(worker, user_id)
        _keep_an_owner(worker, member)
        member.delete()


def invite(access: Access, role: Role) -> Invited:
    """A link's token that makes one person a member, once. Raises Forbidden and TooLarge."""
    with _held(access) as worker:
        token = secrets.token_urlsafe(32)
        until = timezone.now() + timedelta(days=INVITATION_DAYS)
        row = Invitation.objects.create(
            worker=worker, role=role, token_hash=_hash(token), until=until, by_id=access.user_id
        )
        return Invited(row.pk, token, until)


def withdraw(access: Access, invitation_id: int) -> None:
    """The link works no more. Raises Forbidden and NotFound."""
    with _held(access) as worker:
        if not Invitation.objects.filter(pk=invitation_id, worker=worker, used_at__isnull=True).delete()[0]:
            raise NotFound("There is no such invitation.", code="no-such-invitation")


def invitation(token: str) -> Invitation:
    """What a token invites to, while it works. Raises NotFound."""
    rows = Invitation.objects.select_related("worker", "by").filter(
        token_hash=_hash(token[:_MAX_TOKEN]), used_at__isnull=True, until__gt=timezone.now(), worker__deleted_at=None
    )
    found = rows.first()
    if found is None:
        hint = "It works once, for seven days. Ask for a new one."
        raise NotFound("This invitation no longer works.", code="no-such-invitation", hint=hint)
    return found


def accept(token: str, user_id: int) -> Worker:
    """Makes the person a member; who is one already stays what they are, and the link stays good. Raises NotFound."""
    found = invitation(token)
    with transaction.atomic():
        if Membership.objects.filter(worker=found.worker, user_id=user_id).exists():
            return found.worker
        # One UPDATE that only an unused row matches: of two at once one wins.
        unused = Invitation.objects.filter(pk=found.pk, used_at__isnull=True)
        if not unused.update(used_at=timezone.now(), used_by_id=user_id):
            return accept(token, user_id)
        Membership.objects.create(worker=found.worker, user_id=user_id, role=found.role)
    return found.worker


def new_person(name: str) -> User:
    """Somebody who comes by an invitation and is not known here yet. Raises BadInput and Conflict."""
    name = name.strip()
    if not 0 < len(name) <= 60 or not name.isprintable():
        raise BadInput("A name has 1 to 60 printable characters.", code="bad-name")
    try:
        with transaction.atomic():
            person = User(username=name)
            person.set_unusable_password()
            person.save()
    except IntegrityError as error:
        hint = "If that is you, sign in first; else choose another name."
        raise Conflict(f"There is somebody named “{name}” here already.", code="name-taken", hint=hint) from error
    return person


@contextmanager
def _held(access: Access, *, own: bool = False) -> Iterator[Worker]:
    """The worker's row, locked, for an owner as of now, or for whoever ends their own membership."""
    with transaction.atomic():
        worker = Worker.objects.select_for_update().filter(pk=access.worker.pk, deleted_at__isnull=True).first()
        member = Membership.objects.filter(worker=worker, user_id=access.user_id).first() if worker else None
        if worker is None or member is None:
            raise no_such_worker()
        if not own:
            Access(worker, Role(member.role), member.user_id).need_owner()
        open_ = Invitation.objects.filter(worker=worker, used_at__isnull=True, until__gt=timezone.now()).count()
        yield worker
        if Membership.objects.filter(worker=worker).count() + open_ > MAX_MEMBERS:
            raise TooLarge(f"A worker can have {MAX_MEMBERS} members and open invitations.", code="too-many-members")


def _member(worker: Worker, user_id: int) -> Membership:
    found = Membership.objects.filter(worker=worker, user_id=user_id).first()
    if found is None:
        raise NotFound("This person is no member.", code="no-such-member")
    return found


def _keep_an_owner(worker: Worker, leaving: Membership) -> None:
    others = Membership.objects.filter(worker=worker, role=Role.OWNER).exclude(pk=leaving.pk)
    if leaving.role == Role.OWNER and not others.exists():
        hint = "Make somebody else an owner first."
        raise Conflict("A worker always has an owner.", code="last-owner", hint=hint)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

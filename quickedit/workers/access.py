"""Who may do what with which worker: asked here by every page, API call and socket.

A worker that the person is no member of, a deleted one and one that never was give the same NotFound. All functions
touch the database and are synchronous; callers in the event loop go through ``database_sync_to_async``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quickedit.errors import Forbidden, NotFound
from quickedit.workers.models import Membership, Role, Worker

_ROLE_NAMES: dict[Role, Literal["owner", "editor", "viewer"]] = {
    Role.OWNER: "owner",
    Role.EDITOR: "editor",
    Role.VIEWER: "viewer",
}
_EDITS = frozenset({Role.OWNER, Role.EDITOR})


@dataclass(frozen=True, slots=True)
class Access:
    """A member's way to a worker, as it was when it was asked for."""

    worker: Worker
    role: Role
    user_id: int

    @property
    def role_name(self) -> Literal["owner", "editor", "viewer"]:
        """The role as the bridge and pages say it."""
        return _ROLE_NAMES[self.role]

    @property
    def can_edit(self) -> bool:
        return self.role in _EDITS

    def need_edit(self) -> Access:
        """This access. Raises Forbidden where the member may only look."""
        if not self.can_edit:
            raise Forbidden("You can look at this worker, not change it.", hint="Ask an owner to make you an editor.")
        return self

    def need_owner(self) -> Access:
        """This access. Raises Forbidden where the member is not an owner."""
        if self.role is not Role.OWNER:
            raise Forbidden("Only an owner of this worker can do that.", hint="Ask an owner.")
        return self


def no_such_worker() -> NotFound:
    """The one answer for a worker that is not there, not yours or deleted."""
    return NotFound("There is no such worker.", code="no-such-worker", hint="It may have been renamed or deleted.")


def access(user_id: int, name: str) -> Access:
    """A person's access to the worker of that name. Raises NotFound."""
    membership = (
        Membership.objects.select_related("worker")
        .filter(user_id=user_id, worker__name=name, worker__deleted_at__isnull=True)
        .first()
    )
    if membership is None:
        raise no_such_worker()
    return Access(membership.worker, Role(membership.role), membership.user_id)


def access_of_all(worker_id: int) -> dict[int, Access]:
    """The access of every member of a worker that is not deleted, by the person's id."""
    rows = Membership.objects.select_related("worker").filter(worker_id=worker_id, worker__deleted_at__isnull=True)
    return {row.user_id: Access(row.worker, Role(row.role), row.user_id) for row in rows}


def may_call(caller_id: int, called_id: int) -> bool:
    """Whether a worker may call methods of another one: everybody who may change the code of the first may change the
    other's as well. Else a call would be a way around roles."""
    changing = Membership.objects.filter(role__in=(Role.OWNER, Role.EDITOR), worker__deleted_at__isnull=True)
    own = changing.filter(worker_id=caller_id)
    theirs = changing.filter(worker_id=called_id).values("user_id")
    return own.exists() and not own.exclude(user_id__in=theirs).exists()

"""What happens elsewhere and concerns open editors: somebody signs out, a worker is renamed, configured or deleted, its members
change.

Receivers of Django's signals, connected by the app configuration. They run in whatever thread saved the row, so they
only post to the loop of the live worker, and tell the other web processes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction

from quickedit.editor import live
from quickedit.errors import NotFound
from quickedit.rooms.hints import tell_everybody
from quickedit.workers.models import Membership, Worker


def signed_out(sender: object, request: Any = None, **_: object) -> None:
    """Ends the sockets of the session that ends (O3)."""
    key = getattr(getattr(request, "session", None), "session_key", None)
    if key:
        session = live.digest_of(key)
        tell_everybody(0, live.SIGNED_OUT, session=session)
        for opened in live.all_open():
            opened.loop.call_soon_threadsafe(opened.end_session, session)


def worker_saved(sender: object, instance: Worker, created: bool = False, **_: object) -> None:
    """Runs the draft again with a new name or variables; ends the sockets of a deleted worker."""
    if not created:
        transaction.on_commit(partial(_worker_saved, instance.pk, instance.deleted_at is not None))


def _worker_saved(worker_id: int, deleted: bool) -> None:
    opened = live.find(worker_id)
    tell_everybody(worker_id, live.DELETED if deleted else live.CHANGED)
    if opened is None:
        return
    if deleted:
        opened.loop.call_soon_threadsafe(opened.end_all, NotFound.close_code, "deleted", "This worker was deleted.")
    else:
        opened.loop.call_soon_threadsafe(opened.worker_changed)


def members_changed(sender: object, instance: Membership, **_: object) -> None:
    """A role changed, or somebody came or was removed."""
    transaction.on_commit(partial(_members_changed, instance.worker_id))


def _members_changed(worker_id: int) -> None:
    tell_everybody(worker_id, live.MEMBERS)
    opened = live.find(worker_id)
    if opened is not None:
        opened.loop.call_soon_threadsafe(opened.members_changed)

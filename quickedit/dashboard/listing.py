"""The rows of the dashboard: each worker with its last edit, what is live, and whether the draft differs. Reads the
database.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from preview import bundle
from quickedit.accounts.people import name_of
from quickedit.deployments import bundles, changes, history
from quickedit.errors import QuickEditError
from quickedit.workers.models import Worker
from quickedit.workspaces import store

COMPARED = 20
"""Workers whose draft is compared with what is live; for more, a newer revision counts as a difference."""


def names(user_id: int) -> list[str]:
    """The names of the person's workers."""
    mine = Worker.objects.filter(memberships__user_id=user_id, deleted_at__isnull=True)
    return list(mine.order_by("name").values_list("name", flat=True))


def rows(user_id: int) -> list[dict[str, Any]]:
    """The person's workers as the list shows them, last edited first."""
    workers = list(Worker.objects.filter(memberships__user_id=user_id, deleted_at__isnull=True))
    ids = [worker.pk for worker in workers]
    live, heads = history.live_of_all(ids), store.heads(ids)
    people = {user.pk: name_of(user) for user in User.objects.filter(workers__in=ids).distinct()}
    found = []
    for index, worker in enumerate(workers):
        head, shown = heads.get(worker.pk), live.get(worker.pk)
        revision = head.revision if head else 0
        differs, count = _difference(worker.pk, revision, shown, exact=index < COMPARED)
        found.append({
            "id": worker.pk,
            "name": worker.name,
            "url": history.url_of(worker.name),
            "host": f"{worker.name}.{settings.WORKERS_DOMAIN}",
            "edited_at": head.at if head else worker.created_at,
            "edited_by": people.get(head.by) if head and head.by else None,
            "live": None if shown is None else {"version": shown.version, "at": shown.at, "by": shown.by_name},
            "differs": differs,
            "changes": count,
        })  # fmt: skip
    return sorted(found, key=lambda row: row["edited_at"], reverse=True)


def _difference(worker_id: int, revision: int, live: history.Live | None, *, exact: bool) -> tuple[bool, int | None]:
    """Whether the draft differs from what is live, and in how many modules where that was counted."""
    if live is None:
        return True, None
    if live.revision == revision:
        return False, 0
    if not exact:
        return True, None
    draft = store.export(worker_id)
    if bundle.digest(draft) == live.digest:
        return False, 0
    try:
        return True, len(changes.compare(bundles.load(live.digest), draft))
    except QuickEditError:
        return True, None


def limits() -> list[dict[str, str]]:
    """The limits that the settings page shows, as people read them."""
    kib, mib = 1024, 1024 * 1024
    return [
        {"name": "CPU time", "scope": "since the worker was last idle", "value": "10 s",
         "when": "Stopped with a traceback of the line"},
        {"name": "Wall time", "scope": "each request", "value": "30 s", "when": "Stopped with a traceback of the line"},
        {"name": "Memory", "scope": "all of the worker", "value": "256 MB", "when": "Stopped; the next is fresh"},
        {"name": "Response", "scope": "each", "value": "10 MB", "when": "Answered with an error page"},
        {"name": "Module", "scope": "each", "value": f"{bundle.MAX_MODULE // mib} MB", "when": "The edit is refused"},
        {"name": "Worker", "scope": f"at most {bundle.MAX_MODULES} modules", "value": f"{bundle.MAX_WORKER // mib} MB",
         "when": "The edit is refused"},
        {"name": "Configuration", "scope": "the file", "value": f"{bundle.MAX_CONFIG // kib} KB", "when": "Not run"},
    ]  # fmt: skip

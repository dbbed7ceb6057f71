"""What is live, what was, and how the next version becomes live: the rows, without the runner.

Synchronous, each function one transaction. ``quickedit.deployments.publish`` adds the checks and the runner to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from quickedit.accounts.people import name_of
from quickedit.deployments.models import Deployment, Version
from quickedit.errors import NotFound
from quickedit.workers.models import Worker
from quickedit.workspaces import timeline


@dataclass(frozen=True, slots=True)
class Live:
    """The live version of a worker, as pages, the bridge and the runner need it."""

    worker_id: int
    worker_name: str
    version: int
    digest: str
    revision: int
    variables: Mapping[str, str]
    packages: Mapping[str, str]
    message: str
    at: datetime
    by_id: int
    by_name: str

    @property
    def url(self) -> str:
        return url_of(self.worker_name)


def url_of(name: str) -> str:
    """Where the worker of that name answers, with a slash at its end."""
    return f"{settings.WORKERS_SCHEME}://{name}.{settings.WORKERS_DOMAIN}/"


def _live(row: Deployment) -> Live:
    person = row.by
    return Live(
        worker_id=row.worker_id,
        worker_name=row.worker.name,
        version=row.version.number,
        digest=row.version.digest,
        revision=row.version.revision,
        variables=row.version.variables,
        packages=row.version.packages,
        message=row.message,
        at=row.at,
        by_id=person.pk if person else 0,
        by_name=name_of(person),
    )


def live_of(worker_id: int) -> Live | None:
    """What is live; None before the first deploy."""
    row = (
        Deployment.objects.select_related("worker", "version", "by").filter(worker_id=worker_id).order_by("-id").first()
    )
    return None if row is None else _live(row)


def live_of_all(worker_ids: Iterable[int]) -> dict[int, Live]:
    """What is live in each of these workers, by worker id, in two queries."""
    newest = Deployment.objects.filter(worker_id__in=list(worker_ids)).values("worker_id").annotate(newest=Max("id"))
    rows = Deployment.objects.select_related("worker", "version", "by").filter(
        id__in=[entry["newest"] for entry in newest]
    )
    return {row.worker_id: _live(row) for row in rows}


def live_by_name(name: str) -> Live | None:
    """What is live under that host name; None where no worker has it or nothing was deployed."""
    worker = Worker.objects.filter(name=name, deleted_at__isnull=True).only("id").first()
    return None if worker is None else live_of(worker.pk)


def all_of(worker_id: int, limit: int = 200) -> list[Deployment]:
    """The newest deployments first, with their versions and people."""
    rows = Deployment.objects.select_related("version__content_of", "by").filter(worker_id=worker_id)
    return list(rows.order_by("-id")[:limit])


def version_of(worker_id: int, number: int) -> Version:
    """One version. Raises NotFound."""
    version = Version.objects.filter(worker_id=worker_id, number=number).first()
    if version is None:
        raise NotFound(f"There is no version {number}.", code="no-such-version")
    return version


def next_number(worker_id: int) -> int:
    """The number that the next version will have."""
    return (Version.objects.filter(worker_id=worker_id).aggregate(top=Max("number"))["top"] or 0) + 1


@transaction.atomic
def record(
    worker_id: int,
    *,
    by: int,
    digest: str,
    revision: int,
    variables: Mapping[str, str],
    packages: Mapping[str, str],
    message: str,
    content_of: int | None = None,
) -> Live:
    """Makes a version of a stored bundle and makes it live. Numbers have no gaps: the worker's row is locked
    meanwhile.
    """
    worker = Worker.objects.select_for_update().filter(pk=worker_id, deleted_at__isnull=True).first()
    if worker is None:
        raise NotFound("There is no such worker.", code="no-such-worker", hint="It was deleted meanwhile.")
    version = Version.objects.create(
        worker=worker,
        number=next_number(worker_id),
        digest=digest,
        revision=revision,
        variables=dict(variables),
        packages=dict(packages),
        created_by_id=by,
        content_of_id=content_of,
    )
    timeline.mark(worker_id, revision)
    row = Deployment.objects.create(worker=worker, version=version, by_id=by, message=message)
    return _live(Deployment.objects.select_related("worker", "version", "by").get(pk=row.pk))

"""Makes, renames, duplicates, deletes and restores workers: the worker's row and its workspace together.

The API and the console script call it. Synchronous, each function one transaction; what the runner must forget
afterwards is in the answer, as only the event loop can tell it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.utils import timezone

from quickedit.errors import Conflict
from quickedit.lifecycle import templates
from quickedit.workers.access import Access, no_such_worker
from quickedit.workers.models import Membership, Role, Worker
from quickedit.workers.names import check_name
from quickedit.workspaces import restoring, store
from quickedit.workspaces.tree import Workspace


def create(user_id: int, name: str, template: str) -> Worker:
    """A new worker with the template's modules; the person becomes its owner. Raises BadInput and Conflict."""
    check_name(name)
    files = templates.files(template)
    with _free_name(name), transaction.atomic():
        worker = _row(user_id, name, {})
        store.create(worker.pk, files, by=user_id)
    return worker


def create_with(user_id: int, name: str, files: Mapping[str, bytes]) -> Worker:
    """A new worker with these files, text and binary. Raises BadInput, BadPath, Conflict and TooLarge."""
    check_name(name)
    found = restoring.bring_in(Workspace(), files)
    with _free_name(name), transaction.atomic():
        worker = _row(user_id, name, {})
        store.begin(worker.pk, found.ops, found.contents, by=user_id)
    return worker


def duplicate(source: Access, name: str) -> Worker:
    """A new worker with the source's modules and variables as they are now, and a history of its own."""
    check_name(name)
    workspace = store.load_room(source.worker.pk)
    with _free_name(name), transaction.atomic():
        worker = _row(source.user_id, name, source.worker.variables)
        store.copy(worker.pk, workspace, by=source.user_id)
    return worker


def rename(target: Access, name: str) -> Worker:
    """Another name, and with it another address; the old address ends at once. Raises BadInput, Conflict and
    Forbidden.
    """
    worker = target.need_owner().worker
    if check_name(name) != worker.name:
        worker.name = name
        with _free_name(name), transaction.atomic():
            worker.save(update_fields=["name"])
    return worker


def delete(target: Access) -> Worker:
    """The worker disappears for everybody and its name is free; ``restore`` brings all of it back."""
    worker = target.need_owner().worker
    worker.deleted_at = timezone.now()
    worker.save(update_fields=["deleted_at"])
    return worker


def restore(user_id: int, worker_id: int) -> Worker:
    """Undoes a delete. Raises NotFound where the person owned no such worker, Conflict where its name was taken
    since.
    """
    owned = Membership.objects.select_related("worker").filter(
        user_id=user_id, worker_id=worker_id, role=Role.OWNER, worker__deleted_at__isnull=False
    )
    membership = owned.first()
    if membership is None:
        raise no_such_worker()
    worker = membership.worker
    worker.deleted_at = None
    with _free_name(worker.name), transaction.atomic():
        worker.save(update_fields=["deleted_at"])
    return worker


def free_copy_name(name: str) -> str:
    """A name for a copy that nobody has yet: ``shop-copy``, ``shop-copy-2``, …"""
    stem = f"{name[:45].rstrip('-')}-copy"
    taken = set(Worker.objects.filter(name__startswith=stem, deleted_at__isnull=True).values_list("name", flat=True))
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def _row(user_id: int, name: str, variables: dict[str, str]) -> Worker:
    worker = Worker.objects.create(name=name, created_by_id=user_id, variables=variables)
    Membership.objects.create(worker=worker, user_id=user_id, role=Role.OWNER)
    return worker


@contextmanager
def _free_name(name: str) -> Iterator[None]:
    """Turns the database's refusal of a second worker of that name into a sentence."""
    try:
        yield
    except IntegrityError as error:
        if not Worker.objects.filter(name=name, deleted_at__isnull=True).exists():
            raise
        text = f"There is a worker named “{name}” already."
        raise Conflict(text, code="name-taken", hint="Choose another name.") from error

"""Preview labels: which unguessable host name shows which worker's draft to which member.

Synchronous, touches the database. The runner asks for labels through ``quickedit.programs``; pages never list them.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from quickedit.drafts.models import PreviewLabel

PREFIX = "p-"
_RANDOM_BYTES = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """What a label shows."""

    worker_id: int
    worker_name: str
    user_id: int


def new_label() -> str:
    """``p-`` and 26 base32 characters in lower case: 128 random bits."""
    return PREFIX + base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().rstrip("=").lower()


def label_of(worker_id: int, user_id: int) -> str:
    """The member's private label for the worker, made where there is none."""
    row, _ = PreviewLabel.objects.get_or_create(worker_id=worker_id, user_id=user_id, defaults={"label": new_label()})
    return row.label


def find(label: str) -> Shown | None:
    """What the label shows; None where it never was or was revoked, the worker is deleted or the person is no member
    any more.
    """
    row = (
        PreviewLabel.objects.select_related("worker")
        .filter(label=label, worker__deleted_at__isnull=True, user__is_active=True)
        .first()
    )
    if row is None or not row.worker.memberships.filter(user_id=row.user_id).exists():
        return None
    return Shown(row.worker_id, row.worker.name, row.user_id)


def revoke(*, user_id: int | None = None, worker_id: int | None = None) -> list[str]:
    """Revokes all labels of a person, of a worker, or of one in the other; returns them. At least one must be given."""
    rows = PreviewLabel.objects.all()
    if user_id is None and worker_id is None:
        raise ValueError("whose labels?")
    if user_id is not None:
        rows = rows.filter(user_id=user_id)
    if worker_id is not None:
        rows = rows.filter(worker_id=worker_id)
    labels = list(rows.values_list("label", flat=True))
    rows.filter(label__in=labels).delete()
    return labels

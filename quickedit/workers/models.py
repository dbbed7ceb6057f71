"""A worker and the people who may work on it.

Everything that belongs to a worker (workspace, versions, labels) points here. Who may see one is asked in
``quickedit.workers.access`` and nowhere else, so that an outsider cannot tell a foreign worker from one that does not
exist.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q


class Role(models.TextChoices):
    """What a member may do. Owners also manage members and delete; viewers only look and try the preview."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Worker(models.Model):
    """A program with exactly one workspace. A deleted one keeps everything for the undo, but its name is free again."""

    name = models.CharField(max_length=58)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)
    variables = models.JSONField(default=dict, blank=True)
    """Plain variables by name, over those of the worker's configuration file; the draft has them at once, live after a
    deploy.
    """
    members: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="workers"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(deleted_at__isnull=True), name="one_live_worker_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's place in one worker."""

    worker = models.ForeignKey(Worker, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.EDITOR)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "user"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.worker_id}"


class Invitation(models.Model):
    """A link that makes one person a member, once. Only the token's hash is kept."""

    worker = models.ForeignKey(Worker, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=8, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    until = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return f"invitation {self.pk} to worker {self.worker_id}"

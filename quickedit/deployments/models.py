"""Immutable versions, and the history of which of them was live when.

The content of a version is a bundle on disk, by digest (``quickedit.deployments.bundles``); these rows never change
once written. What is live is the newest deployment, so a rollback is a new version with old modules, and history is
never rewritten.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Version(models.Model):
    """A bundle with a number, the variables it runs with and the workspace revision it was made of."""

    worker = models.ForeignKey("workers.Worker", models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    revision = models.PositiveBigIntegerField()
    variables = models.JSONField(default=dict)
    packages = models.JSONField(default=dict)
    """The versions of what was installed for it, by name: they hold, whatever the index has later."""
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    content_of = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    """Where this version is a rollback: the one whose modules it has."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"version {self.number} of worker {self.worker_id}"


class Deployment(models.Model):
    """A version made live: by whom, when, and why."""

    worker = models.ForeignKey("workers.Worker", models.CASCADE, related_name="deployments")
    version = models.ForeignKey(Version, models.PROTECT, related_name="deployments")
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    message = models.CharField(max_length=500, blank=True)
    """What changed, or for a rollback the reason."""

    class Meta:
        indexes = [models.Index(fields=["worker", "-id"], name="deployment_newest")]

    def __str__(self) -> str:
        return f"deployment {self.pk} of worker {self.worker_id}"

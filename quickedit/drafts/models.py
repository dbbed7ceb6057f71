"""The unguessable host names at which members see their drafts."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PreviewLabel(models.Model):
    """One private label per member and worker: ``p-`` and 26 base32 characters. Revoked when the member signs out."""

    label = models.CharField(max_length=28, unique=True)
    worker = models.ForeignKey("workers.Worker", models.CASCADE, related_name="preview_labels")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "user"], name="one_private_label_per_member")]

    def __str__(self) -> str:
        return f"preview label {self.pk}"

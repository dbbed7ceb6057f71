"""What of a workspace is on disk: the log of batches, snapshots to start reading it from, and content by digest.

The log is the truth; ``Head`` says how far it reaches and is what two processes that write at once compete for. Only
``store`` and ``blobs`` use these models.
"""

from __future__ import annotations

from django.db import models

_DIGEST = 64


class Head(models.Model):
    """One row per workspace: its newest revision, and the floor, the oldest revision that a batch can still be based
    on."""

    worker = models.OneToOneField("workers.Worker", models.CASCADE, primary_key=True, related_name="workspace")
    revision = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)
    at = models.DateTimeField()
    by = models.BigIntegerField()

    def __str__(self) -> str:
        return f"worker {self.worker_id} at revision {self.revision}"


class LogEntry(models.Model):
    """A committed batch in its canonical form. ``ops`` is its JSON, or empty where ``blob`` names it. ``by`` is a
    user's id and no foreign key: the log outlives people. ``at`` is milliseconds since the epoch.
    """

    worker = models.ForeignKey("workers.Worker", models.CASCADE, db_index=False, related_name="+")
    revision = models.BigIntegerField()
    client = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    by = models.BigIntegerField()
    at = models.BigIntegerField()
    ops = models.TextField()
    blob = models.CharField(max_length=_DIGEST, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["worker", "revision"], name="one_batch_per_revision"),
            models.UniqueConstraint(fields=["worker", "client", "seq"], name="no_batch_twice"),
        ]

    def __str__(self) -> str:
        return f"revision {self.revision} of worker {self.worker_id}"


class Client(models.Model):
    """The last batch of each client, kept for ever: a resend after any time is recognised. ``by`` is the one whose it
    is."""

    worker = models.ForeignKey("workers.Worker", models.CASCADE, db_index=False, related_name="+")
    client = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    revision = models.BigIntegerField()
    by = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "client"], name="one_row_per_client")]

    def __str__(self) -> str:
        return f"client {self.client} of worker {self.worker_id}"


class Snapshot(models.Model):
    """The workspace at a revision: JSON of the files (texts by digest), the folders, and the ids of deleted files."""

    worker = models.ForeignKey("workers.Worker", models.CASCADE, db_index=False, related_name="+")
    revision = models.BigIntegerField()
    content = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "revision"], name="one_snapshot_per_revision")]

    def __str__(self) -> str:
        return f"worker {self.worker_id} as of revision {self.revision}"


class Entry(models.Model):
    """What compaction made of old batches: an entry of the timeline, as ``timeline`` describes it. There is a snapshot at its
    end. ``at`` is milliseconds since the epoch, ``files`` the JSON of what it did to which file."""

    worker = models.ForeignKey("workers.Worker", models.CASCADE, db_index=False, related_name="+")
    since = models.BigIntegerField()
    revision = models.BigIntegerField()
    by = models.BigIntegerField()
    at = models.BigIntegerField()
    restored = models.BigIntegerField(null=True)
    files = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "revision"], name="one_entry_per_revision")]

    def __str__(self) -> str:
        return f"worker {self.worker_id} from {self.since} to {self.revision}"


class Milestone(models.Model):
    """A revision at which an entry of the timeline ends in any case: a version was made of it."""

    worker = models.ForeignKey("workers.Worker", models.CASCADE, db_index=False, related_name="+")
    revision = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "revision"], name="one_milestone_per_revision")]

    def __str__(self) -> str:
        return f"worker {self.worker_id} at revision {self.revision}"


class Blob(models.Model):
    """Content by its SHA-256, per worker, so that nobody reads another one's by knowing a digest."""

    worker = models.ForeignKey("workers.Worker", models.CASCADE, db_index=False, related_name="+")
    digest = models.CharField(max_length=_DIGEST)
    content = models.BinaryField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "digest"], name="one_blob_per_digest")]

    def __str__(self) -> str:
        return f"{self.digest[:12]} of worker {self.worker_id}"

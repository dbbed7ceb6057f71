"""Content by digest, per worker: batches over the inline limit on their way in and out, and the texts of snapshots.

Synchronous. The API puts and gets what clients upload and fetch; ``store`` keeps its own here.
"""

from __future__ import annotations

import hashlib

from quickedit.errors import BadInput, NotFound, TooLarge
from quickedit.wire.codec import MAX_BLOB
from quickedit.workspaces.models import Blob


def digest_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def put(worker_id: int, digest: str, content: bytes) -> None:
    """Keeps the content; once more changes nothing. Raises TooLarge over MAX_BLOB bytes, BadInput where the digest is
    another one's.
    """
    if len(content) > MAX_BLOB:
        raise TooLarge(f"A blob can be at most {MAX_BLOB} bytes long; this one is {len(content)}.")
    if digest_of(content) != digest:
        raise BadInput("The content does not have that digest.", code="bad-digest", hint="Upload it again.")
    store_many(worker_id, {digest: content})


def store_many(worker_id: int, contents: dict[str, bytes]) -> None:
    """Keeps contents whose digests are known to be right; those that are there already cost one look."""
    known = set(Blob.objects.filter(worker_id=worker_id, digest__in=contents).values_list("digest", flat=True))
    new = [Blob(worker_id=worker_id, digest=key, content=value) for key, value in contents.items() if key not in known]
    if new:
        Blob.objects.bulk_create(new, ignore_conflicts=True, batch_size=100)


def get(worker_id: int, digest: str) -> bytes:
    """The content. Raises NotFound."""
    found = Blob.objects.filter(worker_id=worker_id, digest=digest).values_list("content", flat=True).first()
    if found is None:
        raise NotFound("There is no content with that digest here.", code="no-such-blob", hint="Upload it first.")
    return bytes(found)


def get_many(worker_id: int, digests: set[str]) -> dict[str, bytes]:
    """All the contents that are there."""
    wanted, found = sorted(digests), {}
    for start in range(0, len(wanted), 500):  # SQLite bounds the variables of a query
        rows = Blob.objects.filter(worker_id=worker_id, digest__in=wanted[start : start + 500])
        found.update({digest: bytes(content) for digest, content in rows.values_list("digest", "content")})
    return found

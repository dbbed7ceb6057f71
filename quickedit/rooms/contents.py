"""The bytes of a workspace's binary files, in memory beside the live room: what runs and is exported needs them at once.

Operations name them by digest only. A room owns one of these; it asks it before it takes a batch, and when it has read what
another process committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from preview.bundle import MAX_WORKER
from quickedit.errors import BadInput
from quickedit.rooms.reading import read
from quickedit.wire.messages import AnyOperation
from quickedit.workspaces import blobs, store
from quickedit.workspaces.tree import Workspace, needed

MAX_KEPT = 2 * MAX_WORKER
"""Bytes kept before those that no file has any more are dropped."""


class Contents:
    """By digest. ``loaded`` are those of the workspace as it was read."""

    def __init__(self, worker_id: int, loaded: Mapping[str, bytes]) -> None:
        self._worker_id = worker_id
        self._known = dict(loaded)

    def modules(self, workspace: Workspace) -> dict[str, bytes]:
        """The bytes of every file by path."""
        return workspace.modules(self._known)

    async def need(self, ops: Sequence[AnyOperation]) -> None:
        """Raises BadInput for content that was not uploaded or has another size than its operation says, and Unavailable."""
        wanted = needed(ops)
        if missing := wanted.keys() - self._known.keys():
            self._known |= await read(blobs.get_many, self._worker_id, missing)
        for digest, size in wanted.items():
            found = self._known.get(digest)
            if found is None or len(found) != size:
                text = f"There is no content of {size} bytes with the digest {digest[:12]}… here."
                raise BadInput(text, code="no-such-blob", hint="Upload it first.")

    async def follow(self, workspace: Workspace) -> None:
        """Reads what a workspace that another process made needs. Raises Unavailable."""
        if missing := workspace.digests - self._known.keys():
            self._known |= await read(store.need_contents, self._worker_id, missing)

    def trim(self, *workspaces: Workspace) -> None:
        """Forgets what none of the workspaces needs, once it is much."""
        if sum(map(len, self._known.values())) > MAX_KEPT:
            keep = set().union(*(workspace.digests for workspace in workspaces))
            self._known = {digest: content for digest, content in self._known.items() if digest in keep}

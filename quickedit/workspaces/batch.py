"""One committed batch: what the log holds, what clients are sent, and what later batches are mapped over. Pure data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from quickedit.wire.messages import AnyOperation, Committed, Delete, Edit, Rename
from quickedit.workspaces import changes
from quickedit.workspaces.changes import ChangeSet
from quickedit.workspaces.paths import Tree


@dataclass(frozen=True)
class Batch:
    """``ops`` are canonical. ``before`` is the tree that they were applied to. ``at`` is milliseconds since the epoch,
    ``blob`` the digest under which clients fetch the operations, or "" where they fit a frame, ``weight`` their bytes.
    """

    revision: int
    client: str
    seq: int
    by: int
    at: int
    ops: tuple[AnyOperation, ...]
    before: Tree
    blob: str = ""
    weight: int = 0

    @property
    def committed(self) -> Committed:
        """The message for clients."""
        return Committed(
            revision=self.revision,
            client=self.client,
            seq=self.seq,
            by=self.by,
            at=self.at,
            ops=None if self.blob else list(self.ops),
            blob=self.blob or None,
        )

    @cached_property
    def edits(self) -> dict[str, list[ChangeSet]]:
        """The changes of each file's text, in order."""
        found: dict[str, list[ChangeSet]] = {}
        for op in self.ops:
            if isinstance(op, Edit):
                found.setdefault(op.file, []).append(changes.parse(op.changes))
        return found

    @cached_property
    def moves(self) -> list[Rename | Delete]:
        """What happened to paths that were there before."""
        return [op for op in self.ops if isinstance(op, Rename | Delete)]


def where_to(tree: Tree, later: Iterable[Batch]) -> dict[str, str | None]:
    """For every path of a tree: where it is after the batches, or None where it was deleted."""
    found: dict[str, str | None] = {path: path for path in (*tree.ids, *tree.folders)}
    for batch in later:
        for op in batch.moves:
            target = op.to if isinstance(op, Rename) else None
            for path, now in found.items():
                if now is not None and (now == op.path or now.startswith(f"{op.path}/")):
                    found[path] = None if target is None else target + now[len(op.path) :]
    return found

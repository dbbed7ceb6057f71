"""From what a client meant to what is done: a batch made on an older revision, brought up to the head.

Edits are mapped over later edits of the same file. Paths follow later renames. What clashes only because two people
acted at once is resolved so that nothing is lost: a taken name becomes a free one, a deleted folder leaves the files
that the deleter had not seen. What was wrong already at the client's own revision is refused. Pure; the rooms call it,
and publish exactly what it returns.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quickedit.errors import BadInput, Conflict, Stale
from quickedit.wire.messages import (
    AnyOperation,
    Create,
    CreateFolder,
    Delete,
    Edit,
    Rename,
    SetAttributes,
    SetContent,
)
from quickedit.workspaces import changes
from quickedit.workspaces.batch import Batch, where_to
from quickedit.workspaces.changes import ChangeSet
from quickedit.workspaces.paths import Tree, ancestors, free_name, is_within, moved
from quickedit.workspaces.tree import Workspace

MAX_OPERATIONS = 2 * 1024
"""Operations of one batch: more than a worker has modules and folders."""
MAX_WORK = 2_000_000
"""Sections of change sets looked at while one batch is mapped, a second or so: beyond it the client starts from a
snapshot.
"""


def canonicalise(
    ops: Sequence[AnyOperation], workspace: Workspace, base: Tree, since: Sequence[Batch]
) -> tuple[tuple[AnyOperation, ...], Workspace]:
    """The batch as it is done on ``workspace``, and the workspace after it.

    ``base`` is the tree at the client's revision and ``since`` the batches between that and ``workspace``. Raises
    BadInput, NotFound, Conflict, TooLarge or Stale, and then nothing of the batch is done.
    """
    if len(ops) > MAX_OPERATIONS:
        raise BadInput(f"A batch can hold {MAX_OPERATIONS} operations; this one has {len(ops)}.", code="batch-too-long")
    rebase = Rebase(workspace, base, since)
    for op in ops:
        rebase.do(op)
    return tuple(rebase.out), rebase.work


class Rebase:
    """One batch on its way: the client's view of the tree beside the real workspace, and how paths of the one lead to
    the other. While both are the same, operations are taken as they are. ``out`` and ``work`` are the result so far.
    """

    def __init__(self, workspace: Workspace, base: Tree, since: Sequence[Batch]) -> None:
        self.work = workspace
        self.out: list[AnyOperation] = []
        self._since = since
        self._view = base
        self._same = base is workspace.tree or base == workspace.tree
        self._where: dict[str, str | None] = {} if self._same else where_to(base, since)
        self._theirs: dict[str, list[ChangeSet]] = {}
        self._effort = 0

    def do(self, op: AnyOperation) -> None:
        """The next operation. Raises as ``canonicalise`` does."""
        if isinstance(op, Edit):
            self._edit(op)
        elif self._same or isinstance(op, SetAttributes | SetContent):
            self._keep(op)
        elif isinstance(op, Create):
            self._create(op)
        elif isinstance(op, CreateFolder):
            self._create_folder(op)
        elif isinstance(op, Delete):
            self._delete(op)
        else:
            self._rename(op)

    def _keep(self, op: AnyOperation) -> None:
        self.work = self.work.apply(op)
        self.out.append(op)

    # --- text -----------------------------------------------------------------------------------------------------

    def _edit(self, op: Edit) -> None:
        self.work.need(op.file)
        edit = original = changes.parse(op.changes)
        theirs = self._theirs_of(op.file)
        for index, other in enumerate(theirs):
            self._effort += len(edit.sections) + len(other.sections)
            if self._effort > MAX_WORK:
                raise Stale("Too much has changed since this edit was made.")
            # The rest of the batch was made after this edit, so what it is mapped over must come after it too.
            theirs[index] = changes.map_over(other, edit, before=True)
            edit = changes.map_over(edit, other)
        self.work = self.work.edit(op.file, edit)
        self.out.append(op if edit is original else Edit(file=op.file, changes=edit.to_json()))

    def _theirs_of(self, file: str) -> list[ChangeSet]:
        if file not in self._theirs:
            self._theirs[file] = [edit for batch in self._since for edit in batch.edits.get(file, ())]
        return self._theirs[file]

    # --- the tree, where the client's is an older one ---------------------------------------------------------------

    def _create(self, op: Create) -> None:
        view = self._view.create(op.path, op.file)
        path = self._target(op.path)
        self._keep(msgspec.structs.replace(op, path=path))
        self._see(view, op.path, path)

    def _create_folder(self, op: CreateFolder) -> None:
        view = self._view.create_folder(op.path)
        if view is self._view and self._where.get(op.path) is not None:
            return
        path = self._target(op.path, is_folder=True)
        if path not in self.work.folders:
            self._keep(CreateFolder(path=path))
        self._see(view, op.path, path)

    def _delete(self, op: Delete) -> None:
        view = self._view.delete(op.path)
        path = self._where[op.path]
        seen = {self._where.pop(inner) for inner in self._view.within(op.path)}
        self._view = view
        if path is None:
            return
        for doomed in self._doomed(path, seen):
            self._keep(Delete(path=doomed))

    def _doomed(self, path: str, seen: set[str | None]) -> list[str]:
        """What to delete so that all that the client saw below the path goes, and nothing that it did not see."""
        tree = self.work.tree
        inside = tree.within(path)
        unseen = [other for other in inside if other in tree.ids and other not in seen]
        if not unseen:
            return [path]
        keep = {*unseen, *(folder for other in unseen for folder in ancestors(other))}
        doomed = [other for other in inside if other not in keep]
        folders = {other for other in doomed if other in tree.folders}
        return [other for other in doomed if not folders.intersection(ancestors(other))]

    def _rename(self, op: Rename) -> None:
        view = self._view.rename(op.path, op.to)
        path = self._where[op.path]
        if path is None:
            raise Conflict(f"“{op.path}” was deleted meanwhile.", code="file-deleted")
        target = self._target(op.to, itself=path)
        if is_within(target, path) and target != path:
            raise Conflict(f"“{op.path}” cannot be moved into itself.", code="into-itself")
        if target != path:
            self._keep(Rename(path=path, to=target))
        # What others had moved out of the folder stays where they put it; what they had moved in goes along.
        self._where = {
            moved(seen, op.path, op.to): None if now is None else moved(now, path, target)
            for seen, now in self._where.items()
        }
        self._see(view, op.to, target)

    def _target(self, path: str, itself: str | None = None, is_folder: bool = False) -> str:
        """Where a new path of the client's view goes: below its folder's present place, beside what took its name."""
        tree = self.work.tree
        start, rest = "", path
        for folder in reversed(ancestors(path)):
            now = self._where.get(folder)
            if folder in self._view.folders and now is not None:
                start, rest = now, path[len(folder) + 1 :]
                break
        names = rest.split("/")
        for index, name in enumerate(names):
            start = f"{start}/{name}" if start else name
            if start in tree.folders and (is_folder or index < len(names) - 1) and start != itself:
                continue
            start = free_name(start, lambda candidate: tree.is_taken(candidate, itself))
        return start

    def _see(self, view: Tree, path: str, now: str) -> None:
        """Takes the client's next view, in which the path and perhaps folders above it are new."""
        self._where[path] = now
        for folder, there in zip(reversed(ancestors(path)), reversed(ancestors(now)), strict=False):
            if folder not in self._view.folders or self._where.get(folder) is None:
                self._where[folder] = there
        self._view = view

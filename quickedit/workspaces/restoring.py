"""The operations that make a workspace, or one file of it, what it was or what an archive holds: ordinary ones, for an ordinary
batch. Pure; the API submits what this returns, and whoever sees it may restore the restore.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from quickedit.errors import Conflict, NotFound
from quickedit.wire.messages import AnyOperation, Create, CreateFolder, Delete, Edit, Rename, SetAttributes, SetContent
from quickedit.workspaces import blobs, changes
from quickedit.workspaces.paths import fold, free_name
from quickedit.workspaces.tree import File, Workspace, split_text


def is_text(content: bytes) -> bool:
    """Whether content can be edited as text: UTF-8 without NUL."""
    if b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def difference(old: str, new: str) -> list[Any] | None:
    """The change set from one text to another: what stands between their common beginning and end is replaced."""
    if old == new:
        return None
    start, limit = 0, min(len(old), len(new))
    while start < limit and old[start] == new[start]:
        start += 1
    end = 0
    while end < limit - start and old[-1 - end] == new[-1 - end]:
        end += 1
    before, gone, after = (
        changes.units(part) for part in (old[:start], old[start : len(old) - end], old[len(old) - end :])
    )
    added = new[start : len(new) - end]
    change = [gone, *added.split("\n")] if added else [gone]
    return [*([before] if before else []), change, *([after] if after else [])]


def restore(now: Workspace, then: Workspace, file: str | None = None) -> list[AnyOperation]:
    """What makes one file (its content, not its place) or everything what it was. Raises NotFound where it was not there."""
    work = _Work(now)
    if file is not None:
        old = then.files.get(file)
        if old is None:
            raise NotFound("The file was not there at that revision.", code="unknown-file")
        work.bring_back(old)
        return work.ops
    for gone in [each for each in now.files.values() if each.id not in then.files]:
        work.do(Delete(path=work.workspace.files[gone.id].path))
    aside = work.move_back([each for each in then.files.values() if each.id in now.files])
    for path in sorted(work.workspace.folders - then.folders, key=len, reverse=True):
        if work.workspace.tree.within(path) == [path]:
            work.do(Delete(path=path))
    for path in sorted(then.folders - work.workspace.folders):
        work.do(CreateFolder(path=path))
    for old in aside:
        work.move(old)
    for old in then.files.values():
        work.bring_back(old)
    return work.ops


@dataclass(slots=True)
class Imported:
    """What an archive does to a workspace: operations, the contents they name by digest, and how many files of each kind."""

    ops: list[AnyOperation] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    created: int = 0
    changed: int = 0
    same: int = 0


def bring_in(now: Workspace, files: Mapping[str, bytes]) -> Imported:
    """What gives files by path their new content, and creates those that are not there. Nothing is deleted. Raises Conflict
    for a name that differs from an existing one in case only, and as the operations do."""
    work, found = _Work(now), Imported()
    there = {fold(path): path for path in now.tree.ids}
    for path, content in sorted(files.items()):
        known = there.get(fold(path))
        if known is not None and known != path:
            raise Conflict(f"“{path}” differs from “{known}” in upper and lower case only.", code="path-taken")
        before, count = None if known is None else now.files[now.tree.ids[path]], len(work.ops)
        new = _file(path, content)
        if new.digest:
            found.contents[new.digest] = content
        if before is None:
            work.create(new, path)
            found.created += 1
            continue
        if bool(before.digest) != bool(new.digest):
            work.do(Delete(path=path))
            work.create(new, path)
        else:
            work.rewrite(before, new)
        found.changed += len(work.ops) > count
        found.same += len(work.ops) == count
    found.ops = work.ops
    return found


def _file(path: str, content: bytes) -> File:
    if not is_text(content):
        return File("", path, "", size=len(content), digest=blobs.digest_of(content))
    text, eol, bom = split_text(content.decode())
    return File("", path, text, eol, bom)


class _Work:
    """A workspace while operations are done to it, and these."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.ops: list[AnyOperation] = []

    def do(self, op: AnyOperation) -> None:
        self.workspace = self.workspace.apply(op)
        self.ops.append(op)

    def create(self, like: File, path: str) -> None:
        """A new file, with that one's content."""
        id = secrets.token_hex(10)
        if like.digest:
            self.do(Create(file=id, path=path, digest=like.digest, size=like.size))
        else:
            self.do(Create(file=id, path=path, text=like.text, eol=_eol(like), bom=like.bom))

    def rewrite(self, now: File, like: File) -> None:
        """That one's content for a file of the same kind."""
        if like.digest:
            if like.digest != now.digest:
                self.do(SetContent(file=now.id, digest=like.digest, size=like.size))
            return
        if (now.eol, now.bom) != (like.eol, like.bom):
            self.do(SetAttributes(file=now.id, eol=_eol(like), bom=like.bom))
        edit = difference(now.text, like.text)
        if edit is not None:
            self.do(Edit(file=now.id, changes=edit))

    def bring_back(self, old: File) -> None:
        now = self.workspace.files.get(old.id)
        if now is not None:
            self.rewrite(now, old)
        else:
            self.create(old, free_name(old.path, self.workspace.tree.is_taken))

    def move_back(self, files: list[File]) -> list[File]:
        """Gives files their old paths. What stands in the way of another (two may have each other's names, or a file is where a
        folder was) steps aside to the top, and is returned: once needless folders are gone, ``move`` takes it home."""
        waiting = [file for file in files if self.workspace.files[file.id].path != file.path]
        while later := [file for file in waiting if not self.move(file)]:
            if len(later) == len(waiting):
                break
            waiting = later
        for file in later:
            path = free_name(f"restoring-{file.id}"[:200], self.workspace.tree.is_taken)
            self.do(Rename(path=self.workspace.files[file.id].path, to=path))
        return later

    def move(self, file: File) -> bool:
        """To its old path; False where something is there."""
        path = self.workspace.files[file.id].path
        if path == file.path:
            return True
        try:
            self.do(Rename(path=path, to=file.path))
        except Conflict:
            return False
        return True


def _eol(file: File) -> Literal["lf", "crlf"]:
    return "crlf" if file.eol == "crlf" else "lf"

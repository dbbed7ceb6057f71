"""A workspace as it is at one revision: every file with its text, and the folders. Pure.

A workspace is a value too: ``apply`` gives the next one and leaves this one as it is, so that a batch is atomic and a
room rolls back by forgetting. Called by ``canonical``, ``store`` and the rooms, with operations in their canonical
form: nothing here knows of clients or of concurrency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from preview.bundle import MAX_MODULE, MAX_WORKER
from quickedit.errors import BadInput, Conflict, NotFound, TooLarge
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
from quickedit.workspaces.changes import ChangeSet
from quickedit.workspaces.paths import Tree

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class File:
    """A module: ``text`` has line feeds only, ``units`` is its length in UTF-16 units, ``size`` that of ``content``. A
    binary file has a ``digest``, the name of its content, and no text."""

    id: str
    path: str
    text: str
    eol: str = "lf"
    bom: bool = False
    units: int = 0
    size: int = 0
    digest: str = ""

    @property
    def content(self) -> bytes:
        """The bytes of a text file: with its line ends and byte order mark."""
        text = self.text.replace("\n", "\r\n") if self.eol == "crlf" else self.text
        return (_BOM + text if self.bom else text).encode()


def make_file(id: str, path: str, text: str, eol: str, bom: bool, units: int | None = None) -> File:
    """A file with its sizes. Raises TooLarge over MAX_MODULE bytes, BadInput for lone surrogates."""
    units = changes.units(text) if units is None else units
    size = len(text) if text.isascii() else len(text.encode())
    size += text.count("\n") * (eol == "crlf") + 3 * bom
    _check_size(path, size)
    return File(id, path, text, eol, bom, units, size)


def make_binary(id: str, path: str, digest: str, size: int) -> File:
    """A file without text. Raises TooLarge over MAX_MODULE bytes."""
    _check_size(path, size)
    return File(id, path, "", size=size, digest=digest)


def _check_size(path: str, size: int) -> None:
    if size > MAX_MODULE:
        hint = "Split it into smaller modules."
        raise TooLarge(f"“{path}” would be {size} bytes long; a module can be at most {MAX_MODULE}.", hint=hint)


def needed(ops: Iterable[AnyOperation]) -> dict[str, int]:
    """The contents that operations name by digest, and the sizes that they say."""
    return {op.digest: op.size for op in ops if isinstance(op, Create | SetContent) and op.digest}


def split_text(content: str) -> tuple[str, str, bool]:
    """The text, its line ends and whether it begins with a byte order mark. Mixed line ends become the first one's."""
    bom = content.startswith(_BOM)
    text = content.removeprefix(_BOM)
    feed = text.find("\n")
    eol = "crlf" if feed > 0 and text[feed - 1] == "\r" else "lf"
    return text.replace("\r\n", "\n").replace("\r", "\n"), eol, bom


def _shown(file: File) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": file.id, "path": file.path, "text": file.text, "eol": file.eol, "bom": file.bom}
    return {**shown, "digest": file.digest, "size": file.size} if file.digest else shown


@dataclass(frozen=True)
class Workspace:
    """``files`` by id. ``gone`` are the ids of deleted files: an id is never used again."""

    files: Mapping[str, File] = field(default_factory=dict)
    tree: Tree = field(default_factory=Tree)
    gone: frozenset[str] = frozenset()
    size: int = 0

    @property
    def folders(self) -> frozenset[str]:
        return self.tree.folders

    @property
    def digests(self) -> set[str]:
        """The names of the contents of all binary files."""
        return {file.digest for file in self.files.values() if file.digest}

    def modules(self, contents: Mapping[str, bytes]) -> dict[str, bytes]:
        """What runs: the bytes of every file by path. ``contents`` are those of the binary files, by digest."""
        return {file.path: contents[file.digest] if file.digest else file.content for file in self.files.values()}

    def snapshot(self, revision: int) -> dict[str, Any]:
        """What a client starts from, as JSON-able data."""
        files = [_shown(file) for file in self.files.values()]
        return {"revision": revision, "files": files, "folders": sorted(self.folders)}

    def need(self, file: str) -> File:
        """The file with that id. Raises Conflict where it was deleted, and NotFound where it never was."""
        found = self.files.get(file)
        if found is not None:
            return found
        if file in self.gone:
            raise Conflict("The file was deleted meanwhile.", code="file-deleted")
        raise NotFound(f"There is no file with the id “{file}”.", code="unknown-file")

    def apply(self, op: AnyOperation) -> Workspace:
        """The workspace after one operation. Raises BadInput, NotFound, Conflict or TooLarge."""
        match op:
            case Edit():
                return self.edit(op.file, changes.parse(op.changes))
            case Create():
                return self._create(op)
            case CreateFolder():
                return replace(self, tree=self.tree.create_folder(op.path))
            case Delete():
                return self._delete(op.path)
            case Rename():
                return self._rename(op)
            case SetAttributes():
                old = self._need_text(op.file)
                return self._with(make_file(old.id, old.path, old.text, op.eol, op.bom, old.units))
            case SetContent():
                return self._set_content(op)

    def edit(self, file: str, edit: ChangeSet) -> Workspace:
        """The workspace with one file's text changed."""
        old = self._need_text(file)
        text = changes.apply(old.text, edit, old.units)
        return self._with(make_file(old.id, old.path, text, old.eol, old.bom, edit.new_length))

    def _create(self, op: Create) -> Workspace:
        if op.file in self.files or op.file in self.gone:
            raise Conflict(f"The id “{op.file}” is used already.", code="id-taken")
        if "\r" in op.text:
            raise BadInput("A text holds a carriage return; line ends are an attribute of the file.", code="line-ends")
        if op.digest:
            file = make_binary(op.file, op.path, op.digest, op.size)
        else:
            file = make_file(op.file, op.path, op.text, op.eol, op.bom)
        return replace(self, tree=self.tree.create(op.path, op.file))._with(file)

    def _need_text(self, file: str) -> File:
        found = self.need(file)
        if found.digest:
            raise BadInput(f"“{found.path}” is a binary file; it has no text.", code="binary-file")
        return found

    def _set_content(self, op: SetContent) -> Workspace:
        old = self.need(op.file)
        if not old.digest:
            raise BadInput(f"“{old.path}” is a text file.", code="text-file", hint="Edit its text.")
        return self._with(make_binary(old.id, old.path, op.digest, op.size))

    def _delete(self, path: str) -> Workspace:
        tree = self.tree.delete(path)
        left = set(tree.ids.values())
        files = {id: file for id, file in self.files.items() if id in left}
        gone = self.gone.union(id for id in self.files if id not in left)
        return Workspace(files, tree, gone, sum(file.size for file in files.values()))

    def _rename(self, op: Rename) -> Workspace:
        tree = self.tree.rename(op.path, op.to)
        paths = {id: path for path, id in tree.ids.items()}
        files = {
            id: file if paths[id] == file.path else replace(file, path=paths[id]) for id, file in self.files.items()
        }
        return Workspace(files, tree, self.gone, self.size)

    def _with(self, file: File) -> Workspace:
        old = self.files.get(file.id)
        size = self.size + file.size - (old.size if old else 0)
        if size > MAX_WORKER and (old is None or file.size > old.size):
            hint = "Delete what is not needed."
            raise TooLarge(f"The modules would be {size} bytes together; a worker can hold {MAX_WORKER}.", hint=hint)
        return Workspace({**self.files, file.id: file}, self.tree, self.gone, size)

"""Which path belongs to which file, and which folders exist: the tree of a workspace without its texts.

A tree is a value: operations give a new one, so that the room can keep the tree of every recent revision, and an
operation that is refused has changed nothing. What a path may look like is said in ``preview.bundle``; here two names
that differ only in case or in Unicode composition are the same, as on the disks that an export may meet. Used by
``tree`` and ``canonical``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from preview.bundle import MAX_MODULES, BadModulePath
from preview.bundle import check_path as _check_path
from quickedit.errors import BadPath, Conflict, NotFound, TooLarge

MAX_FOLDERS = MAX_MODULES


def check_path(path: str) -> str:
    """The path itself where a module may have it. Raises BadPath."""
    try:
        return _check_path(path)
    except BadModulePath as error:
        raise BadPath(str(error)) from None


def is_within(path: str, folder: str) -> bool:
    """Whether the path is that folder itself or lies below it."""
    return path == folder or path.startswith(f"{folder}/")


def moved(path: str, old: str, new: str) -> str:
    """Where the path is once ``old`` has become ``new``."""
    return new + path[len(old) :] if is_within(path, old) else path


def ancestors(path: str) -> list[str]:
    """All folders above a path, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def fold(path: str) -> str:
    """What two paths have in common that cannot both exist."""
    return path if path.isascii() and path.islower() else unicodedata.normalize("NFC", path).casefold()


def free_name(path: str, is_taken: Callable[[str], bool]) -> str:
    """The path itself, or the first of ``stem-2.py``, ``stem-3.py``, … that is not taken."""
    folder, slash, name = path.rpartition("/")
    dot = name.rfind(".")
    stem, extension = (name[:dot], name[dot:]) if dot > 0 else (name, "")
    candidate, count = path, 1
    while is_taken(candidate):
        count += 1
        candidate = f"{folder}{slash}{stem}-{count}{extension}"
    return candidate


@dataclass(frozen=True)
class Tree:
    """``ids`` gives the file of each path, ``folders`` all folders; every folder above either exists too."""

    ids: Mapping[str, str] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {fold(path): path for path in (*self.ids, *self.folders)}

    def has(self, path: str) -> bool:
        return path in self.ids or path in self.folders

    def is_taken(self, path: str, itself: str | None = None) -> bool:
        """Whether the path, or one that counts as the same, exists. ``itself`` does not count: it is about to move."""
        found = self._folded.get(fold(path))
        return found is not None and found != itself

    def within(self, path: str) -> list[str]:
        """The paths of files and folders that the path is or holds."""
        return [path_ for path_ in (*self.ids, *self.folders) if is_within(path_, path)]

    # --- operations: each raises BadPath, NotFound, Conflict or TooLarge --------------------------------------------

    def create(self, path: str, file: str) -> Tree:
        """With a new file, and its folders where they are missing."""
        check_path(path)
        self._need_free(path)
        if len(self.ids) >= MAX_MODULES:
            raise TooLarge(f"A worker can hold {MAX_MODULES} modules.", hint="Delete some first.")
        return Tree({**self.ids, path: file}, self._with_folders(ancestors(path)))

    def create_folder(self, path: str) -> Tree:
        """With that folder. One that exists already is no mistake."""
        if path in self.folders:
            return self
        check_path(path)
        self._need_free(path)
        return Tree(self.ids, self._with_folders([*ancestors(path), path]))

    def delete(self, path: str) -> Tree:
        """Without the file, or the folder and all that it holds."""
        self._need(path)
        ids = {other: file for other, file in self.ids.items() if not is_within(other, path)}
        return Tree(ids, frozenset(folder for folder in self.folders if not is_within(folder, path)))

    def rename(self, path: str, to: str) -> Tree:
        """With the file or folder, and all that it holds, under another path."""
        self._need(path)
        check_path(to)
        if path == to:
            return self
        if is_within(to, path):
            raise Conflict(f"“{path}” cannot be moved into itself.", code="into-itself")
        self._need_free(to, itself=path)
        ids = {moved(other, path, to): file for other, file in self.ids.items()}
        for other in ids:
            if is_within(other, to):
                check_path(other)
        rest = Tree(ids, frozenset(moved(folder, path, to) for folder in self.folders))
        return Tree(ids, rest._with_folders(ancestors(to)))

    def _need(self, path: str) -> None:
        if not self.has(path):
            raise NotFound(f"There is no “{path}”.", code="no-such-path")

    def _need_free(self, path: str, itself: str | None = None) -> None:
        if self.is_taken(path, itself):
            other = self._folded[fold(path)]
            how = "already exists" if other == path else f"differs from “{other}” in upper and lower case only"
            raise Conflict(f"“{path}” {how}.", code="path-taken", hint="Choose another name.")

    def _with_folders(self, folders: Iterable[str]) -> frozenset[str]:
        missing = [folder for folder in folders if folder not in self.folders]
        for folder in missing:
            if folder in self.ids:
                raise Conflict(f"“{folder}” is a file, so it cannot hold others.", code="path-taken")
            self._need_free(folder)
        if len(self.folders) + len(missing) > MAX_FOLDERS:
            raise TooLarge(f"A worker can hold {MAX_FOLDERS} folders.", hint="Delete some first.")
        return self.folders.union(missing)

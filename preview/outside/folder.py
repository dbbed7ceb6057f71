"""A directory on disk as a bundle: what ``dev`` serves, read whole and watched by asking again.

Only regular files within the limits of ``preview.bundle`` count; hidden ones, caches, environments and links do not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from preview.bundle import MAX_FILE, MAX_MODULE, MAX_MODULES, BadModulePath, check_path

_SKIPPED = frozenset(["__pycache__", "node_modules", "venv", "env", "dist", "build"])
_MAX_ENTRIES = 20_000
"""Entries looked at: whoever names a whole home directory is told so, instead of waiting."""

Signature = dict[str, tuple[int, int, int]]


class TooMuch(Exception):
    """The directory holds more than a worker may. The message says what to do."""


class Folder:
    """A directory and what was skipped in it, with the reason."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: dict[str, str] = {}

    def signature(self) -> Signature:
        """Changes whenever a module does. Raises TooMuch."""
        found: Signature = {}
        self.skipped = {}
        for path, entry in self._walk():
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if reason := _refusal(path, status.st_size):
                self.skipped[path] = reason
                continue
            found[path] = status.st_mtime_ns, status.st_size, status.st_ino
            if len(found) > MAX_MODULES:
                raise TooMuch(f"{self.root} holds more than {MAX_MODULES} files: name the folder of one worker.")
        return found

    def read(self, signature: Signature) -> dict[str, bytes]:
        """The modules of a signature; those that vanished meanwhile are left out, and the next signature differs."""
        modules = {}
        for path in signature:
            try:
                with open(self.root / path, "rb", opener=_no_links) as file:
                    content = file.read(MAX_FILE + 1)
            except OSError:
                continue
            if len(content) <= _most(path):
                modules[path] = content
        return modules

    def _walk(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        waiting = [""]
        seen = 0
        while waiting:
            folder = waiting.pop()
            try:
                entries = list(os.scandir(self.root / folder))
            except OSError:
                continue
            for entry in entries:
                seen += 1
                if seen > _MAX_ENTRIES:
                    raise TooMuch(f"{self.root} holds over {_MAX_ENTRIES} entries: name the folder of one worker.")
                if entry.name.startswith(".") or entry.name in _SKIPPED or entry.is_symlink():
                    continue
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path, entry


def _refusal(path: str, size: int) -> str:
    try:
        check_path(path)
    except BadModulePath as error:
        return str(error)
    return f"It is over {_most(path) // 1024} KiB long." if size > _most(path) else ""


def _most(path: str) -> int:
    return MAX_MODULE if path.endswith(".py") else MAX_FILE


def _no_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)

"""A worker's data files where it has no file system of its own (tier B): read from memory, through what Python opens with.

Runs beside untrusted code, in its place: this is a convenience, not a wall. `open`, `pathlib`, `os.stat`, `os.listdir`
and what is built on them find the bundle's files under /worker, as in tier A, where they lie on a private memory
filesystem; nothing can be written. Paths that are not under /worker go to the kernel, which denies them.
"""

from __future__ import annotations

import builtins
import io
import os
import stat
from collections.abc import Callable, Mapping, Set
from typing import Any

_BASE = "/worker"
_patched: list[tuple[Any, str, Any]] = []


def install(files: Mapping[str, bytes], folders: Set[str]) -> None:
    """``files`` and ``folders`` by absolute path; Python modules are left out, as in tier A."""
    shown = _Files({path: content for path, content in files.items() if not path.endswith(".py")}, folders)
    _patch(builtins, "open", shown.open)
    _patch(io, "open", shown.open)
    for name, call in (("stat", shown.stat), ("lstat", shown.stat), ("listdir", shown.listdir)):
        _patch(os, name, call)


def uninstall() -> None:
    while _patched:
        owner, name, original = _patched.pop()
        setattr(owner, name, original)


def _patch(owner: Any, name: str, make: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    _patched.append((owner, name, original))

    def call(*arguments: Any, **named: Any) -> Any:
        return make(original, *arguments, **named)

    call.__name__ = call.__qualname__ = name
    setattr(owner, name, call)


class _Files:
    def __init__(self, files: Mapping[str, bytes], folders: Set[str]) -> None:
        self._files = files
        self._folders = folders

    def open(self, original: Callable[..., Any], file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        path = _ours(file)
        if path is None:
            return original(file, mode, *rest, **named)
        if set(mode) & set("wax+"):
            raise PermissionError(13, "A worker cannot write files here", path)
        raw = io.BytesIO(self._content(path))
        if "b" in mode:
            return raw
        names = ("buffering", "encoding", "errors", "newline")
        options = {**dict(zip(names, rest, strict=False)), **named}
        return io.TextIOWrapper(raw, options.get("encoding") or "utf-8", options.get("errors"), options.get("newline"))

    def stat(self, original: Callable[..., Any], path: Any, **named: Any) -> Any:
        found = _ours(path)
        if found is None or named.get("dir_fd") is not None:
            return original(path, **named)
        if found in self._folders:
            mode, size = stat.S_IFDIR | 0o555, 0
        else:
            mode, size = stat.S_IFREG | 0o444, len(self._content(found))
        return os.stat_result((mode, hash(found) & 0xFFFFFFFF, 0, 1, os.getuid(), os.getgid(), size, 0, 0, 0))

    def listdir(self, original: Callable[..., Any], path: Any = None) -> list[str]:
        found = _ours("." if path is None else path)
        if found is None:
            return list(original(path))
        if found not in self._folders:
            self._content(found)
            raise NotADirectoryError(20, "Not a directory", found)
        start = len(found) + 1
        inside = [name for name in (*self._files, *self._folders) if name.startswith(found + "/")]
        return sorted({name[start:].partition("/")[0] for name in inside})

    def _content(self, path: str) -> bytes:
        if path in self._folders:
            raise IsADirectoryError(21, "Is a directory", path)
        if path not in self._files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self._files[path]


def _ours(path: Any) -> str | None:
    """The absolute path where it is under /worker, which also is where relative ones begin."""
    if isinstance(path, int):
        return None
    name = os.fspath(path)
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    name = os.path.normpath(os.path.join(_BASE, name))
    return name if name == _BASE or name.startswith(_BASE + "/") else None

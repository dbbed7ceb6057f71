"""What could be imported: the public names of the standard library, of the platform's package and of the worker's own modules.
Used by ``analysis`` for completions that bring their import with them. Names are read from text by their shape; nothing is
imported or run.
"""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_OFFERS = 24
"""Offers in one list; typing on narrows it."""
MIN_PREFIX = 3
"""Characters to type before names from elsewhere are offered: with fewer they would only be in the way."""
_MAX_FILE = 1024 * 1024
_DEFINITION = re.compile(r"(?:async )?def ([A-Za-z]\w*)|class ([A-Za-z]\w*)|([A-Za-z]\w*)\s*(?::[^=]+)?(?:=[^=]|$)")
_CONDITION = re.compile(r"(if|elif|else|try|except)\b")
_USUAL = [
    "asyncio",
    "base64",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "html",
    "html.parser",
    "io",
    "itertools",
    "json",
    "logging",
    "math",
    "operator",
    "os",
    "pathlib",
    "random",
    "re",
    "secrets",
    "statistics",
    "string",
    "textwrap",
    "time",
    "types",
    "typing",
    "unittest",
    "urllib.parse",
    "uuid",
    "zoneinfo",
    "collections.abc",
    "copy",
    "csv",
    "fractions",
    "heapq",
    "bisect",
    "inspect",
    "abc",
    "traceback",
    "sqlite3",
    "http",
    "email.message",
]
_NEVER = re.compile(r"(^|\.)(_|test|idlelib|lib2to3|distutils|tkinter|turtle|pydoc_data|antigravity|this$)")
_NO_NAMES = frozenset(keyword.kwlist)


@dataclass(frozen=True, slots=True)
class Offer:
    """One name and where it comes from. ``name`` is "" where the module itself is offered."""

    module: str
    name: str
    kind: int
    rank: int
    """0 the worker's own, 1 the platform's, 2 usual modules of the standard library, 3 the others."""

    @property
    def label(self) -> str:
        return self.name or self.module

    @property
    def statement(self) -> str:
        if self.name:
            return f"from {self.module} import {self.name}"
        package, _, last = self.module.rpartition(".")
        return f"from {package} import {last}" if package else f"import {last}"


class Index:
    """All offers of one process; the worker's own come from its mirror, file by file as they change."""

    def __init__(self, stubs: Path, platform: Path) -> None:
        self._fixed = [*_platform(platform), *_library(stubs)]
        self._files: dict[str, tuple[int, list[Offer]]] = {}

    def offers(self, prefix: str, source: Path, here: str) -> list[Offer]:
        """The best for ``prefix``; ``source`` is the import root of the worker, ``here`` the path of the module being edited."""
        if len(prefix) < MIN_PREFIX:
            return []
        folded = prefix.casefold()
        found = [
            offer
            for offer in [*self._own(source, here), *self._fixed]
            if offer.label.rpartition(".")[2].casefold().startswith(folded)
        ]
        found.sort(key=lambda offer: (not offer.label.startswith(prefix), offer.rank, len(offer.label), offer.label))
        best: dict[tuple[str, str], Offer] = {}
        for offer in found:
            best.setdefault((offer.label, offer.module if offer.rank == 0 else ""), offer)
        return list(best.values())[:MAX_OFFERS]

    def _own(self, source: Path, here: str) -> Iterator[Offer]:
        for path in _python_files(source):
            if path == here:
                continue
            try:
                stamp = os.stat(path).st_mtime_ns
                known = self._files.get(path)
                if known is None or known[0] != stamp:
                    module = _module_name(os.path.relpath(path, source))
                    known = stamp, list(_names(Path(path), module, 0)) if module else []
                    self._files[path] = known
                    if len(self._files) > 4096:
                        self._files.clear()
            except OSError:
                continue
            yield from known[1]


def import_line(text: str) -> int:
    """The line, from 0, at which an import statement goes: after the last of the first block of imports, else after the module's
    docstring and comments."""
    lines = text.split("\n")
    line, last, quoted = 0, -1, ""
    while line < len(lines):
        stripped = lines[line].strip()
        if quoted:
            if quoted in stripped:
                quoted = ""
        elif stripped[:3] in ('"""', "'''"):
            if stripped.count(stripped[:3]) < 2:
                quoted = stripped[:3]
        elif re.match(r"(from|import)\s", lines[line]):
            while stripped.count("(") > stripped.count(")") and line + 1 < len(lines):
                line += 1
                stripped += lines[line]
            last = line + 1
        elif stripped and not stripped.startswith(("#", '"', "'")):
            break
        if last < 0 and quoted == "" and not stripped:
            pass
        line += 1
    if last >= 0:
        return last
    first = next((n for n, content in enumerate(lines) if content.strip() and not content.lstrip().startswith("#")), 0)
    return line if lines[first].strip()[:3] in ('"""', "'''") and line > first else first


def _library(stubs: Path) -> Iterator[Offer]:
    for path in _python_files(stubs):
        module = _module_name(os.path.relpath(path, stubs))
        if module and not _NEVER.search(module):
            rank = 2 if module in _USUAL else 3
            yield Offer(module, "", 9, rank)
            yield from _names(Path(path), module, rank)


def _platform(platform: Path) -> Iterator[Offer]:
    """What the package ``workers`` exports, by its own list."""
    for suffix in (".pyi", ".py"):
        path = platform / "workers" / f"__init__{suffix}"
        if path.exists():
            text = path.read_text(encoding="utf-8")
            listed = text.partition("__all__ = [")[2].partition("]")[0]
            for name in re.findall(r"\"(\w+)\"", listed):
                yield Offer("workers", name, 7 if name[0].isupper() else 3, 1)
            return


def _names(path: Path, module: str, rank: int) -> Iterator[Offer]:
    text = path.read_text(encoding="utf-8", errors="replace")[:_MAX_FILE]
    seen = set()
    conditional = False
    for line in text.split("\n"):
        if not line.startswith((" ", "#", "@", ")")) and line:
            conditional = _CONDITION.match(line) is not None
        elif not (conditional and line.startswith("    ") and line[4:5].strip()):
            continue
        match = _DEFINITION.match(line, len(line) - len(line.lstrip()))
        name = match and (match[1] or match[2] or match[3])
        if match and name and name not in seen and name not in _NO_NAMES:
            seen.add(name)
            yield Offer(module, name, 3 if match[1] else 7 if match[2] else 21 if name.isupper() else 6, rank)


def _python_files(folder: Path) -> Iterator[str]:
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name.isidentifier()]
        for name in files:
            if name.endswith((".py", ".pyi")):
                yield os.path.join(base, name)


def _module_name(relative: str) -> str:
    """``a/b.py`` is a.b, ``a/__init__.py`` is a; "" for what cannot be imported by name."""
    parts = relative.rsplit(".", 1)[0].split(os.sep)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else ""

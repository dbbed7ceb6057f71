"""A worker's modules, imported from memory: nothing of them lies on a disk, and yet they behave as files do.

Runs beside untrusted code. The child makes one Bundle, checks that it parses, installs it, and imports the main
module. `__file__` is a path under /worker; inspect, linecache, pkgutil and importlib.resources work. Files that are
not Python are also written to /worker, a private memory filesystem, so that `open` and `pathlib` read them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.machinery
import importlib.readers
import importlib.util
import linecache
import marshal
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any, cast

from preview.protocol import MAX_CODES

BASE = "/worker"
_OURS = ("workers", "js", "pyodide")


@dataclass(frozen=True)
class Unparsed:
    """Why a module does not parse; line and column count from 1, 0 where Python does not say."""

    path: str
    line: int
    column: int
    message: str
    text: str


class Bundle:
    """All files of a worker by absolute path. ``root`` is the import root, "" or a folder such as "src"; ``codes`` holds
    compiled modules by relative path, made by a child of the same tenant (see preview.outside.codes)."""

    def __init__(self, modules: Mapping[str, bytes], root: str, codes: Mapping[str, bytes] | None = None) -> None:
        self.files = {f"{BASE}/{path}": content for path, content in modules.items()}
        self.root = f"{BASE}/{root}".rstrip("/")
        self.folders = {BASE, self.root}
        for path in self.files:
            folder = path.rpartition("/")[0]
            while folder not in self.folders:
                self.folders.add(folder)
                folder = folder.rpartition("/")[0]
        self._at_root = _Finder(self, self.root)
        self._plain: set[str] = set()
        self._given = {f"{BASE}/{path}": code for path, code in (codes or {}).items()}
        self._codes: dict[str, CodeType] = {}
        self._compiled: list[str] = []

    def compiled(self) -> dict[str, bytes]:
        """By relative path, the code of all modules that were not given compiled; of those that parse."""
        for path in self.files:
            if path.endswith(".py") and path not in self._codes and path not in self._given:
                with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
                    self.code(path)  # one that nobody changed, and that nobody may import: it may be as it is
        made: dict[str, bytes] = {}
        size = 0
        for path in self._compiled:
            code = marshal.dumps(self._codes[path])
            size += len(code)
            if size <= MAX_CODES // 2:
                made[_relative(path)] = code
        return made

    def code(self, path: str) -> CodeType:
        """The compiled module, kept from the parse check. Raises what compile raises."""
        if (code := self._codes.get(path)) is not None:
            return code
        if (given := self._given.pop(path, None)) is not None:
            code = marshal.loads(given)
        else:
            code = compile(self.files[path], path, "exec", dont_inherit=True)
            self._compiled.append(path)
        self._codes[path] = code
        return code

    def source(self, path: str) -> str:
        return importlib.util.decode_source(self.files[path])

    def below(self, folder: str) -> dict[str, bytes]:
        """The files of a folder of the bundle, by their paths below it."""
        start = f"{BASE}/{folder}/" if folder else f"{BASE}/"
        return {path[len(start) :]: content for path, content in self.files.items() if path.startswith(start)}

    def unparsed(self, changed: Iterable[str] | None) -> Unparsed | None:
        """The first module that does not parse, among the changed ones first; all of them where ``changed`` is None."""
        paths = self.files if changed is None else [f"{BASE}/{path}" for path in changed]
        for path in sorted(paths):
            if not path.endswith(".py") or path not in self.files or path in self._given:
                continue
            try:
                self.code(path)
            except SyntaxError as error:
                return _from_syntax_error(path, error)
            except (ValueError, RecursionError, MemoryError, OverflowError) as error:
                # A NUL byte, or more nesting than the compiler takes.
                message = str(error) or "this module is nested too deeply for Python's compiler"
                return Unparsed(_relative(path), 0, 0, message, "")
        return None

    def install(self) -> None:
        """Makes the worker's modules importable, before everything else of the same name."""
        sys.path_hooks.insert(0, self._finder)
        sys.path.insert(0, self.root)
        names = self._top_level_names()
        for name in names:
            self._forget_preloaded(name)
        self._plain = names - sys.stdlib_module_names
        sys.meta_path.insert(0, self)
        for path in self.files:
            if path.endswith(".py"):
                linecache.cache[path] = (functools.partial(self.source, path),)

    def uninstall(self) -> None:
        """Takes back what install did and what was imported since. Only for modules that nothing else keeps."""
        sys.meta_path.remove(self)
        sys.path_hooks.remove(self._finder)
        sys.path.remove(self.root)
        for folder in self.folders:
            sys.path_importer_cache.pop(folder, None)
        for path in self.files:
            # By name: looking at every module would touch, and so copy, a page for each.
            sys.modules.pop(path[len(self.root) + 1 :].removesuffix(".py").replace("/", "."), None)
            linecache.cache.pop(path, None)

    def write_data_files(self) -> None:
        """Puts what is not Python on the private filesystem, not to be written to. Raises OSError."""
        made = {BASE}
        for path, content in self.files.items():
            if path.endswith(".py"):
                continue
            folder = path.rpartition("/")[0]
            if folder not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(fd, rest) :]
            finally:
                os.close(fd)

    def _top_level_names(self) -> set[str]:
        start = len(self.root) + 1
        names = {path[start:].partition("/")[0] for path in self.files if path.startswith(self.root + "/")}
        return {name.removesuffix(".py") for name in names if name.endswith(".py") or "." not in name}

    @staticmethod
    def _forget_preloaded(name: str) -> None:
        """A worker's html.py is what `import html` means to it, although the zygote imported the library's."""
        if name not in sys.modules or name in sys.builtin_module_names or name in _OURS:
            return
        for loaded in [loaded for loaded in sys.modules if loaded == name or loaded.startswith(name + ".")]:
            del sys.modules[loaded]

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As a finder of sys.meta_path: a module at the root, without the round of all finders. None where the answer could be
        another one, so that the usual way, by sys.path, gives it."""
        if path is not None or name not in self._plain or sys.path[:1] != [self.root]:
            return None
        spec = self._at_root.find_spec(name)
        return spec if spec is not None and spec.loader is not None else None

    def _finder(self, folder: str) -> _Finder:
        if folder not in self.folders:
            raise ImportError("not a folder of the worker", path=folder)
        return _Finder(self, folder)


class _Finder(importlib.abc.PathEntryFinder):
    """Finds modules in one folder of the bundle; a folder without __init__.py is a namespace package, as on a disk."""

    def __init__(self, bundle: Bundle, folder: str) -> None:
        self._bundle = bundle
        self._folder = folder

    def find_spec(self, name: str, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        base = f"{self._folder}/{name.rpartition('.')[2]}"
        for path, package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if path in self._bundle.files:
                loader = _Loader(self._bundle, name, path)
                spec = importlib.machinery.ModuleSpec(name, loader, origin=path, is_package=package)
                spec.has_location = True
                spec.cached = f"{path}c"  # nothing is there; importlib would think long about where it could be
                if package:
                    spec.submodule_search_locations = [base]
                return spec
        if base not in self._bundle.folders:
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [base]
        return spec

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """For pkgutil: (name, whether it is a package) of what can be imported from this folder."""
        found: dict[str, bool] = {}
        start = len(self._folder) + 1
        for path in self._bundle.files:
            if not path.startswith(self._folder + "/") or not path.endswith(".py"):
                continue
            first, _, rest = path[start:].partition("/")
            if rest == "__init__.py":
                found[first] = True
            elif not rest and first != "__init__.py":
                found.setdefault(first.removesuffix(".py"), False)
        for name in sorted(found):
            yield prefix + name, found[name]


class _Loader(importlib.abc.InspectLoader):
    """One module. Its base class runs the code, in a way that keeps the import system out of tracebacks."""

    def __init__(self, bundle: Bundle, name: str, path: str) -> None:
        self._bundle = bundle
        self.name = name
        self.path = path

    def get_code(self, fullname: str) -> CodeType:
        return self._bundle.code(self.path)

    def get_source(self, fullname: str) -> str:
        return self._bundle.source(self.path)

    def get_filename(self, fullname: str) -> str:
        return self.path

    def is_package(self, fullname: str) -> bool:
        return self.path.endswith("/__init__.py")

    def get_data(self, path: str) -> bytes:
        """Any file of the bundle. Raises FileNotFoundError."""
        try:
            return self._bundle.files[os.path.normpath(path)]
        except KeyError:
            raise FileNotFoundError(2, "No such file in the worker", path) from None

    def get_resource_reader(self, fullname: str) -> importlib.readers.FileReader | None:
        # All that a reader asks of its loader is `path`.
        return importlib.readers.FileReader(cast(Any, self)) if self.is_package(fullname) else None


def _from_syntax_error(path: str, error: SyntaxError) -> Unparsed:
    return Unparsed(
        path=_relative(path),
        line=error.lineno or 0,
        column=error.offset or 0,
        message=error.msg or "invalid syntax",
        text=(error.text or "").rstrip("\r\n")[:1000],
    )


def _relative(path: str) -> str:
    return path.removeprefix(BASE + "/")

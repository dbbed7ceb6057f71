"""What a bundle is: the one rule for module paths, the limits, the digest, and the reading of a worker's configuration.

Everybody imports this: the workspace's tree (to refuse a path before it exists), deployments, the runner. It is pure
and uses the standard library alone; it never touches a file system, and it never executes or imports what it reads.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from preview import declared
from preview import migrations as migrations
from preview.configfile import MAX_CONFIG as MAX_CONFIG
from preview.configfile import ConfigError as ConfigError
from preview.configfile import ConfigFile
from preview.declared import Binding as Binding
from preview.declared import Declared as Declared

# Packing is part of what a bundle is: `quickedit` takes it from here.
from preview.protocol import ProtocolError as ProtocolError
from preview.protocol import pack_modules as pack_modules
from preview.protocol import unpack_modules as unpack_modules

MAX_MODULE = 1024 * 1024
"""Bytes of one module."""
MAX_FILE = 4 * 1024 * 1024
"""Bytes of one file that is not Python, such as an image among the static assets."""
MAX_WORKER = 10 * 1024 * 1024
"""Bytes of all modules of a worker together."""
MAX_MODULES = 512
MAX_PATH = 1024
"""Bytes (UTF-8) of a whole path."""
MAX_SEGMENT = 255
"""Bytes (UTF-8) of a name between two slashes: what every file system can hold on export."""

PACKAGES = Path(__file__).resolve().parents[1] / ".venv-worker"
"""The folder of packages that workers may import, where set-up has made it of requirements/worker.txt."""

CONFIG_FILES = ("quickedit.json", "wrangler.jsonc", "wrangler.json", "wrangler.toml")
DEFAULT_MAINS = ("main.py", "worker.py", "src/entry.py")

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))]
)
# Marks that make a name look like another one in an explorer, or that end a line in one reader and not in the next.
_DECEPTIVE = re.compile("[\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


class BadModulePath(ValueError):
    """A path that no module may have. The message is a sentence for the person who typed it."""


class BundleTooLarge(ValueError):
    """More or larger modules than a worker may hold. The message names the limit and what is over it."""


@functools.lru_cache(8 * MAX_MODULES)  # from one edit to the next, few of them are new
def check_path(path: str) -> str:
    """The path itself where a module may have it. Purely lexical. Raises BadModulePath."""
    if not path:
        raise BadModulePath("A path cannot be empty.")
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise BadModulePath("A path must be text: this one holds half of a surrogate pair.") from None
    if size > MAX_PATH:
        raise BadModulePath(f"A path can be at most {MAX_PATH} bytes long; this one is {size}.")
    if any(unicodedata.category(character) == "Cc" for character in path):
        raise BadModulePath("A path cannot hold control characters.")
    if _DECEPTIVE.search(path):
        raise BadModulePath("A path cannot hold invisible characters that change how it reads.")
    if "\\" in path:
        raise BadModulePath(f"“{path}” holds a backslash: folders are separated by “/”.")
    if path.startswith("/"):
        raise BadModulePath(f"“{path}” begins with “/”: paths are relative to the worker.")
    for segment in path.split("/"):
        _check_segment(segment, path)
    return path


def _check_segment(segment: str, path: str) -> None:
    if not segment:
        raise BadModulePath(f"“{path}” holds an empty name between two slashes or at its end.")
    if segment in (".", ".."):
        raise BadModulePath(f"“{path}” holds “{segment}”: a path names its folders directly.")
    if segment[-1] in ". " or segment[0] == " ":
        raise BadModulePath(f"“{segment}” begins with a space, or ends with a dot or a space.")
    if len(segment.encode()) > MAX_SEGMENT:
        raise BadModulePath(f"A name can be at most {MAX_SEGMENT} bytes long.")
    if segment.split(".")[0].rstrip().lower() in _DEVICES:
        raise BadModulePath(f"“{segment}” is a device name on Windows, so it cannot be a module's name.")


def check_modules(modules: Mapping[str, bytes]) -> None:
    """Checks all paths and all limits of a bundle. Raises BadModulePath or BundleTooLarge."""
    if len(modules) > MAX_MODULES:
        raise BundleTooLarge(f"A worker can hold {MAX_MODULES} modules; this one has {len(modules)}.")
    total = 0
    for path, content in modules.items():
        check_path(path)
        most = MAX_MODULE if path.endswith(".py") else MAX_FILE
        if len(content) > most:
            raise BundleTooLarge(f"“{path}” is {len(content)} bytes long; {most} are the most.")
        total += len(content)
    if total > MAX_WORKER:
        raise BundleTooLarge(f"The modules are {total} bytes together; a worker can hold {MAX_WORKER}.")


def digest(modules: Mapping[str, bytes]) -> str:
    """The name of a bundle: SHA-256 (hex) over its canonical bytes. Equal content has an equal digest."""
    return hashlib.sha256(pack_modules(modules)).hexdigest()


_NOTHING = Declared()


@dataclass(frozen=True, slots=True)
class Config:
    """What a worker says about itself. ``root`` is the folder of ``main`` ("" for the top) and the import root."""

    main: str
    root: str = ""
    name: str = ""
    compatibility_date: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    source: str = ""
    """The configuration file that was read, or "" where the main module was found by its name."""
    declared: Declared = _NOTHING
    """Bindings, triggers, consumers and assets."""

    @property
    def bindings(self) -> tuple[Binding, ...]:
        return self.declared.bindings

    @property
    def main_module(self) -> str:
        """The main module's dotted name below the import root."""
        return self.main.removeprefix(f"{self.root}/" if self.root else "").removesuffix(".py").replace("/", ".")

    def binding(self, kind: str, name: str) -> Binding | None:
        """The binding of that name where it is of that kind."""
        return next((each for each in self.bindings if each.name == name and each.kind == kind), None)


def read_config(modules: Mapping[str, bytes]) -> Config:
    """The configuration in a worker's root, or the defaults. Raises ConfigError."""
    for path in CONFIG_FILES:
        if path in modules:
            return _from_file(ConfigFile(path, modules[path]), modules)
    for main in DEFAULT_MAINS:
        if main in modules:
            return Config(main=main, root=_folder(main))
    raise ConfigError(
        "This worker has no main module.",
        code="no-main",
        hint="Add main.py with a class Default(WorkerEntrypoint), or name another main module in quickedit.json.",
    )


def _from_file(file: ConfigFile, modules: Mapping[str, bytes]) -> Config:
    ours = file.path == "quickedit.json"
    file.refuse_unknown(file.data, _OUR_KEYS if ours else _WRANGLER_KEYS, strict=ours)
    variables = file.variables("variables" if ours else "vars")
    main = file.text("main")
    if not main:
        main = next((name for name in DEFAULT_MAINS if name in modules), "")
        if not main:
            raise file.error(
                f"{file.path} names no main module, and there is none of {', '.join(DEFAULT_MAINS)}.",
                code="no-main",
                hint=f"Add main.py, or set “main” in {file.path}.",
            )
    main = _check_main(main, modules, file)
    return Config(
        main=main,
        root=_folder(main),
        name=file.text("name"),
        compatibility_date=file.text("compatibility_date"),
        variables=variables,
        source=file.path,
        declared=declared.read(file, variables),
    )


def _check_main(main: str, modules: Mapping[str, bytes], file: ConfigFile) -> str:
    main = main.removeprefix("./")
    try:
        check_path(main)
    except BadModulePath as error:
        raise file.error(f"The main module that {file.path} names cannot be: {error}", "main") from None
    if not main.endswith(".py"):
        raise file.error(f"The main module that {file.path} names, “{main}”, is not a .py file.", "main")
    if main not in modules:
        near = difflib.get_close_matches(main, [name for name in modules if name.endswith(".py")], n=1)
        hint = f"Did you mean “{near[0]}”?" if near else f"Create {main}, or name another module there."
        message = f"{file.path} names “{main}” as the main module, but it does not exist."
        raise file.error(message, "main", code="no-main", hint=hint)
    return main


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


_BOTH_KEYS = frozenset(["$schema", "name", "main", "compatibility_date", "compatibility_flags"]) | declared.SECTIONS
_OUR_KEYS = _BOTH_KEYS | {"variables"}
_WRANGLER_KEYS = _BOTH_KEYS | {
    "vars", "env", "account_id", "routes", "route", "workers_dev", "preview_urls", "observability", "placement", "limits",
    "migrations", "rules", "build", "logpush", "tail_consumers", "minify", "keep_vars", "upload_source_maps", "dev",
    "keep_names", "define", "alias", "site", "unsafe", "python_modules", "send_metrics", "base_dir", "find_additional_modules",
}  # fmt: skip

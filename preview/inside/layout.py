"""What a worker's root file system consists of: the standard library, the C libraries it needs, and our runtime.

The launcher asks this module what to show where, before it enters any namespace. Targets are neutral paths such as
/usr/lib/python3.11, so that neither a traceback nor sys.path tells where things lie on the host.
"""

from __future__ import annotations

import importlib
import os
import struct
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from preview.forking import ENVIRONMENTS

LIBRARY_FOLDERS = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = f"/usr/bin/{_VERSION}"
STDLIB = f"/usr/{sys.platlibdir}/{_VERSION}"
RUNTIME = "/quickedit"
PACKAGES = "/packages"

_WITH_LIBRARIES = (
    "_ssl", "_hashlib", "_sqlite3", "_ctypes", "zlib", "_bz2", "_lzma", "_decimal", "_uuid", "pyexpat", "_curses",
)  # fmt: skip
"""Extension modules that bring shared libraries along; loading them is how we learn where those lie."""


@dataclass(frozen=True)
class Shown:
    """One bind mount: a file or folder of the host at a path of the new root."""

    source: str
    target: str


def shown(packages: str = "", environments: str = "") -> list[Shown]:
    """The bind mounts, parents before children; ``packages`` is the folder of packages and ``environments`` that of what
    single workers asked for, "" for none. Raises OSError where a part cannot be read."""
    stdlib = os.path.realpath(sysconfig.get_path("stdlib"))
    executable = os.path.realpath(sys.executable)
    binds = [Shown(stdlib, STDLIB), Shown(executable, PYTHON)]
    if loader := _program_interpreter(executable):
        binds.append(Shown(os.path.realpath(loader), loader))
    folders: set[str] = set()
    for library in _shared_libraries():
        folder = os.path.dirname(library)
        if (folder + "/").startswith(stdlib + "/"):
            continue
        if (stdlib + "/").startswith(folder + "/") or not library.startswith(LIBRARY_FOLDERS):
            binds.append(Shown(library, f"/usr/lib/{os.path.basename(library)}"))
        else:
            folders.add(folder)
    binds += [Shown(folder, folder) for folder in sorted(folders)]
    if os.path.isdir("/usr/share/zoneinfo"):
        binds.append(Shown("/usr/share/zoneinfo", "/usr/share/zoneinfo"))
    if packages:
        binds.append(Shown(packages, PACKAGES))
    if environments:
        binds.append(Shown(environments, ENVIRONMENTS))
    return sorted(binds, key=lambda bind: bind.target)


def library_path(binds: list[Shown]) -> str:
    """LD_LIBRARY_PATH for the new root."""
    folders = {bind.target for bind in binds if bind.source == bind.target and "zoneinfo" not in bind.target}
    return ":".join(["/usr/lib", *sorted(folder for folder in folders if os.path.isdir(folder))])


def readable(packages: str = "", environments: str = "") -> list[str]:
    """Where there is no root of our own (tier B): the host's paths that a worker may read, and all below them.

    The standard library without packages installed beside it, the C libraries' folders, our API's sources, and the
    folders of packages.
    """
    stdlib = Path(os.path.realpath(sysconfig.get_path("stdlib")))
    paths = [str(path) for path in stdlib.iterdir() if path.name not in ("site-packages", "dist-packages")]
    paths += [bind.source for bind in shown() if bind.source != str(stdlib)]
    here = Path(__file__).resolve().parent
    paths += ["/etc/ld.so.cache", "/dev/zero", "/dev/urandom", str(here / "workers"), str(here / "shims")]
    paths += [folder for folder in (packages, environments) if folder]
    return [path for path in dict.fromkeys(paths) if os.access(path, os.R_OK)]


def listable() -> list[str]:
    """Folders whose names the import system has to list, without reading what is in them."""
    return [os.path.realpath(sysconfig.get_path("stdlib"))]


def covered() -> list[str]:
    """Folders of the new root that an empty one hides: packages installed beside the standard library."""
    return [f"{STDLIB}/{name}" for name in ("site-packages", "dist-packages")]


def runtime_files() -> dict[str, bytes]:
    """Our part that runs inside, by path in the new root; copied, as its modes on the host may be too strict."""
    package = Path(__file__).resolve().parent.parent
    sources = [package / "__init__.py", package / "protocol.py", package / "forking.py"]
    for folder in ("sandbox", "inside"):
        sources += [
            path for path in (package / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
    return {f"{RUNTIME}/preview/{path.relative_to(package)}": path.read_bytes() for path in sources}


def _shared_libraries() -> set[str]:
    for name in _WITH_LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    found = set()
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line[73:].strip() if len(line) > 73 else ""
        if path.startswith("/") and ".so" in os.path.basename(path):
            found.add(path)
    return found


def _program_interpreter(executable: str) -> str | None:
    """The dynamic loader that an ELF file names (PT_INTERP), None where it is linked statically."""
    with open(executable, "rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            return None
        (offset,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        for index in range(count):
            file.seek(offset + index * size)
            entry = file.read(size)
            (kind,) = struct.unpack_from("<I", entry)
            if kind == 3:
                start, length = struct.unpack_from("<Q", entry, 8)[0], struct.unpack_from("<Q", entry, 32)[0]
                file.seek(start)
                return os.fsdecode(file.read(length).rstrip(b"\0"))
    return None

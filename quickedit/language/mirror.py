"""A copy in memory of one workspace's Python files, for analysers that want to read files. Used by ``session`` and ``pool``.

It holds only ``.py`` and ``.pyi``, only text that came through operations, and only while a session lives: a configuration
file of the user's is never there to be read. Paths are checked with the one rule; nothing outside the folder can be named.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from django.conf import settings

from preview import bundle
from preview.bundle import BadModulePath, check_path
from quickedit.language import environment
from quickedit.language.documents import unfit

_PREFIX = "quickedit-language-"
_SUFFIXES = (".py", ".pyi")
_PLATFORM = Path(bundle.__file__).parent / "inside" / "workers"
_SHIMS = _PLATFORM.parent / "shims"
"""Modules that code written for Cloudflare imports by top-level names: js, pyodide, asgi."""


class Home:
    """The folder of one process under /dev/shm (else the temporary directory): platform types, and a mirror a session.

    What processes that were killed have left behind goes when the next one starts.
    """

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        base = memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
        _sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
        self.platform = self.path / "platform"
        # A copy, as the folder that holds the original holds more than workers may import.
        shutil.copytree(_PLATFORM, self.platform / "workers", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        shutil.copytree(
            _SHIMS, self.platform, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
        for module in self.platform.rglob("*.py"):
            text = module.read_text(encoding="utf-8")
            # Here the modules stand by the names that a worker imports them by, for analysers too.
            here = text.replace("from preview.inside import workers", "import workers")
            here = here.replace("from preview.inside.workers", "from workers")
            if (changed := environment.platform_module(here)) != text:
                module.write_text(changed, encoding="utf-8")
        # An environment for the type checker, so that it does not take the server's own. Packages of the runtime go in it.
        self.python = self.path / "python"
        self.packages = (
            self.python / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        )
        self.packages.parent.mkdir(parents=True)
        if bundle.PACKAGES.is_dir():
            self.packages.symlink_to(bundle.PACKAGES)
        else:
            self.packages.mkdir()
        self.environments = self.path / "environments"
        """Of all workers: the runner's folder of what single ones asked for. A session's mirror leads to its own alone."""
        self.environments.symlink_to(settings.ENVIRONMENTS_DIR)
        # An analyser is confined to what is there when it starts, and may start before the runner.
        settings.ENVIRONMENTS_DIR.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.nowhere = self.path / "nowhere"
        """An empty folder: where a program believes to be that shall find no configuration."""
        self.nowhere.mkdir()
        self._count = 0

    def new_mirror(self) -> Mirror:
        self._count += 1
        return Mirror(self.path / f"workspace-{self._count}", self.environments)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Mirror:
    """The files of one workspace below ``root``, and in ``stubs`` the type of its ``env``; both exist from the first
    ``update`` to ``remove``."""

    def __init__(self, folder: Path, environments: Path) -> None:
        self.folder = folder
        self.asked = folder / "asked"
        """Leads to the packages that the worker asked for and has; to nothing where it has none."""
        self._environments = environments
        self._environment = ""
        self.root = folder / "files"
        self.stubs = folder / "stubs"
        self._written: dict[str, str] = {}
        self._env: str | None = None
        self._stamp = 0

    def update(self, files: Mapping[str, str], env_stub: str, without: Collection[str] = ()) -> list[tuple[Path, int]]:
        """Makes the folder equal to ``files``: writes what changed, removes what went; what is ``without`` its text, or unfit
        to be analysed, is there and empty. Returns each path that changed with the protocol's number for how (1 created,
        2 changed, 3 deleted). Raises OSError (no room)."""
        wanted = {
            path: "" if path in without or unfit(text) else text
            for path, text in files.items()
            if path.endswith(_SUFFIXES) and _is_allowed(path)
        }
        for made in (self.root, self.stubs):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
        changed: list[tuple[Path, int]] = []
        for path in [path for path in self._written if path not in wanted]:
            del self._written[path]
            self._remove_file(path)
            changed.append((self.root / path, 3))
        for path, text in wanted.items():
            if self._written.get(path) != text:
                self._write(self.root / path, text)
                changed.append((self.root / path, 2 if path in self._written else 1))
                self._written[path] = text
        if env_stub != self._env:
            target = self.stubs / f"{environment.ENV_MODULE}.pyi"
            self._write(target, env_stub)
            changed.append((target, 1 if self._env is None else 2))
            self._env = env_stub
        return changed

    def show_packages(self, environment: str) -> None:
        """Shows an environment, "" for none. Raises OSError."""
        if environment == self._environment:
            return
        self.asked.unlink(missing_ok=True)
        if environment:
            self.asked.symlink_to(self._environments / environment)
        self._environment = environment

    def _write(self, target: Path, text: str) -> None:
        """Appears at once as a whole, with a time that grows: analysers go by a file's time, and the clock of a file system
        stands still for milliseconds."""
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = self.folder / ".draft"
        draft.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        self._stamp = max(self._stamp + 1_000_000, time.time_ns())
        os.utime(draft, ns=(self._stamp, self._stamp))
        draft.replace(target)

    def _remove_file(self, path: str) -> None:
        target = self.root / path
        with contextlib.suppress(OSError):
            target.unlink()
            for folder in target.parents:  # until one that is not empty
                if folder == self.root:
                    break
                folder.rmdir()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._written.clear()
        self._env = None
        self._environment = ""


def _is_allowed(path: str) -> bool:
    try:
        check_path(path)
    except BadModulePath:
        return False
    return True


def _sweep(base: Path) -> None:
    """Removes the folders of processes that are no more."""
    for left in base.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).split("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdigit() and not Path("/proc", pid).exists() and left.stat().st_uid == os.geteuid():
                shutil.rmtree(left, ignore_errors=True)

"""Packages that single workers ask for: fetched by ``uv``, wheels only, into folders that workers can only read.

`programs` asks for the environment of a program before it loads it. One environment serves every worker that asks for the
same; it is named by a digest of the requirements, the runtime's own packages and the interpreter, made aside and moved into
place whole. The versions of the runtime's packages hold for it as constraints, as a zygote may have imported them already.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from preview.outside import installer, packages
from preview.outside.installer import NotInstalled
from preview.outside.packages import installed
from preview.requirements import Requirement, asked_for, normal
from preview.sandbox import landlock

log = logging.getLogger(__name__)

SETTLE = 1.0
"""Seconds that a draft waits: half a name, as it is typed, may be the name of another package."""
INDEX = "QUICKEDIT_PACKAGE_INDEX"
"""The environment variable that names the index. Not an argument: an address may hold a password."""
OFF = "off"
"""The index that means: nothing is installed."""
MAX_KEPT = 64
"""Environments kept; above it the one unused for longest goes, unless a program has it."""
AGAIN_AFTER = 30.0
"""Seconds after which what could not be had is tried again."""
LOCKED_AGAIN_AFTER = 3600.0
"""The same for versions that a deployment holds and that are gone: the worker runs with others meanwhile."""
_AT_ONCE = 2
_VERSION = r"(?:===|==|~=|!=|<=|>=|<|>)[A-Za-z0-9.*+!_-]+"
_PLAIN = re.compile(rf"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[A-Za-z0-9._,-]*\])?(?:{_VERSION}(?:,{_VERSION})*)?")
_MAX_LINE = 500
_ADDED = re.compile(r"^ \+ ([^=\s]+)==(\S+)", re.MULTILINE)

Tell = Callable[[list[dict[str, Any]]], None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An environment to be made: what is asked, what of it the runtime does not have, and the versions that hold."""

    name: str
    plain: Sequence[Requirement]
    missing: Sequence[Requirement]
    versions: Mapping[str, str]


class Environments:
    """The environments below one folder. ``index`` is the address of a package index, "" for uv's own, OFF for none."""

    def __init__(self, folder: Path, index: str = "") -> None:
        self.ready_ones = folder / "ready"
        """An environment is the folder in it that ``get`` names. Workers that run as other users cannot list them."""
        self._making = folder / "making"
        self._index = index
        self._why_not = "" if index != OFF else "none are installed when a worker asks"
        self._installing: dict[str, asyncio.Task[str]] = {}
        self._failed: dict[str, tuple[float, NotInstalled]] = {}
        self._versions: dict[str, dict[str, str]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        if self._why_not:
            return
        if landlock.abi() < 1:
            self._why_not = "none can be installed when a worker asks, as this kernel has no Landlock"
            return
        shutil.rmtree(self._making, ignore_errors=True)
        self._making.mkdir(mode=0o700, parents=True)
        self.ready_ones.mkdir(mode=0o711, exist_ok=True)

    def check(self, tier: str, own_uids: bool) -> None:
        """Once it is known how workers run: where they could not read an environment, none is made."""
        if self._why_not or tier != "B" or not own_uids:
            return
        closed = next((each for each in self.ready_ones.parents if not each.stat().st_mode & 0o001), None)
        if closed is not None:
            self._why_not = f"none are installed, as workers run as other users here and {closed} is closed to those"

    async def get(
        self,
        modules: Mapping[str, bytes],
        tell: Tell,
        *,
        changed: bool,
        settle: float = 0,
        locked: Mapping[str, str] = MappingProxyType({}),
        used: Callable[[], Collection[str]] = tuple,
    ) -> str:
        """The name of the environment for what the modules ask for, made where it is not there; "" where they need none, or it
        cannot be had: then the program runs without, and may do well so. ``tell`` hears of progress and of what cannot be had;
        unless ``changed``, only of what is new. Whoever may be typing still lets ``settle`` seconds pass before anything is
        fetched. ``locked`` are versions that hold for as long as they can be had. Those that ``used`` names when room is made
        stay."""
        asked = asked_for(modules)
        plain = [each for each in asked if is_plain(each)]
        if changed and (refused := [_record(each, "error", _not_plain(each)) for each in asked if each not in plain]):
            tell(refused)
        missing = [each for each in plain if each.name not in installed()]
        if not missing:
            return ""
        if self._why_not:
            if changed:
                tell([_record(each, "warning", f"{_asks(each)}, and {self._why_not}.") for each in missing])
            return ""
        for held in (locked, {}) if locked else ({},):
            name = await self._name_of(plain, held)
            known = error = self._why_failed(name)
            if error is None:
                try:
                    return await self._had(_Wanted(name, plain, missing, held), tell, settle, used)
                except NotInstalled as caught:
                    error = caught
            others = bool(held) and not error.passing
            if changed or known is None:
                said = (
                    f"{error} So the worker runs with other versions than it was deployed with."
                    if others
                    else str(error)
                )
                tell([_record(_culprit(missing, str(error)), "warning" if others else "error", said)])
            if not others:
                break
        return ""

    async def versions(self, name: str) -> dict[str, str]:
        """The packages of an environment that is there, but for those of the runtime: their versions by name."""
        if name not in self._versions:
            found = await asyncio.to_thread(packages.versions, self.ready_ones / name)
            self._versions[name] = {package: found[package] for package in found.keys() - installed().keys()}
        return self._versions[name]

    async def _name_of(self, plain: Sequence[Requirement], versions: Mapping[str, str]) -> str:
        """The environment of what is asked, or the one for just these versions, where that is another."""
        name = _name(plain)
        if not versions or (self._is_there(name) and await self.versions(name) == versions):
            return name
        return _name(plain, versions)

    def _why_failed(self, name: str) -> NotInstalled | None:
        until, error = self._failed.get(name, (0.0, None))
        return error if until > time.monotonic() else None

    async def _had(self, wanted: _Wanted, tell: Tell, settle: float, used: Callable[[], Collection[str]]) -> str:
        """The name of an environment that is there. Raises NotInstalled."""
        if self._is_there(wanted.name):
            return wanted.name
        await asyncio.sleep(settle)
        if not self._is_there(wanted.name):  # another worker that asks for the same may have been quicker
            await self._make(wanted, tell, used)
        return wanted.name

    def _is_there(self, name: str) -> bool:
        try:
            os.utime(self.ready_ones / name)  # used just now, see _make_room
        except FileNotFoundError:
            return False
        return True

    async def close(self) -> None:
        for task in self._installing.values():
            task.cancel()
        await asyncio.gather(*self._installing.values(), return_exceptions=True)

    async def _make(self, wanted: _Wanted, tell: Tell, used: Callable[[], Collection[str]]) -> None:
        """Raises NotInstalled."""
        task = self._installing.get(wanted.name)
        if task is None:
            names = ", ".join(each.text for each in wanted.missing)
            tell([_record(wanted.missing[0], "info", f"Installing {names}. The worker starts when that is done.")])
            task = asyncio.create_task(self._install(wanted), name=f"packages {wanted.name}")
            self._installing[wanted.name] = task
            task.add_done_callback(functools.partial(self._done, wanted.name))
        # A newer run of the program cancels this one's wait, and waits for the same.
        done = await asyncio.shield(task)
        tell([_record(wanted.missing[0], "info", done)])
        await asyncio.to_thread(self._make_room, {wanted.name, *used()})

    def _done(self, name: str, task: asyncio.Task[str]) -> None:
        del self._installing[name]
        if not task.cancelled():
            task.exception()  # seen, also where all who waited have gone

    async def _install(self, wanted: _Wanted) -> str:
        """Says what was installed. Raises NotInstalled."""
        began = time.monotonic()
        async with self._turns:
            staging = Path(tempfile.mkdtemp(dir=self._making))
            try:
                said = await installer.install(staging, wanted.plain, self._index, wanted.versions)
                os.rename(staging / "site", self.ready_ones / wanted.name)
                self._versions.pop(wanted.name, None)
            except NotInstalled as error:
                self._failed = {each: kept for each, kept in self._failed.items() if kept[0] > time.monotonic()}
                again = LOCKED_AGAIN_AFTER if wanted.versions and not error.passing else AGAIN_AFTER
                self._failed[wanted.name] = time.monotonic() + again, error
                raise
            except OSError as error:
                log.exception("An environment of packages could not be made")
                raise NotInstalled(f"The packages could not be installed: {error.strerror}.", passing=True) from error
            finally:
                await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
        added = ", ".join(f"{found[1]} {found[2]}" for found in _ADDED.finditer(said))
        return f"Installed {added} in {time.monotonic() - began:.1f} s."

    def _make_room(self, keep: Collection[str]) -> None:
        kept = sorted(self.ready_ones.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in kept[MAX_KEPT:]:
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def is_plain(each: Requirement) -> bool:
    """A name, with extras and versions at most: nothing that says where it comes from, and no second line."""
    found = _PLAIN.fullmatch(each.compact) if len(each.text) <= _MAX_LINE else None
    return found is not None and normal(found[1]) == each.name


def _name(plain: Sequence[Requirement], versions: Mapping[str, str] = MappingProxyType({})) -> str:
    parts = [sorted(each.compact for each in plain), _here(), *sorted(versions.items())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


@functools.cache
def _here() -> list[object]:
    """What an environment depends on beside what was asked."""
    return [sorted(installed().items()), sys.implementation.cache_tag, platform.machine(), *platform.libc_ver()]


def _record(each: Requirement, level: str, text: str) -> dict[str, Any]:
    """A log record that leads to the line which asks."""
    return {"level": level, "text": text, "at": int(time.time() * 1000), "path": each.path, "line": each.line}


def _asks(each: Requirement) -> str:
    return f"{each.path} asks for {each.name}, which is not among the packages that workers have here"


def _not_plain(each: Requirement) -> str:
    return (
        f"{each.path}: “{each.text[:100]}” is not installed: a package is asked for by its name, and versions if need be "
        "(name>=1.2,<2), not by an address or an option."
    )


def _culprit(missing: Sequence[Requirement], why: str) -> Requirement:
    """The one that a reason names, else the first."""
    words = set(re.findall(r"[a-z0-9][a-z0-9._-]*[a-z0-9]", why.lower()))
    return next((each for each in missing if words & {each.name, each.name.replace("-", "_")}), missing[0])

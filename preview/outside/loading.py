"""From a program's modules to a child that runs them, or to what is shown in its place.

`programs` asks for it and decides what becomes of it; nothing here changes which child answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from preview.bundle import BadModulePath, BundleTooLarge, Config, ConfigError, check_modules, read_config
from preview.exchange import Fault, PeerAway, Program, Ready, Refused, Unparsed
from preview.outside import failures
from preview.outside.bundles import BadDigest, Bundles
from preview.outside.calls import Calls
from preview.outside.children import Child, Children
from preview.outside.children import Unparsed as DoesNotParse
from preview.outside.environments import SETTLE, Environments
from preview.outside.hosts import Source
from preview.outside.runs import Run
from preview.outside.warm import PRELOADABLE
from preview.protocol import ProtocolError, unpack_modules

log = logging.getLogger(__name__)

_PACKAGES = sorted(PRELOADABLE)

Heard = Callable[[Program, list[dict[str, Any]], int], None]
"""Hears what a program prints outside any request: whose, the records, and how many were dropped."""


class Unavailable(Exception):
    """A program cannot be run at the moment, through no fault of its own. The message says why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it. ``run`` is None where what ran before stays; ``config`` is there only where the program answers from now
    on, and ``environment`` only where a child got its worker: the name of its packages, "" without any."""

    run: Run | None
    answer: Ready | Unparsed | Refused
    config: Config | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads any number of programs at once."""

    children: Children
    bundles: Bundles
    source: Source
    heard: Heard
    calls: Calls
    environments: Environments | None

    async def load(
        self, program: Program, packed: bytes | None, last: Run | None, used: Callable[[], set[str]], began: float
    ) -> Loaded:
        """``last`` is what runs under the same key, ``used`` tells which environments must stay. Raises Unavailable."""
        if packed is None:
            packed = await self._fetch(program)
        try:
            modules = unpack_modules(packed)
            check_modules(modules)
            config = read_config(modules)
        except ConfigError as error:
            run = Run(program, None, failures.config_report(error, modules))
            return Loaded(run, Refused(error.code, error.message, error.hint))
        except (ProtocolError, BadModulePath, BundleTooLarge) as error:
            run = Run(program, None, failures.plain_report("Bad bundle", str(error)))
            return Loaded(run, Refused("bad-bundle", str(error)))
        seen = {path: hash(content) for path, content in modules.items()}
        environment = await self._environment(program, modules, seen, last, used)
        packages = await self.environments.versions(environment) if self.environments and environment else {}
        desk = self.calls.desk(program, config, lambda records, dropped: self.heard(program, records, dropped))
        try:
            meta = _meta(program, config, seen, last)
            if environment:
                meta["environment"] = self.children.place(environment)
            child = await self.children.load(modules, meta, desk, program.key, packed)
        except DoesNotParse as error:
            stays = last is not None and last.failure is None and not _differs_in_kind(last.program, program)
            shown = None if stays else Run(program, None, failures.syntax_report(error, modules))
            return Loaded(shown, Unparsed(error.path, error.line, error.column, error.message, stays))
        except Exception as error:
            log.exception("A program could not be loaded")
            raise Unavailable(f"The sandbox could not run the program: {error}") from error
        # Nothing awaits any more, or a cancellation would leave the child to nobody.
        run, refused, fault = self._run(program, child, seen)
        answer = refused or Ready((time.perf_counter() - began) * 1000, fault, environment, packages)
        return Loaded(run, answer, config if run.failure is None else None, environment)

    async def _fetch(self, program: Program) -> bytes:
        packed = await self.bundles.get(program.digest)
        if packed is None:
            try:
                packed = await self.source.modules(program)
            except PeerAway as away:
                raise Unavailable("The editor's server, which has the program's modules, is away.") from away
            if packed is None:
                raise Unavailable("The program's modules are not here any more: open its editor, or deploy it again.")
            try:
                self.bundles.put(program.digest, packed, program.key)
            except BadDigest as error:
                raise Unavailable(str(error)) from None
        return packed

    async def _environment(
        self,
        program: Program,
        modules: Mapping[str, bytes],
        seen: Mapping[str, int],
        last: Run | None,
        used: Callable[[], set[str]],
    ) -> str:
        """The packages that the worker asks for. What cannot be had is in its log, where what it asks for has changed."""
        if self.environments is None:
            return ""
        before = (last.seen if last is not None else None) or {}
        changed = any(before.get(path) != seen.get(path) for path in ("pyproject.toml", "requirements.txt"))
        return await self.environments.get(
            modules,
            lambda records: self.heard(program, records, 0),
            changed=changed,
            settle=SETTLE if program.version is None else 0,
            locked=program.packages,
            used=used,
        )

    def _run(self, program: Program, child: Child, seen: dict[str, int]) -> tuple[Run, Refused | None, Fault | None]:
        """A run of a child that has its worker, or of what it failed with at import."""
        failure = child.load_failure
        child.on_log = lambda records, dropped: self.heard(program, records, dropped)
        if child.early_logs:
            self.heard(program, child.early_logs, 0)
        if failure is None:
            return Run(program, child, seen=seen), None, None
        child.kill()
        run = Run(program, None, failure)
        if failure.get("type") == "NoEntry":
            return run, Refused("no-handler", str(failure.get("message", "")), failures.NO_HANDLER_HINT), None
        return run, None, Fault(failures.summary(failure), *failures.place(failure))


def _meta(program: Program, config: Config, seen: Mapping[str, int], last: Run | None) -> dict[str, Any]:
    changed = None
    if last is not None and last.seen is not None and not _differs_in_kind(last.program, program):
        before = last.seen
        changed = [path for path, mark in seen.items() if before.get(path) != mark]
    return {
        "main": config.main_module,
        "root": config.root,
        "env": {**config.variables, **program.variables},
        "bindings": [
            {"kind": each.kind, "name": each.name, "options": {**each.options, "section": each.section}}
            for each in config.bindings
        ],
        "packages": _PACKAGES,
        "assets": asdict(config.declared.assets) if config.declared.assets is not None else None,
        "changed": changed,
        "locals": program.version is None,
    }


def _differs_in_kind(one: Program, other: Program) -> bool:
    return (one.version is None) != (other.version is None)

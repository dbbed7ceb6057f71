"""Applying D1 migrations: which of them a database does not know yet, and running those one by one.

``browse`` calls it for the Data tab, ``dev`` at its start. Nothing is applied that a person has not asked for by name. A
migration is the worker's own SQL: it runs in the database's confined process (``D1Store.migrate``), never here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from preview import migrations
from preview.bundle import Binding, Config
from preview.outside.bindings.d1 import D1Error
from preview.outside.bindings.d1_sql import quoted
from preview.outside.bindings.errors import BindingError
from preview.outside.bindings.stores import Stores, WorkerData, file_name

SECONDS = 30.0
"""After which no further migration of one request begins, so that its answer comes while somebody waits for it. Each may
take as long as one D1 call."""


class NotMigrated(ValueError):
    """A migration failed at the dev server's start. The message says which, where and why."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a migration was not applied. ``line`` is where its statement begins, 1-based; 0 where that says nothing."""

    name: str
    line: int
    message: str


@dataclass(slots=True)
class Outcome:
    """The names that were applied just now, in order, and what stopped the rest."""

    applied: list[str] = field(default_factory=list)
    failed: Failure | None = None


async def pending(data: WorkerData, database: str, table: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that the database has not recorded in ``table``. Makes no database. Raises BindingError."""
    file = file_name(database)
    if not data.d1.exists(file):
        return list(names)
    there = {"sql": "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE", "values": [table]}
    if not (await data.d1.query(file, [there], together=False))["results"][0]["rows"]:
        return list(names)
    recorded = {"sql": f"SELECT name FROM {quoted(table)}", "values": []}
    rows = (await data.d1.query(file, [recorded], together=False))["results"][0]["rows"]
    known = {row[0] for row in rows if isinstance(row[0], str)}
    return [name for name in names if name not in known]


async def apply(data: WorkerData, database: str, table: str, files: Mapping[str, bytes]) -> Outcome:
    """Applies, in the order given, what was not yet: each whole or not at all, the first that fails ends it."""
    outcome = Outcome()
    until = time.monotonic() + SECONDS
    for name, content in files.items():
        if time.monotonic() > until:
            break
        try:
            if await data.d1.migrate(file_name(database), table, name, content.decode("utf-8-sig")):
                outcome.applied.append(name)
        except UnicodeDecodeError:
            outcome.failed = Failure(name, 0, "It is not UTF-8 text.")
        except BindingError as error:
            outcome.failed = Failure(name, error.line if isinstance(error, D1Error) else 0, str(error))
        if outcome.failed is not None:
            break
    return outcome


async def at_start(
    stores: Stores, worker: str, config: Config, modules: Mapping[str, bytes], *, apply: bool
) -> list[str]:
    """What the dev server says about the worker's migrations; with ``apply`` it applies them first. Raises NotMigrated."""
    data = stores.data(worker, preview=False)
    said = []
    for binding in config.bindings:
        names = migrations.names(modules, binding.options["migrations_dir"]) if binding.kind == "d1" else []
        if not names:
            continue
        try:
            waiting = await pending(data, binding.resource, binding.options["migrations_table"], names)
        except BindingError as error:
            unread = f"{binding.name}: which migrations are applied cannot be read: {error}"
            if apply:
                raise NotMigrated(unread) from None
            said.append(unread)
            continue
        if waiting and apply:
            await _apply_all(data, binding, waiting, modules)
            said.append(f"{binding.name}: applied {_several(waiting)}")
        elif waiting:
            verb = "is" if len(waiting) == 1 else "are"
            said.append(f"{binding.name}: {_several(waiting)} {verb} not applied; --migrate does it")
    return said


async def _apply_all(data: WorkerData, binding: Binding, waiting: list[str], modules: Mapping[str, bytes]) -> None:
    """One by one, as nobody waits for an answer here. Raises NotMigrated."""
    directory, table = binding.options["migrations_dir"], binding.options["migrations_table"]
    for name in waiting:
        path = migrations.path_of(directory, name)
        failed = (await apply(data, binding.resource, table, {name: modules[path]})).failed
        if failed is not None:
            line = f", line {failed.line}," if failed.line else ""
            message = f"{path}{line} was not applied to {binding.name}: {failed.message}"
            raise NotMigrated(f"{message}\nNothing of it was done. Correct it, then start again.")


def _several(names: list[str]) -> str:
    return f"{len(names)} migration{'s' if len(names) > 1 else ''} ({', '.join(names)})"

"""The HTTP API of D1 migrations: which are not applied to a worker's data yet, and applying them.

The draft's files count for the preview's data, those of the deployed version for live data. Members may look, editors
apply. The runner does it (``preview.outside.bindings.migrations``) and only when somebody asks for it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from preview import bundle
from preview.client import AskData
from quickedit import rooms
from quickedit.api.data import Layer, asked_of_runner
from quickedit.api.http import Body, access_to, answer, decode
from quickedit.deployments import bundles, history
from quickedit.errors import BadInput, Conflict, NotFound
from quickedit.threads import in_database


class Apply(Body, frozen=True):
    """``names`` are those that the person has seen: what came since then is not applied."""

    layer: Layer
    binding: str
    names: list[str]


@dataclass(frozen=True, slots=True)
class _Set:
    """The migrations of one D1 binding, in order: ``names``, and the files' contents by name."""

    binding: bundle.Binding
    files: Mapping[str, bytes]

    @property
    def directory(self) -> str:
        return str(self.binding.options["migrations_dir"])

    def question(self, worker_id: int, layer: Layer, method: str, names: list[str], body: bytes = b"") -> AskData:
        args = {"names": names, "migrations_table": self.binding.options["migrations_table"]}
        return AskData(
            worker=str(worker_id),
            preview=layer == "preview",
            kind="d1",
            resource=self.binding.resource,
            method=method,
            args=msgspec.json.encode(args),
            body=body,
        )


async def state(request: HttpRequest, name: str) -> HttpResponse:
    """GET ?layer=preview|live: of each D1 binding that has migrations, which are not applied, in their order."""
    access = await access_to(request, name)
    layer: Layer | None = {"preview": "preview", "live": "live"}.get(request.GET.get("layer", ""))  # type: ignore[assignment]
    if layer is None:
        raise BadInput("The layer is “preview” or “live”.", code="bad-layer")
    listed = []
    for one in await _sets(access.worker.pk, layer):
        question = one.question(access.worker.pk, layer, "migrations", list(one.files))
        pending = msgspec.json.decode(await asked_of_runner(question))["pending"]
        listed.append(
            {
                "binding": one.binding.name,
                "database": one.binding.resource,
                "directory": one.directory,
                "count": len(one.files),
                "pending": pending,
            }
        )
    return answer({"migrations": listed})


async def apply(request: HttpRequest, name: str) -> HttpResponse:
    """POST {layer, binding, names}: applies these, in their order, until one fails. Answers what was applied, and what failed:
    its path, line (0 where unknown), SQLite's message and what to do next."""
    access = (await access_to(request, name)).need_edit()
    wanted = decode(request, Apply)
    found = next(
        (one for one in await _sets(access.worker.pk, wanted.layer) if one.binding.name == wanted.binding), None
    )
    if found is None:
        where = "draft" if wanted.layer == "preview" else "deployed version"
        raise NotFound(f"The {where} has no migrations for “{wanted.binding[:64]}”.", code="no-such-binding")
    chosen = {path: content for path, content in found.files.items() if path in wanted.names}
    if not chosen or len(chosen) < len(set(wanted.names)):
        text = "The files have changed: these are not its migrations any more."
        raise Conflict(text, code="moved", hint="Look at them again, then apply.")
    packed = bundle.pack_modules(chosen)
    done = msgspec.json.decode(
        await asked_of_runner(found.question(access.worker.pk, wanted.layer, "migrate", list(chosen), packed))
    )
    return answer({"applied": done["applied"], "failed": _failed(done["failed"], found, wanted.layer)})


def _failed(failed: dict[str, Any] | None, found: _Set, layer: Layer) -> dict[str, Any] | None:
    if failed is None:
        return None
    again = "Correct it, then apply again." if layer == "preview" else "Correct it and deploy, then apply again."
    return {
        "path": bundle.migrations.path_of(found.directory, failed["name"]),
        "line": failed["line"],
        "message": failed["message"],
        "hint": f"Nothing of it was done. {again}",
    }


async def _sets(worker_id: int, layer: Layer) -> list[_Set]:
    """Of each D1 binding that has migrations. None while the configuration cannot be read, which the preview says."""
    if layer == "preview":
        async with rooms.enter(worker_id) as room:
            modules: Mapping[str, bytes] = room.modules()
    else:
        modules = await in_database(_live_modules, worker_id)
    try:
        config = bundle.read_config(modules)
    except bundle.ConfigError:
        return []
    found = []
    for binding in config.bindings:
        if binding.kind == "d1":
            directory = binding.options["migrations_dir"]
            names = bundle.migrations.names(modules, directory)
            files = {name: modules[bundle.migrations.path_of(directory, name)] for name in names}
            found += [_Set(binding, files)] if files else []
    return found


def _live_modules(worker_id: int) -> dict[str, bytes]:
    live = history.live_of(worker_id)
    return {} if live is None else bundles.load(live.digest)

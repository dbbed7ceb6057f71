"""What a worker's configuration declares beside its modules: bindings, triggers, consumers of queues, static assets.

`bundle.read_config` calls it; the runner's capabilities and the editor's types read the result. The settings are
Wrangler's own, in quickedit.json as well as in wrangler.jsonc and wrangler.toml. Pure; it decides nothing about what a
binding may do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from preview import migrations
from preview.configfile import ConfigError, ConfigFile, is_unicode
from preview.cron import BadCron, parse

MAX_BINDINGS = 64
MAX_CRONS = 16
MAX_PROPS = 4096
"""Bytes of what a service binding gives along, as JSON."""

Kind = Literal["kv", "d1", "r2", "queue", "service", "assets", "not-yet"]

_LISTS: dict[str, tuple[Kind, str, frozenset[str]]] = {
    "kv_namespaces": ("kv", "id", frozenset(["id", "preview_id"])),
    "d1_databases": (
        "d1",
        "database_name",
        frozenset(["database_name", "database_id", "preview_database_id", "migrations_dir", "migrations_table"]),
    ),
    "r2_buckets": ("r2", "bucket_name", frozenset(["bucket_name", "preview_bucket_name", "jurisdiction"])),
    "services": ("service", "service", frozenset(["service", "entrypoint", "environment", "props"])),
}
"""Section → kind, the option that names the resource, and all of its options."""
_NOT_YET_LISTS = (
    "vectorize", "hyperdrive", "workflows", "worker_loaders", "send_email", "analytics_engine_datasets",
    "mtls_certificates", "dispatch_namespaces", "pipelines", "secrets_store_secrets", "ratelimits",
)  # fmt: skip
_NOT_YET_ONES = ("ai", "browser", "images", "version_metadata", "media")
_COMMON = frozenset(["binding", "remote", "experimental_remote"])
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

SECTIONS = frozenset([*_LISTS, *_NOT_YET_LISTS, *_NOT_YET_ONES, "queues", "durable_objects", "assets", "triggers"])


@dataclass(frozen=True, slots=True)
class Binding:
    """One capability in `env`. ``options`` are the setting's own, as text and numbers; ``resource`` names what it is
    bound to within the worker's owner: a KV namespace's id, a database's name."""

    kind: Kind
    name: str
    resource: str = ""
    section: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A queue whose messages the worker's `queue` handler receives. Seconds and counts; the defaults are Cloudflare's."""

    queue: str
    max_batch_size: int = 10
    max_batch_timeout: int = 5
    max_retries: int = 3
    dead_letter_queue: str = ""
    max_concurrency: int = 0
    """0 for as many as there are."""
    retry_delay: int = 0


@dataclass(frozen=True, slots=True)
class Assets:
    """Static files of the bundle, served before the worker is asked. ``directory`` without slashes at its ends."""

    directory: str
    binding: str = ""
    html_handling: str = "auto-trailing-slash"
    not_found_handling: str = "none"
    run_worker_first: bool | tuple[str, ...] = False


@dataclass(frozen=True, slots=True)
class Declared:
    """All of it."""

    bindings: tuple[Binding, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    crons: tuple[str, ...] = ()
    assets: Assets | None = None


def read(file: ConfigFile, taken: Mapping[str, str]) -> Declared:
    """What the file declares. ``taken`` are the variables, whose names no binding may have. Raises ConfigError."""
    assets = _assets(file)
    bindings = [*_listed(file), *_producers(file), *_not_yet(file)]
    if assets is not None and assets.binding:
        bindings.append(Binding("assets", assets.binding, assets.directory, "assets"))
    seen = dict.fromkeys(taken, "variable")
    for binding in bindings:
        if not _NAME.fullmatch(binding.name):
            raise file.error(
                f"“{binding.name}” cannot be the name of a binding: letters, digits and “_”.", binding.section
            )
        if binding.name in seen:
            message = f"Two things are called “{binding.name}” in {file.path}: a binding and a {seen[binding.name]}."
            raise file.error(message, binding.section, binding.name)
        seen[binding.name] = "binding"
    if len(bindings) > MAX_BINDINGS:
        raise file.error(f"A worker can have {MAX_BINDINGS} bindings; {file.path} has {len(bindings)}.")
    return Declared(tuple(bindings), tuple(_consumers(file)), _crons(file), assets)


def _listed(file: ConfigFile) -> Iterator[Binding]:
    for section, (kind, resource, known) in _LISTS.items():
        for item in _items(file, file.data.get(section, []), section):
            file.refuse_unknown(item, known | _COMMON, section, strict=False)
            name = _required(file, item, "binding", section)
            options = {key: value for key, value in item.items() if key in known}
            _check_json(file, options, section)
            if "props" in options:
                _check_props(file, options["props"])
            if kind == "d1":
                texts = [_string(file, item, key, section) for key in ("migrations_dir", "migrations_table")]
                options |= migrations.settings(file, *texts)
            # A KV namespace needs no id here: its own name will do.
            yield Binding(kind, name, _string(file, item, resource, section) or name, section, options)


def _check_props(file: ConfigFile, props: object) -> None:
    if not isinstance(props, dict) or len(json.dumps(props)) > MAX_PROPS:
        raise file.error(f"“props” must be an object of at most {MAX_PROPS:,} bytes of JSON.", "services", "props")


def _check_json(file: ConfigFile, options: Mapping[str, Any], section: str) -> None:
    """Options travel to the worker as JSON."""
    try:
        json.dumps(options, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        message = f"“{section}” in {file.path} holds what JSON cannot: a date, say, or half of a surrogate pair."
        raise file.error(message, section) from None


def _producers(file: ConfigFile) -> Iterator[Binding]:
    for item in _items(file, _object(file, "queues").get("producers", []), "queues", "producers"):
        file.refuse_unknown(item, {"queue", "delivery_delay"} | _COMMON, "queues", "producers", strict=False)
        queue = _required(file, item, "queue", "queues", "producers")
        delay = _count(file, item, "delivery_delay", 0, 86400, "queues", "producers")
        name = _required(file, item, "binding", "queues", "producers")
        yield Binding("queue", name, queue, "queues", {"delivery_delay": delay})


def _consumers(file: ConfigFile) -> Iterator[Consumer]:
    where = ("queues", "consumers")
    known = {*Consumer.__dataclass_fields__, "type", "visibility_timeout_ms"}
    for item in _items(file, _object(file, "queues").get("consumers", []), *where):
        file.refuse_unknown(item, known, *where, strict=False)
        yield Consumer(
            queue=_required(file, item, "queue", *where),
            max_batch_size=_count(file, item, "max_batch_size", 10, 100, *where, least=1),
            max_batch_timeout=_count(file, item, "max_batch_timeout", 5, 60, *where),
            max_retries=_count(file, item, "max_retries", 3, 100, *where),
            dead_letter_queue=_string(file, item, "dead_letter_queue", *where),
            max_concurrency=_count(file, item, "max_concurrency", 0, 250, *where),
            retry_delay=_count(file, item, "retry_delay", 0, 86400, *where),
        )


def _not_yet(file: ConfigFile) -> Iterator[Binding]:
    """Bindings that Cloudflare has and Quick Edit does not: using one says so by name."""
    for section in _NOT_YET_LISTS:
        for item in _items(file, file.data.get(section, []), section):
            yield Binding("not-yet", _required(file, item, "name" if "binding" not in item else "binding", section),
                          section=section)  # fmt: skip
    for section in _NOT_YET_ONES:
        if item := _object(file, section):
            yield Binding("not-yet", _required(file, item, "binding", section), section=section)
    for item in _items(file, _object(file, "durable_objects").get("bindings", []), "durable_objects", "bindings"):
        yield Binding("not-yet", _required(file, item, "name", "durable_objects"), section="durable_objects")


def _crons(file: ConfigFile) -> tuple[str, ...]:
    triggers = _object(file, "triggers")
    file.refuse_unknown(triggers, ["crons"], "triggers", strict=False)
    crons = triggers.get("crons", [])
    if not isinstance(crons, list) or not all(isinstance(cron, str) and is_unicode(cron) for cron in crons):
        raise file.error(f"“crons” in {file.path} must be a list of texts.", "triggers", "crons")
    if len(crons) > MAX_CRONS:
        raise file.error(f"A worker can have {MAX_CRONS} cron triggers.", "triggers", "crons")
    for cron in crons:
        try:
            parse(cron)
        except BadCron as error:
            hint = "Minute, hour, day of the month, month, day of the week: */5 * * * *"
            raise file.error(str(error), "triggers", cron, hint=hint) from None
    return tuple(crons)


def _assets(file: ConfigFile) -> Assets | None:
    item = _object(file, "assets")
    if not item:
        return None
    known = {"directory", "binding", "html_handling", "not_found_handling", "run_worker_first"}
    file.refuse_unknown(item, known, "assets", strict=False)
    first = item.get("run_worker_first", False)
    if isinstance(first, list) and all(isinstance(rule, str) and rule.lstrip("!").startswith("/") for rule in first):
        first = tuple(first)
    elif not isinstance(first, bool):
        message = "“run_worker_first” must be true, false or a list of paths that begin with “/”."
        raise file.error(message, "assets", "run_worker_first")
    return Assets(
        directory=_required(file, item, "directory", "assets").removeprefix("./").strip("/"),
        binding=_string(file, item, "binding", "assets"),
        html_handling=_one_of(file, item, "html_handling", _HTML),
        not_found_handling=_one_of(file, item, "not_found_handling", _NOT_FOUND),
        run_worker_first=first,
    )


_HTML = ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
_NOT_FOUND = ("none", "404-page", "single-page-application")


def _one_of(file: ConfigFile, item: Mapping[str, Any], key: str, values: tuple[str, ...]) -> str:
    value = _string(file, item, key, "assets") or values[0]
    if value not in values:
        raise file.error(f"“{key}” must be one of {', '.join(values)}.", "assets", key)
    return value


def _object(file: ConfigFile, section: str) -> Mapping[str, Any]:
    value = file.data.get(section, {})
    if not isinstance(value, dict):
        raise file.error(f"“{section}” in {file.path} must be an object.", section)
    return value


def _items(file: ConfigFile, value: object, *keys: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise file.error(f"“{keys[-1]}” in {file.path} must be a list of objects.", *keys)
    return value


def _string(file: ConfigFile, item: Mapping[str, Any], key: str, *keys: str) -> str:
    value = item.get(key, "")
    if not isinstance(value, str) or not is_unicode(value) or len(value) > 512:
        raise file.error(f"“{key}” of “{keys[-1]}” in {file.path} must be text of at most 512 letters.", *keys, key)
    return value


def _required(file: ConfigFile, item: Mapping[str, Any], key: str, *keys: str) -> str:
    if value := _string(file, item, key, *keys):
        return value
    raise file.error(f"An entry of “{keys[-1]}” in {file.path} has no “{key}”.", *keys)


def _count(
    file: ConfigFile, item: Mapping[str, Any], key: str, default: int, most: int, *keys: str, least: int = 0
) -> int:
    value = item.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise file.error(f"“{key}” of “{keys[-1]}” must be a number from {least} to {most}.", *keys, key)
    return value


__all__ = ["Assets", "Binding", "ConfigError", "Consumer", "Declared", "read"]

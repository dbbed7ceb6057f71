"""A worker as Cloudflare's tools take it: what `pywrangler` needs beside the modules, where the worker does not have it.

Export uses it. A worker with a Wrangler configuration is left as it is; one with quickedit.json gets the same settings
in Wrangler's words. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from preview.bundle import CONFIG_FILES, Config, read_config
from preview.configfile import ConfigError, ConfigFile
from preview.requirements import imported

COMPATIBILITY_DATE = "2025-11-02"
"""Where the worker names none: one that has Python workers with packages."""
_TOOLS = ("workers-py", "workers-runtime-sdk")
_NEEDS_ID = {"kv_namespaces": "id", "d1_databases": "database_id"}
_PLACEHOLDER = "<put the id of your own here>"


def for_cloudflare(modules: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """The modules with a `wrangler.jsonc` and a `pyproject.toml`, where there are none. Raises ConfigError for a worker
    without a main module or with a configuration that cannot be read."""
    config = read_config(modules)
    made = {path: content for path, content in modules.items() if path != "quickedit.json"}
    if not any(path in modules for path in CONFIG_FILES[1:]):
        made["wrangler.jsonc"] = _wrangler(modules, config, name)
    if "pyproject.toml" not in modules:
        made["pyproject.toml"] = _project(modules, config.name or name)
    return made


def _wrangler(modules: Mapping[str, bytes], config: Config, name: str) -> bytes:
    settings: dict[str, Any] = {
        "name": config.name or name,
        "main": config.main,
        "compatibility_date": config.compatibility_date or COMPATIBILITY_DATE,
        "compatibility_flags": ["python_workers"],
    }
    if config.variables:
        settings["vars"] = dict(config.variables)
    if config.source == "quickedit.json":
        ours = ConfigFile(config.source, modules[config.source]).data
        flags = [flag for flag in ours.get("compatibility_flags", []) if flag != "python_workers"]
        settings["compatibility_flags"] += flags
        taken = {*settings, "variables", "$schema"}
        settings |= {key: value for key, value in ours.items() if key not in taken}
    for section, key in _NEEDS_ID.items():
        if isinstance(listed := settings.get(section), list):
            settings[section] = [{**item, key: item.get(key) or _PLACEHOLDER} for item in listed]
    return json.dumps(settings, indent=2, ensure_ascii=False).encode() + b"\n"


def _project(modules: Mapping[str, bytes], name: str) -> bytes:
    quoted = "".join(f"    {json.dumps(each)},\n" for each in imported(modules))
    tools = "".join(f"    {json.dumps(each)},\n" for each in _TOOLS)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "worker"
    return (
        f'[project]\nname = "{slug}"\nversion = "0.1.0"\nrequires-python = ">=3.12"\n'
        f"dependencies = [\n{quoted}]\n\n[dependency-groups]\ndev = [\n{tools}]\n"
    ).encode()


__all__ = ["COMPATIBILITY_DATE", "ConfigError", "for_cloudflare"]

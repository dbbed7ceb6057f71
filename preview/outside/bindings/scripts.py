"""SQL files that a person runs on a D1 database before the dev server starts: a schema, some rows to begin with."""

from __future__ import annotations

from pathlib import Path

from preview.bundle import Config
from preview.outside.bindings.errors import BindingError
from preview.outside.bindings.stores import Stores, file_name

MAX_SCRIPT = 1_000_000
"""Bytes of one file."""


class BadScript(ValueError):
    """A script that cannot be run. The message says which and why."""


async def run(stores: Stores, worker: str, config: Config, wanted: str) -> str:
    """Runs one script, given as ``BINDING=FILE``, and says what it did. Raises BadScript."""
    name, _, path = wanted.partition("=")
    binding = config.binding("d1", name)
    if binding is None or not path:
        known = ", ".join(each.name for each in config.bindings if each.kind == "d1") or "none"
        raise BadScript(f"--sql takes BINDING=FILE, with a D1 binding of the configuration; it has {known}.")
    try:
        script = Path(path).read_bytes()[: MAX_SCRIPT + 1].decode()
        data = stores.data(worker, preview=False)
        done = await data.d1.exec(file_name(binding.resource or binding.name), script)
    except (OSError, UnicodeDecodeError, BindingError) as error:
        raise BadScript(f"{path} was not run on {name}: {error}") from None
    return f"{name}: ran {done['count']} statements of {path}"

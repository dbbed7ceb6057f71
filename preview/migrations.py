"""D1 migrations: where a configuration says they are, which files of a bundle that is, and their order, as Wrangler has them.

https://developers.cloudflare.com/d1/reference/migrations/. ``declared`` reads the settings through it, the Data tab's API
and the dev server take the files. Pure: it opens no database and does not look into the files.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterable

from preview.configfile import ConfigFile

DIRECTORY = "migrations"
TABLE = "d1_migrations"
_SECTION = "d1_databases"
# Wrangler writes the name into its SQL as it stands, so what must be quoted would not do there.
_IDENTIFIER = re.compile(r"(?!sqlite_)[A-Za-z_][A-Za-z0-9_]{0,63}", re.IGNORECASE)


def settings(file: ConfigFile, written: str, table: str) -> dict[str, str]:
    """``migrations_dir`` and ``migrations_table`` of one entry of ``d1_databases``, Wrangler's defaults where they are "".

    The directory is relative to the worker's root, without slashes at its ends, "" for the root itself. Raises ConfigError
    for one that leaves the worker, and for a table's name that is no plain SQL identifier.
    """
    written, table = written or DIRECTORY, table or TABLE
    if not _IDENTIFIER.fullmatch(table):
        hint = f"Letters, digits and “_”, at most 64, and no digit or “sqlite_” at its beginning: {TABLE}."
        raise file.error(f"“{table}” cannot be a table's name.", _SECTION, "migrations_table", table, hint=hint)
    directory = posixpath.normpath(written)
    if "\\" in written or directory.startswith("/") or directory.split("/")[0] == "..":
        hint = f"A folder of the worker, relative to {file.path}, such as {DIRECTORY}."
        raise file.error(
            f"The folder “{written}” is not within the worker.", _SECTION, "migrations_dir", written, hint=hint
        )
    return {"migrations_dir": "" if directory == "." else directory, "migrations_table": table}


def names(paths: Iterable[str], directory: str) -> list[str]:
    """The migrations among a bundle's paths, as the names of their files in the order in which they are applied: by the number
    at their beginning, then by the rest. Files in folders below do not count."""
    start = f"{directory}/" if directory else ""
    found = (path.removeprefix(start) for path in paths if path.startswith(start) and path.endswith(".sql"))
    return sorted((name for name in found if "/" not in name), key=_order)


def path_of(directory: str, name: str) -> str:
    """The path of a migration in its bundle."""
    return f"{directory}/{name}" if directory else name


def _order(name: str) -> tuple[float, str]:
    number = re.match("[0-9]+", name)
    return int(number[0]) if number else math.inf, name

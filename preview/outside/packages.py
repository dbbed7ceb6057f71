"""The packages that every worker has here: set-up installs them from requirements/worker.txt into a folder of their own."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from preview.bundle import PACKAGES
from preview.requirements import normal

_INFO = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)-([A-Za-z0-9.!+_]+)\.dist-info")


@functools.cache
def installed() -> Mapping[str, str]:
    """The versions of the runtime's own packages, by their names in the normal form."""
    return MappingProxyType(versions(PACKAGES))


def versions(folder: Path) -> dict[str, str]:
    """The same of any folder of packages. Reads it; a name that is none, as a hostile package may have, is left out."""
    found = (_INFO.fullmatch(path.name) for path in folder.glob("*.dist-info"))
    return {normal(each[1]): each[2] for each in found if each is not None}

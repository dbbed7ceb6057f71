"""The packages that every worker has here: set-up installs them from requirements/worker.txt into a folder of their own."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from preview.bundle import PACKAGES
from preview.requirements import normal


@functools.cache
def installed(folder: Path = PACKAGES) -> Mapping[str, str]:
    """The versions of the packages in a folder, by their names in the normal form."""
    found = (path.name.removesuffix(".dist-info").rsplit("-", 1) for path in folder.glob("*-*.dist-info"))
    return MappingProxyType({normal(name): version for name, version in found})

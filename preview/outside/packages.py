"""The packages that every worker has here: set-up installs them from requirements/worker.txt into a folder of their own."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from preview.bundle import PACKAGES
from preview.requirements import Requirement, normal


@functools.cache
def installed(folder: Path = PACKAGES) -> Mapping[str, str]:
    """The versions of the packages in a folder, by their names in the normal form."""
    found = (path.name.removesuffix(".dist-info").rsplit("-", 1) for path in folder.glob("*-*.dist-info"))
    return MappingProxyType({normal(name): version for name, version in found})


def record(each: Requirement, level: str, text: str) -> dict[str, Any]:
    """A log record that leads to the line which asks."""
    return {"level": level, "text": text, "at": int(time.time() * 1000), "path": each.path, "line": each.line}

"""The packages that workers have here, and a word to the author of one who asks for others.

Set-up installs them from requirements/worker.txt into a folder of their own; nothing is installed when a worker asks,
so what is missing is said at once, with the line that asks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preview.bundle import PACKAGES
from preview.requirements import asked_for, normal


@functools.cache
def installed(folder: Path = PACKAGES) -> frozenset[str]:
    """The names of the packages in a folder, in their normal form."""
    names = (path.name.removesuffix(".dist-info").rsplit("-", 1)[0] for path in folder.glob("*.dist-info"))
    return frozenset(map(normal, names))


def warnings(modules: Mapping[str, bytes], at: int) -> list[dict[str, Any]]:
    """A log record for each package that a worker asks for and does not have; ``at`` in milliseconds since the epoch."""
    have = installed()
    return [
        {
            "level": "warning",
            "text": f"{each.path} asks for {each.name}, which is not among the packages that workers have here, and none "
            "are installed when a worker asks.",
            "at": at,
            "path": each.path,
            "line": each.line,
        }
        for each in asked_for(modules)
        if each.name not in have
    ]

"""Who imports whom, read from the sources: for the tests of the layers. Nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Arrow:
    """``importer`` (a dotted module) names ``imported`` (a dotted module, or a name in one) in ``file`` at ``line``."""

    importer: str
    imported: str
    file: str
    line: int


def arrows(root: Path, *packages: str) -> Iterator[Arrow]:
    """Every import statement below the packages, also those in functions and under TYPE_CHECKING."""
    for package in packages:
        for file in sorted((root / package).rglob("*.py")):
            if "templates_data" not in file.parts:
                yield from _of_file(root, file)


def _of_file(root: Path, file: Path) -> Iterator[Arrow]:
    parts = file.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    where = str(file.relative_to(root))
    for node in ast.walk(ast.parse(file.read_bytes(), where)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Arrow(module, alias.name, where, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, is_package, node)
            for alias in node.names:
                yield Arrow(module, f"{base}.{alias.name}".strip("."), where, node.lineno)


def _absolute(module: str, is_package: bool, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    here = module.split(".") if is_package else module.split(".")[:-1]
    above = here[: len(here) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)

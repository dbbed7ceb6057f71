"""Which packages a worker asks for, by `pyproject.toml` or `requirements.txt`: names and lines, nothing is resolved.

The runner compares them with the packages that workers have, and the export lists what a worker imports. Pure text.
"""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_FILE = 256 * 1024
MAX_NAMES = 200
OF_THE_PLATFORM = frozenset(["workers-py", "workers-runtime-sdk", "webtypy", "pyodide", "pip", "setuptools"])
"""What workers for Cloudflare list for their tools; here it is there by itself or not needed."""
BY_IMPORT = {
    "PIL": "pillow", "attr": "attrs", "attrs": "attrs", "django": "django", "fastapi": "fastapi", "flask": "flask",
    "httpx": "httpx", "jinja2": "jinja2", "markdown": "markdown", "markupsafe": "markupsafe", "pydantic": "pydantic",
    "pygments": "pygments", "requests": "requests", "starlette": "starlette", "urllib3": "urllib3", "werkzeug": "werkzeug",
    "yaml": "pyyaml",
}  # fmt: skip
"""Packages of the runtime by the name that they are imported by."""

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package that a file asks for; ``name`` in its normal form (PEP 503), ``text`` the entry as it stands there, ``line``
    1-based, 0 where unknown."""

    name: str
    path: str
    line: int
    text: str

    @property
    def compact(self) -> str:
        """The entry without white space, so on one line."""
        return "".join(self.text.split())


def normal(name: str) -> str:
    """`Ruamel.YAML` and `ruamel_yaml` are one name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(modules: Mapping[str, bytes]) -> list[Requirement]:
    """What the worker's own files ask for, at most MAX_NAMES; what only holds under a condition is left out."""
    return list(_asked_for(modules.get("pyproject.toml", b""), modules.get("requirements.txt", b"")))


@functools.lru_cache(maxsize=32)  # asked with every run, and seldom another question
def _asked_for(project: bytes, listed: bytes) -> list[Requirement]:
    found = [*_of_project(project), *_of_list(listed)]
    unique = {each.name: each for each in reversed(found) if each.name not in OF_THE_PLATFORM}
    return sorted(unique.values(), key=lambda each: (each.path, each.line))[:MAX_NAMES]


def imported(modules: Mapping[str, bytes]) -> list[str]:
    """The packages of the runtime that a worker's modules import, by the names that they are installed by."""
    own = {path.split("/")[-1].removesuffix(".py") for path in modules if path.endswith(".py")}
    own |= {part for path in modules for part in path.split("/")[:-1]}
    names: set[str] = set()
    for path, content in modules.items():
        if path.endswith(".py"):
            names |= _imports(content)
    return sorted({BY_IMPORT[name] for name in names - own if name in BY_IMPORT})


def _imports(content: bytes) -> set[str]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names


def _of_project(content: bytes) -> Iterator[Requirement]:
    if not content or len(content) > MAX_FILE:
        return
    text = content.decode("utf-8-sig", "replace")
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return  # whoever packages the worker says so; it runs without
    project = data.get("project")
    listed = project.get("dependencies") if isinstance(project, dict) else None
    position = 0
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, str) or ";" in entry or not (match := _NAME.match(entry)):
            continue
        at = text.find(entry, position)
        position = max(at, position)
        line = text.count("\n", 0, at) + 1 if at >= 0 else 0
        yield Requirement(normal(match[1]), "pyproject.toml", line, entry.strip())


def _of_list(content: bytes) -> Iterator[Requirement]:
    if len(content) > MAX_FILE:
        return
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if entry and not entry.startswith("-") and ";" not in entry and (match := _NAME.match(entry)):
            # What pip-compile writes beside it, digests and the sign that the line goes on, says nothing that is needed.
            entry = entry.partition(" --")[0].rstrip("\\ ")
            yield Requirement(normal(match[1]), "requirements.txt", number, entry)

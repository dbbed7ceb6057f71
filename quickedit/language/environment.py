"""What the analysers read beside the worker's own files: the platform's package, the type of ``env`` written from the worker's
variables, secrets and bindings, and the names that stand for the platform's types in handlers without hints. Used by
``mirror`` and ``session``; text in, text out.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Mapping

ENV_MODULE = "_env"
"""Where ``workers`` takes its ``Env`` from, for analysers only: the runtime has no such module."""
REQUEST, ENV, CONTEXT = "_PlatformRequest", "_PlatformEnv", "_PlatformContext"
"""What the platform's types are called in a module whose handlers have no hints, as the checker sees it; never shown."""
PLATFORM_IMPORTS = (
    f"from workers import Request as {REQUEST}, Context as {CONTEXT}\nfrom {ENV_MODULE} import Env as {ENV}\n"
)
"""Stands behind such a module's last line."""

BINDING_TYPES = {
    "kv": ("workers.kv", "KVNamespace"),
    "d1": ("workers.d1", "D1Database"),
    "r2": ("workers.r2", "R2Bucket"),
    "queue": ("workers.queues", "Queue"),
    "service": ("workers.services", "Service"),
}
"""The platform's class of each kind of binding, by where it stands."""


def env_stub(variables: Iterable[str], secrets: Iterable[str], bindings: Mapping[str, str]) -> str:
    """The text of ``_env.pyi``. ``bindings`` maps a name to a kind of BINDING_TYPES; of another kind nothing is known.

    A Protocol and not a TypedDict, as jedi does not follow those. Names that are no identifiers cannot be written as
    ``env.name`` and are left out.
    """
    members = {
        **dict.fromkeys(variables, ("str", "A variable of this worker.")),
        **dict.fromkeys(secrets, ("str", "A secret of this worker.")),
        **{
            name: (BINDING_TYPES.get(kind, ("", "Any"))[1], "A binding of this worker.")
            for name, kind in bindings.items()
        },
    }
    lines = [
        "from collections.abc import Iterator",
        "from typing import Any, Protocol",
        *(f"from {module} import {name}" for module, name in BINDING_TYPES.values()),
        "",
        "class Env(Protocol):",
        '    """The variables, secrets and bindings of this worker."""',
    ]
    for name, (type_text, what) in sorted(members.items()):
        if name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__"):
            lines += [f"    {name}: {type_text}", f'    """{what}"""']
    lines += [
        "    def __iter__(self) -> Iterator[str]: ...",
        "    def __contains__(self, name: object) -> bool: ...",
        "",
    ]
    return "\n".join(lines)


def platform_module(text: str) -> str:
    """A module of the platform's package with the runtime's own class ``Env`` replaced by the generated one; any other text
    as it is."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    lines = text.split("\n")
    changes: list[tuple[int, int, str]] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Env":
            changes.append((node.lineno, node.end_lineno or node.lineno, f"from {ENV_MODULE} import Env as Env"))
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "env" for t in node.targets):
            changes.append((node.lineno, node.end_lineno or node.lineno, "env: Env"))
    if not any(replacement.startswith("from") for *_, replacement in changes):
        return text
    for first, last, replacement in reversed(changes):
        lines[first - 1 : last] = [replacement]
    return "\n".join(lines)

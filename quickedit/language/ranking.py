"""In what order completions stand: keyword arguments of the call, then the worker's own names and typed members, then what the
standard library brings, then what would have to be imported, names with one underscore, and dunders last. Used by
``analysis``, and its numbers by ``merge``.
"""

from __future__ import annotations

import os
import re
from typing import Any

from quickedit.language.index import MIN_PREFIX

KEYWORD_ARGUMENT, OWN, TYPED, BROUGHT_IN, AUTO_IMPORT, PRIVATE, DUNDER = range(7)
"""OWN is written in the worker; TYPED is a member of a class of a library, or a keyword; BROUGHT_IN is a builtin, or what a
module only imported itself."""

_EVERYTHING = ("object", "type", "EnumMeta")
_PLATFORM = ("_env.pyi", *(f"/workers/{name}" for name in ("request.py", "response.py", "headers.py")))
_WORD = re.compile(r"\w*$")
_NAMES_SOMETHING = frozenset(["def", "class", "import", "from", "as", "for", "lambda", "global", "nonlocal", "."])


class Place:
    """Where the cursor stands: the word before it, whether that is a member, and whether any name may stand there."""

    def __init__(self, script: Any, text: str, line: int, column: int) -> None:
        lines = text.split("\n")
        before = lines[line - 1][:column] if line <= len(lines) else ""
        found = _WORD.search(before)
        self.word = found[0] if found else ""
        self.line = line
        rest = before[: len(before) - len(self.word)].rstrip()
        self.after_dot = rest.endswith(".")
        self.in_import = bool(re.match(r"\s*(from|import)\s", before))
        self.wants_names = (
            bool(self.word) and not self.after_dot and not self.in_import and _is_name(script, line, column)
        )
        # With one character more the list gets names that would have to be imported.
        self.wants_more = self.wants_names and len(self.word) < MIN_PREFIX


def _is_name(script: Any, line: int, column: int) -> bool:
    """Whether the word before the cursor is a use of a name: no part of a string or comment, nothing that is being defined."""
    leaf = script._module_node.get_leaf_for_position((line, max(column - 1, 0)), include_prefixes=False)
    if leaf is None or leaf.type not in ("name", "error_leaf", "keyword"):
        return False
    previous = leaf.get_previous_leaf()
    return previous is None or getattr(previous, "value", "") not in _NAMES_SOMETHING


def rank(name: Any, place: Place, root: str) -> tuple[int, int, int, str]:
    """Sorts ascending. The first number is one of the constants above. Members of the worker's own classes and the platform's
    stand in the order in which they are written, as their author thought of them; everything else by name."""
    label = name.name
    if name.type == "param" and name.name_with_symbols.endswith("="):
        return KEYWORD_ARGUMENT, 0, 0, ""
    if label.startswith("__"):
        return DUNDER, int(label != "__init__"), 0, label
    if label.startswith("_"):
        return PRIVATE, 0, 0, label.casefold()
    prefixed = int(not label.startswith(place.word))
    if name.type == "keyword":
        return TYPED, prefixed, 0, label
    kind, line = _origin(name, place, root)
    return kind, prefixed, line, label.casefold()


def _origin(name: Any, place: Place, root: str) -> tuple[int, int]:
    inner = name._name
    tree_name = getattr(inner, "tree_name", None)
    if tree_name is None:
        return (TYPED if place.after_dot or place.in_import else BROUGHT_IN), 0
    try:
        path = str(inner.get_root_context().py__file__())
    except (AttributeError, NotImplementedError):
        path = ""
    own = path.startswith(root + os.sep)
    if not place.after_dot:
        return (OWN if own else TYPED if place.in_import else BROUGHT_IN), 0
    definition = tree_name.get_definition()
    if definition is not None and definition.type in ("import_name", "import_from"):
        return BROUGHT_IN, 0
    scope = tree_name.search_ancestor("classdef")
    if own or path.endswith(_PLATFORM):
        return OWN, tree_name.start_pos[0] if scope is not None else 0
    # A member that ``object`` or ``type`` gives to everything is not what was looked for.
    return (BROUGHT_IN if scope is not None and scope.name.value in _EVERYTHING else TYPED), 0

"""Quick fixes: what the linter offers with its messages, and imports for names that are not defined. Used by ``session``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from quickedit.language.checks import Problems

Offers = Callable[[str], Awaitable[Any]]
_UNDEFINED = frozenset(["unresolved-reference"])
_NAME = re.compile(r"`(\w+)`")


async def at(problems: Problems, path: str, params: dict[str, Any], offers: Offers) -> list[dict[str, Any]]:
    """The protocol's code actions for a range of a module. ``offers`` finds imports for a name."""
    uri, reach = params["textDocument"]["uri"], params["range"]
    actions = []
    for item in problems.of("ruff", path):
        fix = item.get("data")
        if _touches(item["range"], reach) and isinstance(fix, dict) and fix.get("edits"):
            actions.append(_action(str(fix.get("title") or item["message"]), uri, fix["edits"], item))
    for item in problems.of("ty", path):
        name = _NAME.search(item["message"])
        if item.get("code") in _UNDEFINED and name is not None and _touches(item["range"], reach):
            for offer in await offers(name[1]) or []:
                title = f"Import: {offer['detail']}"
                actions.append(_action(title, uri, offer["additionalTextEdits"], item))
    for action in actions[:1]:
        action["isPreferred"] = True
    return actions


def _action(title: str, uri: str, edits: list[Any], item: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in item.items() if key != "data"}
    return {"title": title, "kind": "quickfix", "diagnostics": [shown], "edit": {"changes": {uri: edits}}}


def _touches(one: Any, other: Any) -> bool:
    return _key(one["start"]) <= _key(other["end"]) and _key(other["start"]) <= _key(one["end"])


def _key(place: Any) -> tuple[int, int]:
    return place["line"], place["character"]

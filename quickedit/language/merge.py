"""One list of completions from two analysers: no label twice, the order of ``ranking``, and the settled list when both have
answered. Pure but for the waiting; used by ``session``.
"""

from __future__ import annotations

from typing import Any

from quickedit.language.ranking import AUTO_IMPORT, BROUGHT_IN, DUNDER, KEYWORD_ARGUMENT, PRIVATE, TYPED

MAX_ITEMS = 400
_KEYWORD = 14


def merge(
    jedi: list[dict[str, Any]] | None, checker: list[dict[str, Any]] | None, word: str, after_dot: bool
) -> list[dict[str, Any]]:
    """Items in order, each with its ``sortText``. What both know stands once, with jedi's rank, which knows where a name comes
    from, and the checker's documentation and types."""
    jedi, checker = jedi or [], checker or []
    if after_dot and all(str(item["label"]).startswith("__") for item in checker):
        checker = []  # what every object has: of this one it knows nothing
    places = {item["label"]: index for index, item in enumerate(checker)}
    merged: dict[str, dict[str, Any]] = {}
    for item in jedi:
        label = item["label"]
        if label in merged and item["rank"] == AUTO_IMPORT:
            continue
        key = label if item["rank"] != AUTO_IMPORT else f"{label} {item['detail']}"
        theirs = checker[places[label]] if label in places and item["rank"] != AUTO_IMPORT else {}
        merged[key] = {**{name: theirs[name] for name in ("detail", "documentation") if theirs.get(name)}, **item}
    for index, item in enumerate(checker):
        if item["label"] not in merged and _fits(item, word):
            merged[item["label"]] = {**item, "rank": _rank(item, index, after_dot)}
    known = {item["label"] for item in merged.values() if item["rank"] != AUTO_IMPORT}
    items = [item for item in merged.values() if item["rank"] != AUTO_IMPORT or item["label"] not in known]
    ranked = sorted(
        enumerate(items),
        key=lambda pair: (
            pair[1]["rank"],
            not pair[1]["label"].startswith(word),
            pair[0],
        ),
    )
    return [
        {**{key: value for key, value in item.items() if key != "rank"}, "sortText": f"{place:04}"}
        for place, (_, item) in enumerate(ranked[:MAX_ITEMS])
    ]


def _fits(item: dict[str, Any], word: str) -> bool:
    """Names that the platform's hints bring along are nobody's; and whoever types a word wants it at the beginning."""
    label = str(item["label"])
    return not label.startswith("_Platform") and label.casefold().startswith(word.casefold())


def _rank(item: dict[str, Any], index: int, after_dot: bool) -> int:
    label = str(item["label"])
    if label.endswith("="):
        return KEYWORD_ARGUMENT
    if label.startswith("__"):
        return DUNDER
    if label.startswith("_"):
        return PRIVATE
    if item.get("additionalTextEdits"):
        return AUTO_IMPORT
    if item.get("kind") == _KEYWORD:
        return TYPED
    return TYPED if after_dot or index < 10 else BROUGHT_IN

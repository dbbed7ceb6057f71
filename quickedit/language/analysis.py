"""Questions to jedi and its answers as plain data, in the shape of the Language Server Protocol. Runs in ``engine`` only.

Lines count from 1 and columns in code points from 0, as jedi has them; the session changes them from and to the protocol's.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import jedi
from jedi.api.environment import Environment

from preview.bundle import PACKAGES
from quickedit.language.index import Index, Offer, import_line
from quickedit.language.ranking import AUTO_IMPORT, Place, rank

MAX_ITEMS = 500
"""Completions in one answer; beyond it the answer says that it is incomplete, and typing on narrows it."""
MAX_DOCUMENTATION = 8000
"""Characters of one documentation string."""
_REMEMBERED = 16
"""Sessions whose last completions can still be asked for their documentation."""

_KINDS = {
    "module": 9, "class": 7, "instance": 6, "function": 3, "param": 6, "path": 17, "keyword": 14, "property": 10,
    "statement": 6, "namespace": 9,
}  # fmt: skip
_METHOD, _FIELD, _CONSTANT = 2, 5, 21


class Analyst:
    """Answers for all sessions of one process, one question at a time."""

    def __init__(self, environment: Environment, platform: str, standard_library: list[str]) -> None:
        self._environment = environment
        self._search = [platform, *standard_library, str(PACKAGES)]
        self._projects: OrderedDict[tuple[str, str], jedi.Project] = OrderedDict()
        self._last: OrderedDict[str, tuple[int, list[Any]]] = OrderedDict()
        self._generation = 0
        self._index = Index(Path(jedi.__file__).parent / "third_party" / "typeshed" / "stdlib", Path(platform))

    def complete(self, *, root: str, source: str, path: str, text: str, line: int, column: int) -> dict[str, Any]:
        """Completion items at a place. ``source`` is the import root below ``root``. The best stand first; ``rank`` is how the
        session sorts them among another analyser's: see ``ranking``."""
        script = self._script(root, source, path, text)
        found = script.complete(line, column)
        place = Place(script, text, line, column)
        self._generation += 1
        self._last[root] = (self._generation, found)
        self._last.move_to_end(root)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        ranked = sorted((rank(name, place, root), index) for index, name in enumerate(found))
        items = [self._item(index, found[index], place.after_dot, ranks) for ranks, index in ranked[:MAX_ITEMS]]
        if place.wants_names:
            there = {item["label"] for item in items}
            offers = self._index.offers(place.word, Path(root, source), os.path.join(root, path))
            offered = [offer for offer in offers if offer.label not in there]
            if offered:
                items += _auto_imports(offered, import_line(text))
        return {"isIncomplete": len(found) > MAX_ITEMS or place.wants_more, "items": items}

    def _item(self, index: int, name: Any, after_dot: bool, ranks: tuple[int, int, int, str]) -> dict[str, Any]:
        kind = _KINDS.get(name.type, 1)
        if after_dot and kind == 3:
            kind = _METHOD
        elif after_dot and kind == 6:
            kind = _FIELD
        elif kind == 6 and name.name.isupper():
            kind = _CONSTANT
        return {"label": name.name_with_symbols, "kind": kind, "rank": ranks[0], "data": [self._generation, index]}

    def resolve(self, *, root: str, generation: int, index: int) -> dict[str, Any] | None:
        """Signature and documentation of one item of the last answer; None for an older one."""
        current, found = self._last.get(root, (0, []))
        if current != generation or not 0 <= index < len(found):
            return None
        name = found[index]
        signatures = [signature.to_string() for signature in name.get_signatures()[:3]]
        detail = "\n".join(signatures) or name.description
        return {"detail": detail[:MAX_DOCUMENTATION], "documentation": _plain(name.docstring(raw=True))}

    def offers(self, *, root: str, source: str, path: str, text: str, name: str) -> list[dict[str, Any]]:
        """What to import for a name that is not defined: title and edit of each, the best first."""
        found = self._index.offers(name, Path(root, source), os.path.join(root, path))
        exact = [offer for offer in found if offer.label.rpartition(".")[2] == name]
        return _auto_imports(exact[:4], import_line(text)) if exact else []

    def signatures(
        self, *, root: str, source: str, path: str, text: str, line: int, column: int
    ) -> dict[str, Any] | None:
        """What the call around a place accepts; None where there is no call."""
        found = self._script(root, source, path, text).get_signatures(line, column)
        if not found:
            return None
        items = []
        for signature in found[:8]:
            label = signature.to_string()
            item = {
                "label": label,
                "parameters": _parameters(label, signature),
                "documentation": _plain(signature.docstring(raw=True)),
            }
            if signature.index is not None:
                item["activeParameter"] = signature.index
            items.append(item)
        return {"signatures": items, "activeSignature": 0, "activeParameter": found[0].index or 0}

    def warm(self) -> None:
        """Reads what nearly every question needs, so that the first person does not wait for it."""
        text = "import workers\nworkers.Request\n''."
        project = jedi.Project(
            self._search[0], sys_path=self._search, smart_sys_path=False, load_unsafe_extensions=False
        )
        jedi.Script(
            text, path=Path(self._search[0], "main.py"), project=project, environment=self._environment
        ).complete(3, 3)

    def _script(self, root: str, source: str, path: str, text: str) -> jedi.Script:
        project = self._projects.get((root, source))
        if project is None:
            own = os.path.join(root, source) if source else root
            session = os.path.dirname(root)
            search = [own, os.path.join(session, "stubs"), *self._search, os.path.join(session, "asked")]
            project = jedi.Project(root, sys_path=search, smart_sys_path=False, load_unsafe_extensions=False)
            self._projects[root, source] = project
            if len(self._projects) > 4 * _REMEMBERED:
                self._projects.popitem(last=False)
        return jedi.Script(text, path=Path(root, path), project=project, environment=self._environment)


def _parameters(label: str, signature: Any) -> list[dict[str, Any]]:
    """Each as the range of the label that it takes, so that the editor marks the right one even where names repeat."""
    parameters, position = [], label.find("(") + 1
    for param in signature.params:
        text = param.to_string()
        start = label.find(text, position)
        if start < 0:
            parameters.append({"label": text})
            continue
        position = start + len(text)
        parameters.append({"label": [start, position]})
    return parameters


def _plain(text: str) -> dict[str, str] | str:
    return {"kind": "plaintext", "value": text[:MAX_DOCUMENTATION]} if text else ""


def _auto_imports(offers: list[Offer], line: int) -> list[dict[str, Any]]:
    place = {"line": line, "character": 0}
    return [
        {
            "label": offer.label.rpartition(".")[2],
            "labelDetails": {"description": offer.module},
            "kind": offer.kind,
            "rank": AUTO_IMPORT,
            "detail": offer.statement,
            "additionalTextEdits": [{"range": {"start": place, "end": place}, "newText": f"{offer.statement}\n"}],
        }
        for offer in offers
    ]

"""Between the editor's protocol messages and a checker's: the one calls files ``file:///worker/…``, the other by their place in
the mirror, and handlers without hints are longer in the checker's text (``typed``). Pure; used by ``checker``.

What the checker names outside the workspace (the platform's stubs, the standard library's) becomes ``stubs:/…``, which the
client asks for by ``workspace/textDocumentContent``; any other path of the server's is never named to a client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from quickedit.language.documents import utf16_units
from quickedit.language.typed import View

STUBS = "stubs"
"""The scheme of read-only documents."""
NOWHERE = "stubs:/nowhere"

Views = Callable[[str], View | None]


class Translator:
    """``root`` is how the client calls the workspace, ``views`` gives the view of a path of it, ``shelves`` the folders of the
    server that clients may read, by the name under which they stand in ``stubs:/…``."""

    def __init__(self, root: str, mirror: Path, shelves: Mapping[str, Path], views: Views) -> None:
        self._root = root
        self._mirror = str(mirror)
        self._shelves = {name: str(path) for name, path in shelves.items()}
        self._views = views

    # --- to the checker -----------------------------------------------------------------------------------------------

    def uri_of(self, path: str) -> str:
        return f"file://{quote(f'{self._mirror}/{path}')}"

    def into(self, value: Any, view: View | None) -> Any:
        """Parameters of a question about one document."""
        if isinstance(value, dict):
            if set(value) == {"line", "character"} and view is not None:
                return {"line": value["line"], "character": view.into(value["line"], value["character"])}
            return {key: self._uri_into(item) if key == "uri" else self.into(item, view) for key, item in value.items()}
        if isinstance(value, list):
            return [self.into(item, view) for item in value]
        return value

    def _uri_into(self, uri: Any) -> Any:
        place = urlsplit(str(uri))
        path = unquote(place.path)
        if place.scheme == STUBS:
            shelf, _, rest = path.lstrip("/").partition("/")
            folder = self._shelves.get(shelf, "/nonexistent")
            return f"file://{quote(f'{folder}/{rest}')}"
        return f"file://{quote(self._mirror + path.removeprefix(self._root))}"

    # --- to the client ------------------------------------------------------------------------------------------------

    def uri_out(self, uri: str) -> str:
        """How the client calls a file of the checker's; NOWHERE for one that it may not know."""
        path = unquote(urlsplit(uri).path)
        if path.startswith(f"{self._mirror}/"):
            return f"file://{quote(self._root + path.removeprefix(self._mirror))}"
        for name, folder in self._shelves.items():
            if path.startswith(f"{folder}/"):
                return f"{STUBS}:/{name}{quote(path.removeprefix(folder))}"
        return NOWHERE

    def path_of(self, uri: str) -> str | None:
        """The workspace path of a file of the checker's."""
        path = unquote(urlsplit(uri).path)
        return path.removeprefix(f"{self._mirror}/") if path.startswith(f"{self._mirror}/") else None

    def out(self, value: Any, view: View | None) -> Any:
        """An answer about the document of ``view``. Places elsewhere are taken through the views of their own documents; what is
        NOWHERE is left out of lists."""
        if isinstance(value, list):
            items = [self.out(item, view) for item in value if not self._is_inserted(item, view)]
            return [item for item in items if not _is_nowhere(item)]
        if not isinstance(value, dict):
            return value
        if len(value) == 2 and "line" in value and "character" in value:
            if view is None:
                return value
            if value["line"] >= view.lines:
                return {"line": view.lines, "character": 0}
            return {"line": value["line"], "character": view.out_of(value["line"], value["character"])}
        uri = value.get("uri") or value.get("targetUri")
        there = self._view_of(uri) if isinstance(uri, str) else view
        result: dict[str, Any] = {}
        for key, item in value.items():
            if key in ("uri", "targetUri"):
                result[key] = self.uri_out(str(item))
            elif key == "originSelectionRange":
                result[key] = self.out(item, view)
            elif key == "changes" and isinstance(item, dict):
                result[key] = {self.uri_out(name): self.out(edits, self._view_of(name)) for name, edits in item.items()}
            else:
                result[key] = self.out(item, there)
        if isinstance(value.get("textDocument"), dict) and "edits" in value:
            result["edits"] = self.out(value["edits"], self._view_of(str(value["textDocument"].get("uri"))))
        return result

    def _is_inserted(self, item: Any, view: View | None) -> bool:
        """Whether an item of a list is about text that is not the person's."""
        if not isinstance(item, dict):
            return False
        place = item["location"] if isinstance(item.get("location"), dict) else item
        uri = place.get("uri") or place.get("targetUri")
        there = self._view_of(uri) if isinstance(uri, str) else view
        reach = place.get("targetSelectionRange") or place.get("range") or {"start": place.get("position")}
        start = reach.get("start") if isinstance(reach, dict) else None
        return there is not None and isinstance(start, dict) and there.holds(start["line"], start["character"])

    def _view_of(self, uri: str) -> View | None:
        path = self.path_of(uri)
        return self._views(path) if path is not None else None


def tokens_out(data: list[int], view: View) -> list[int]:
    """Semantic tokens, five numbers each and relative to the one before, without those inside inserted hints.

    None is longer than what is left of its line, as the protocol has it for clients like ours: the checker counts the line's end
    to a string that goes on in the next.
    """
    lines = view.text.split("\n")
    result: list[int] = []
    line = start = last_line = last_start = 0
    for index in range(0, len(data) - 4, 5):
        line, start = line + data[index], data[index + 1] + (0 if data[index] else start)
        if line >= len(lines) or view.holds(line, start + 1):
            continue
        length = data[index + 2]
        if start + length > len(lines[line]):  # there are at least as many units as characters
            length = min(length, utf16_units(lines[line], len(lines[line])) - start)
        if length <= 0:
            continue
        place = view.out_of(line, start)
        same = line == last_line and bool(result)
        result += [line - last_line, place - last_start if same else place, length, *data[index + 3 : index + 5]]
        last_line, last_start = line, place
    return result


def _is_nowhere(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    location = value.get("location")
    names = [value.get("uri"), value.get("targetUri"), location.get("uri") if isinstance(location, dict) else None]
    return NOWHERE in names

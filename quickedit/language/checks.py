"""What is wrong with a session's modules: asked of the type checker as one types, of all modules when one pauses, of the linter
then too, and sent to the client as one list a module. Used by ``session``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from quickedit.language import explanations
from quickedit.language.checker import Checker
from quickedit.language.documents import Document, unfit
from quickedit.language.lint import PORTABILITY, Linter

PAUSE = 0.25
"""Seconds without a change before all modules are checked and the open ones linted."""

_NOWHERE = ".nothing.py"
"""A module that is not there and was said to have something wrong: where nothing at all is wrong, the checker would else keep the
question until something is."""

Items = list[dict[str, Any]]
_log = logging.getLogger(__name__)


class Problems:
    """By source and module. ``publish`` gets a module's whole list whenever it changed."""

    def __init__(self, publish: Callable[[str, Items], None]) -> None:
        self._publish = publish
        self._found: dict[str, dict[str, Items]] = {}

    def put(self, source: str, path: str, items: Items) -> None:
        known = self._found.setdefault(source, {})
        if known.get(path, []) != items:
            known[path] = items
            self._publish(path, [item for found in self._found.values() for item in found.get(path, [])])

    def only(self, source: str, paths: set[str]) -> None:
        """Modules that are no more, or have nothing wrong any more."""
        for path in set(self._found.get(source, {})) - paths:
            self.put(source, path, [])

    def of(self, source: str, path: str) -> Items:
        return self._found.get(source, {}).get(path, [])


class Checks:
    """``documents`` are the open ones, ``files`` gives the workspace's text by path, ``refresh`` brings its mirror up to date."""

    def __init__(
        self,
        checker: Checker,
        linter: Linter,
        problems: Problems,
        documents: Mapping[str, Document],
        files: Callable[[], Mapping[str, str]],
        refresh: Callable[[], None],
    ) -> None:
        self._checker, self._linter, self._problems = checker, linter, problems
        self._documents, self._files, self._refresh = documents, files, refresh
        self._dirty: set[str] = set()
        self._unlinted: set[str] = set()
        self._typing: asyncio.Task[None] | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._whole: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.portability = True

    def changed(self, path: str) -> None:
        """An open document has another text."""
        document = self._documents.get(path)
        if document is None:
            return
        self._problems.put("limits", path, _limits(document.text))
        self._dirty.add(path)
        self._unlinted.add(path)
        if self._typing is None or self._typing.done():
            self._typing = self._loop.create_task(self._check_open())
        self.later()

    def later(self) -> None:
        """Something changed that may matter to any module."""
        if self._resting is not None:
            self._resting.cancel()
        self._resting = self._loop.call_later(PAUSE, self._rest)

    def again(self) -> None:
        """The linter's messages for all open modules, as a setting changed."""
        self._unlinted.update(self._documents)
        self.later()

    async def close(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
        tasks = [task for task in (self._typing, self._whole) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _check_open(self) -> None:
        self._refresh()
        while self._dirty:
            path = self._dirty.pop()
            document = self._documents.get(path)
            if document is None or unfit(document.text):
                self._problems.put("ty", path, [])
                continue
            identity = {"textDocument": {"uri": self._checker.uri_of(path)}}
            answer = await self._checker.ask("textDocument/diagnostic", identity, path)
            if isinstance(answer, dict) and path in self._documents:
                self._problems.put("ty", path, explanations.explained(answer.get("items", [])))

    def _rest(self) -> None:
        self._resting = None
        if self._whole is None or self._whole.done():
            self._whole = self._loop.create_task(self._check_all())
        else:
            self.later()

    async def _check_all(self) -> None:
        self._refresh()
        while self._unlinted:
            await self._lint(self._unlinted.pop())
        nowhere = {"uri": self._checker.uri_of(_NOWHERE), "value": "0"}
        answer = await self._checker.ask("workspace/diagnostic", {"previousResultIds": [nowhere]})
        if not isinstance(answer, dict):
            return
        found: dict[str, Items] = {}
        for report in answer.get("items", []):
            path = self._checker.path_of(str(report.get("uri")))
            if path is not None and isinstance(report.get("items"), list):
                found[path] = explanations.explained(report["items"])
        for path, items in found.items():
            if path not in self._dirty:
                self._problems.put("ty", path, items)
        self._problems.only("ty", set(found) | self._dirty)
        self._problems.only("ruff", {*self._files(), *self._documents})

    async def _lint(self, path: str) -> None:
        document = self._documents.get(path)
        if document is None or unfit(document.text):
            self._problems.put("ruff", path, [])
            return
        text = document.text
        items = await self._linter.lint(text)
        if document.text == text:
            kept = [_quiet(item) for item in items if self.portability or item.get("code") != PORTABILITY]
            self._problems.put("ruff", path, kept)


def _quiet(item: dict[str, Any]) -> dict[str, Any]:
    """The linter speaks more softly than the type checker: as a warning, and about portability as information."""
    if item.get("code") == PORTABILITY:
        message = str(item.get("message", "")).partition(": ")[2] or item.get("message")
        return {**item, "severity": 3, "source": "portability", "code": "cloudflare", "message": message}
    return {**item, "severity": 2, "source": "ruff"}


def _limits(text: str) -> Items:
    reason = unfit(text)
    if not reason:
        return []
    start = {"line": 0, "character": 0}
    return [{"range": {"start": start, "end": start}, "severity": 2, "source": "Quick Edit", "message": reason}]

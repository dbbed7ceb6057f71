"""What a session knows of its worker: the open documents, the committed files, the names in ``env``, and the mirror and the
checker that have to hear of them. Used by ``session``; it asks nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from preview.bundle import CONFIG_FILES, BadModulePath, ConfigError, check_path, read_config
from quickedit.language.checker import Checker
from quickedit.language.checks import Checks, Items, Problems
from quickedit.language.documents import Document, position, unfit
from quickedit.language.environment import env_stub
from quickedit.language.pool import Pool
from quickedit.language.typed import view

MAX_OPEN = 128
"""Documents open at a time; an editor keeps a few dozen models at most."""
_ROOT = "/worker"

_log = logging.getLogger(__name__)


class Workspace:
    """``publish`` gets the URI of a module and all that is wrong with it, whenever that changed."""

    def __init__(self, pool: Pool, publish: Callable[[str, Items], None]) -> None:
        self.documents: dict[str, Document] = {}
        self.mirror = pool.home.new_mirror()
        self.source = ""
        self.generation = 0
        """Grows with every change of what is not open."""
        self._pool, self._publish = pool, publish
        self._files: Mapping[str, str] = {}
        self._variables: tuple[str, ...] = ()
        self._secrets: tuple[str, ...] = ()
        self._bindings: Mapping[str, str] = {}
        self._configured: tuple[str, ...] = ()
        self._declared: Mapping[str, str] = {}
        self._environment = ""
        self._stale = True
        self._set_aside: dict[str, str] = {}
        self._hinted: set[str] = set()
        self.begin(_ROOT)

    def begin(self, root: str) -> None:
        """For a client that calls the workspace ``root``, such as ``/worker``."""
        self.root = root
        self.problems = Problems(lambda path, items: self._publish(self.uri(path), items))
        self.checker = Checker(self._pool.home, self.mirror, root, set_aside=self._put_aside, again=self._check_again)
        self.checks = Checks(
            self.checker, self._pool.linter, self.problems, self.documents, lambda: self._files, self.refresh
        )

    async def begin_again(self, root: str) -> None:
        """``begin`` where something may have begun before."""
        if root != self.root:
            await self.checks.close()
            await self.checker.close()
            self.begin(root)

    # --- names --------------------------------------------------------------------------------------------------------

    def uri(self, path: str) -> str:
        return f"file://{quote(f'{self.root}/{path}')}"

    def path(self, params: dict[str, Any]) -> str:
        """The workspace path of a document. Raises BadModulePath for what is none, such as a path outside the root."""
        path = unquote(urlsplit(str(params["textDocument"]["uri"])).path)
        if self.root and not path.startswith(f"{self.root}/"):
            raise BadModulePath(f"{path[:200]} is not in the workspace")
        return check_path(path.removeprefix(f"{self.root}/"))

    def document(self, path: str) -> Document:
        """The open one, else one made of what was committed."""
        return self.documents.get(path) or Document(path, self._files.get(path, ""))

    def place(self, params: dict[str, Any]) -> dict[str, Any]:
        """Where a question is about, in the analysing process's terms. Raises BadModulePath, BadPosition."""
        path = self.path(params)
        document = self.document(path)
        line, column = document.line_and_column(*position(params["position"]))
        return {**self.module(path), "line": line, "column": column}

    def module(self, path: str) -> dict[str, Any]:
        self.refresh()
        text = self.document(path).text
        return {"root": str(self.mirror.root), "source": self.source, "path": path, "text": text}

    # --- what is told -------------------------------------------------------------------------------------------------

    def open(self, params: dict[str, Any]) -> None:
        path, text = self.path(params), params["textDocument"]["text"]
        if isinstance(text, str) and (path in self.documents or len(self.documents) < MAX_OPEN):
            self.documents[path] = Document(path, text)
            self._show(self.documents[path])

    def change(self, params: dict[str, Any]) -> None:
        document = self.documents.get(self.path(params))
        if document is not None and isinstance(params["contentChanges"], list):
            document.change(params["contentChanges"])
            self._show(document)

    def close_document(self, params: dict[str, Any]) -> None:
        path = self.path(params)
        if self.documents.pop(path, None) is not None:
            self.checker.hide(path)
            self._hinted.discard(path)
            self._changed()

    def files_changed(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)
        self._changed()

    def settings_changed(self, variables: Iterable[str], secrets: Iterable[str], bindings: Mapping[str, str]) -> None:
        self._variables, self._secrets, self._bindings = tuple(variables), tuple(secrets), dict(bindings)
        self._changed()

    def packages_changed(self, environment: str) -> None:
        if environment != self._environment:
            self._environment = environment
            self._changed()

    def configure(self, params: dict[str, Any]) -> None:
        """The client's settings: ``{"quickedit": {"portability": bool}}``."""
        settings = params["settings"].get("quickedit", {})
        if isinstance(settings, dict) and isinstance(settings.get("portability"), bool):
            self.checks.portability = settings["portability"]
            self.checks.again()

    def refresh(self) -> None:
        """Brings the mirror up to date, when anything was committed since."""
        if not self._stale:
            return
        self._stale = False
        self._read_config()
        stub = env_stub([*self._configured, *self._variables], self._secrets, {**self._declared, **self._bindings})
        without = {path for path, text in self._set_aside.items() if self._files.get(path) == text}
        try:
            changed = self.mirror.update(self._files, stub, without)
            self.mirror.show_packages(self._environment)
        except OSError as error:
            _log.warning("the language mirror cannot be written: %s", error)
            return
        self.checker.files_changed(changed)
        self.checker.imports_from(self.source, self._environment)
        self._hint_closed(without)

    async def close(self) -> None:
        await self.checks.close()
        await self.checker.close()
        self.mirror.remove()

    def _changed(self) -> None:
        self._stale = True
        self.generation += 1
        if self.documents:
            self.checks.later()

    def _read_config(self) -> None:
        # Of the other modules only the names matter here.
        named = {path: text.encode() if path in CONFIG_FILES else b"" for path, text in self._files.items()}
        try:
            config = read_config(named)
        except ConfigError:
            return  # being edited: the last good one holds
        self.source, self._configured = config.root, tuple(config.variables)
        self._declared = {binding.name: str(binding.kind) for binding in config.bindings}

    def _show(self, document: Document) -> None:
        """To the checker, unless it is known to die of it, or the text is none for it."""
        if self._set_aside.get(document.path) == document.text:
            return
        self._set_aside.pop(document.path, None)
        if unfit(document.text):
            self.checker.hide(document.path)
        else:
            self.checker.show(document)
        self.checks.changed(document.path)

    def _hint_closed(self, without: set[str]) -> None:
        """Modules with handlers get the platform's types in the checker also where nobody has them open."""
        hinted = set()
        for path, text in self._files.items():
            if path in self.documents or path in without or not path.endswith(".py") or "fetch" not in text:
                continue
            if not unfit(text) and view(text).inserted:
                hinted.add(path)
                self.checker.show(Document(path, text))
        for path in self._hinted - hinted - set(self.documents):
            self.checker.hide(path)
        self._hinted = hinted

    def _put_aside(self, suspects: set[str]) -> str:
        """The checker died, probably of one of these: one with an endless line, else the longest. It gets that no
        more until the text is another; were it the wrong one, the next death leaves one suspect fewer."""
        texts = {path: self.document(path).text for path in suspects}
        path = max(suspects, key=lambda each: (_has_endless_line(texts[each]), len(texts[each])))
        self._set_aside[path] = self.document(path).text
        self._stale = True
        self.problems.put("ty", path, [])
        start = {"line": 0, "character": 0}
        message = "The type checker cannot read this module and leaves it out until it changes."
        notice = {"range": {"start": start, "end": start}, "severity": 2, "source": "Quick Edit", "message": message}
        self.problems.put("limits", path, [notice])
        self.refresh()  # or the next checker would find it in the mirror, and another module would be blamed for its end
        return path

    def _check_again(self) -> None:
        for path, document in self.documents.items():
            if self._set_aside.get(path) != document.text:
                self.checks.changed(path)


def _has_endless_line(text: str) -> bool:
    return max(map(len, text.split("\n"))) > 2000

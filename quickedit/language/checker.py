"""The type checker of one session: a ``ty server`` of its own, as one user's text can end it. It starts with the first question,
stops when nothing was asked for a while, and starts again after it died, with what probably killed it set aside. Used by
``session``; how many may run at a time is ``budget``'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from quickedit.language import budget, initialize, jsonrpc, launch
from quickedit.language.documents import Document
from quickedit.language.mirror import Home, Mirror
from quickedit.language.translate import Translator, tokens_out
from quickedit.language.typed import View, view

WAIT = 1.5
"""Seconds for one answer; a checker that takes longer is stuck on something and is replaced."""
IDLE = 60.0
"""Seconds without a question before it stops."""
MEMORY = 1024 * 1024 * 1024
"""Bytes of data of one process; usual are 15 to 30 MB."""
BACK_OFF = (0.0, 0.0, 0.5, 2.0, 8.0, 30.0)
"""Seconds before a start, by how often it died since it last did well."""
_TRIES = 4
"""Times that a question is asked whose answer a change of the text cut short."""
_WELL = 30.0
"""Seconds of life after which the deaths before count no more."""

_log = logging.getLogger(__name__)


class Overtaken(Exception):
    """The text was changed before anybody had looked at what was asked about it."""


class Checker:
    """``set_aside`` is called when it died, with the modules of which one may have been the cause; it says which one the checker
    shall see no more. ``again`` is called when it can be asked anew for what it knew."""

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        root: str,
        *,
        set_aside: Callable[[set[str]], str],
        again: Callable[[], None],
    ) -> None:
        self.starts = 0
        self._home, self._mirror, self._root = home, mirror, root
        self._set_aside, self._again = set_aside, again
        self._server: jsonrpc.Server | None = None
        self._legend: list[str] = []
        self._starting = asyncio.Lock()
        self._views: dict[str, View] = {}
        self._sent: dict[str, str] = {}
        self._version = 0
        self._deaths = 0
        self._not_before = 0.0
        self._unproven: set[str] = set()
        """Modules whose text has not been checked yet: one of them may be its end."""
        self._late = False
        """Whether an answer did not come in time since all modules were checked, or one was set aside. The first one that does
        not is nobody's fault: the machine may have much to do."""
        self._forgiven = False
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._source = self._packages = ""
        self._shelves = {
            "worker": mirror.stubs,
            "platform": home.platform,
            "stdlib": mirror.folder / "cache" / "ty" / "vendored" / "typeshed",
            "packages": home.packages,
            "asked": mirror.asked,
        }
        self._translator = Translator(root, mirror.root, self._shelves, self._views.get)

    @property
    def running(self) -> bool:
        return self._server is not None

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None else None

    # --- what it is told ------------------------------------------------------------------------------------------------

    def show(self, document: Document) -> None:
        """The text of an open document. Cheap where nothing changed."""
        if self._sent.get(document.path) == document.text:
            return
        self._unproven.add(document.path)
        known = document.path in self._sent
        self._sent[document.path] = document.text
        made = self._views[document.path] = view(document.text)
        if self._server is None:
            return
        uri = self._translator.uri_of(document.path)
        if known:
            self._version += 1
            identity = {"uri": uri, "version": self._version}
            self._server.notify(
                "textDocument/didChange", {"textDocument": identity, "contentChanges": [{"text": made.text}]}
            )
        else:
            self._server.notify("textDocument/didOpen", {"textDocument": self._opened(document.path, made.text)})

    def hide(self, path: str) -> None:
        """A document was closed: its text is the mirror's again."""
        if self._sent.pop(path, None) is not None:
            self._views.pop(path, None)
            if self._server is not None:
                self._server.notify("textDocument/didClose", {"textDocument": {"uri": self._translator.uri_of(path)}})

    def files_changed(self, changed: Iterable[tuple[Path, int]]) -> None:
        """The mirror was written."""
        changes = [{"uri": path.as_uri(), "type": how} for path, how in changed]
        for path, how in changed:
            if how != 3 and path.is_relative_to(self._mirror.root):
                self._unproven.add(str(path.relative_to(self._mirror.root)))
        if changes and self._server is not None:
            self._server.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    def imports_from(self, source: str, packages: str) -> None:
        """The folder of the workspace at which imports start, and the name of the packages that it asked for. A change starts the
        checker anew: it looks for a package once."""
        if (source, packages) != (self._source, self._packages):
            self._source, self._packages = source, packages
            self._stop()

    # --- what it is asked -----------------------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        params: dict[str, Any],
        path: str | None = None,
        *,
        wait: float = WAIT,
        as_it_is: bool = False,
    ) -> Any:
        """The answer in the client's terms, None where there is none: a checker that is not there, died or had no answer. Where
        the text changes before it is looked at, the answer is about the new one, or with ``as_it_is`` none: Overtaken."""
        server = await self._started()
        if server is None:
            return None
        seen = self._views.get(path) if path is not None else None
        try:
            question = self._translator.into(params, seen)
            answer = await self._ask(
                server, method, question, wait, lambda: as_it_is and self._views.get(path or "") is not seen
            )
        except jsonrpc.RequestFailed as error:
            _log.info("%s: %s", method, error)
            return None
        except jsonrpc.Gone:
            return None
        except TimeoutError:
            _log.warning("the type checker took longer than %s s for %s; it is replaced", wait, method)
            self._forgiven, self._late = not self._late, True
            await server.close()
            return None
        if method == "workspace/diagnostic":
            self._unproven.clear()
            self._late = False
        elif method == "textDocument/diagnostic" and path is not None and self._views.get(path) is seen:
            self._unproven.discard(path)
        if method.startswith("textDocument/semanticTokens") and isinstance(answer, dict):
            return {"data": tokens_out(answer.get("data", []), seen)} if seen is not None else answer
        return self._translator.out(answer, seen)

    async def _ask(
        self, server: jsonrpc.Server, method: str, params: Any, wait: float, overtaken: Callable[[], bool]
    ) -> Any:
        for _ in range(_TRIES - 1):
            try:
                return await server.ask(method, params, wait=wait)
            except jsonrpc.RequestFailed as error:
                if not error.again:
                    raise
                if overtaken():
                    raise Overtaken from error
        return await server.ask(method, params, wait=wait)

    def uri_of(self, path: str) -> str:
        """How the client calls a module."""
        return self._translator.uri_out(self._translator.uri_of(path))

    def path_of(self, uri: str) -> str | None:
        """The workspace path of a URI in an answer."""
        prefix = self._translator.uri_out(self._translator.uri_of(""))
        return uri.removeprefix(prefix) if uri.startswith(prefix) else None

    def read_stub(self, uri: str) -> str | None:
        """The text of a read-only document, None for what is none."""
        shelf, _, rest = uri.removeprefix("stubs:/").partition("/")
        folder = self._shelves.get(shelf)
        if folder is None:
            return None
        try:
            path = (folder / rest).resolve()
            if not path.is_relative_to(folder.resolve()) or path.suffix not in (".py", ".pyi"):
                return None
            return path.read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            return None

    async def close(self) -> None:
        """For good."""
        self._closed = True
        server = self._server
        self._stop()
        if server is not None:
            await server.close()

    # --- its life -------------------------------------------------------------------------------------------------------

    async def _started(self) -> jsonrpc.Server | None:
        self._stay()
        if self._server is not None:
            return self._server
        async with self._starting:
            if not self.running and not self._closed and self._loop.time() >= self._not_before:
                await self._start()
            return self._server

    async def _start(self) -> None:
        if not budget.enter(self):
            return
        cache = self._mirror.folder / "cache"
        began = self._loop.time()
        try:
            for folder in (self._mirror.root, self._mirror.stubs, cache):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            server: jsonrpc.Server | None = None
            server = await jsonrpc.Server.start(
                [launch.program("ty"), "server"],
                read=[
                    str(self._mirror.folder),
                    str(self._home.platform),
                    str(self._home.packages.resolve()),
                    str(self._home.environments.resolve()),
                    str(self._home.python),
                ],
                use=[str(cache)],
                memory=MEMORY,
                environment={**initialize.ENVIRONMENT, "XDG_CACHE_HOME": str(cache)},
                ended=lambda: self._ended(server, began),
            )
            capabilities = await server.ask(
                "initialize", initialize.params(self._home, self._mirror, self._source), wait=10
            )
        except (OSError, jsonrpc.Gone, jsonrpc.RequestFailed, TimeoutError) as error:
            _log.warning("the type checker does not start: %r", error)
            self._deaths += 1
            self._not_before = self._loop.time() + BACK_OFF[min(self._deaths, len(BACK_OFF) - 1)]
            budget.leave(self)
            return
        self.starts += 1
        self._legend = capabilities["capabilities"]["semanticTokensProvider"]["legend"]["tokenTypes"]
        server.notify("initialized", {})
        self._server = server
        for path, text in self._sent.items():
            made = self._views[path] = view(text)
            server.notify("textDocument/didOpen", {"textDocument": self._opened(path, made.text)})

    def _opened(self, path: str, text: str) -> dict[str, Any]:
        return {"uri": self._translator.uri_of(path), "languageId": "python", "version": 0, "text": text}

    def _ended(self, server: jsonrpc.Server | None, began: float) -> None:
        """It died, or was stopped for taking too long."""
        if server is None or server is not self._server:
            return
        now = self._loop.time()
        forgiven, self._forgiven = self._forgiven, False
        if not forgiven:
            self._deaths = 1 if now - began > _WELL else self._deaths + 1
            self._not_before = now + BACK_OFF[min(self._deaths, len(BACK_OFF) - 1)]
        self._stop()
        if self._closed:
            return
        suspects = set(self._unproven)
        if suspects and not forgiven:
            suspect = self._set_aside(suspects)
            self._unproven.discard(suspect)
            self.hide(suspect)
            self._late = False
        self._loop.call_at(self._not_before, self._ask_again)

    def _ask_again(self) -> None:
        if not self._closed:
            self._again()

    def _stop(self) -> None:
        """It starts again with the next question."""
        server, self._server = self._server, None
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        budget.leave(self)
        if server is not None:
            task = self._loop.create_task(server.close())
            _closing.add(task)
            task.add_done_callback(_closing.discard)

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(IDLE, self._stop)
        budget.used(self)

    def yield_place(self) -> None:
        """Another session needs the memory more: see ``budget``."""
        self._stop()


_closing: set[asyncio.Task[None]] = set()


async def closed() -> None:
    """Waits for checkers that are being ended."""
    with contextlib.suppress(Exception):
        await asyncio.gather(*_closing)

"""The language server of one editing session: the Language Server Protocol over JSON-RPC bodies that are plain dicts.

``quickedit.editor`` makes one a socket, hands it every body from the client in order, and tells it the workspace's files as
they are committed. What is open is answered from its live text, everything else from the mirror. It never raises for what a
client sends: a malformed request gets an error, a malformed notification is ignored.
"""

from __future__ import annotations

import asyncio
import functools
import keyword
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from preview.bundle import BadModulePath
from quickedit.language import actions, budget, initialize
from quickedit.language.checker import Overtaken
from quickedit.language.checks import Items
from quickedit.language.completing import Completing
from quickedit.language.documents import BadPosition, position, unfit, utf16_units
from quickedit.language.pool import Engine, Pool, pool
from quickedit.language.translate import STUBS
from quickedit.language.workspace import Workspace

_METHOD_NOT_FOUND, _INVALID_PARAMS, _CANCELLED, _CONTENT_MODIFIED = -32601, -32602, -32800, -32801

_CAPABILITIES = {
    "positionEncoding": "utf-16",
    "textDocumentSync": {"openClose": True, "change": 2},
    "completionProvider": {"triggerCharacters": ["."], "resolveProvider": True},
    "signatureHelpProvider": {"triggerCharacters": ["(", ","], "retriggerCharacters": [")"]},
    "hoverProvider": True,
    "definitionProvider": True,
    "typeDefinitionProvider": True,
    "referencesProvider": True,
    "documentHighlightProvider": True,
    "documentSymbolProvider": True,
    "workspaceSymbolProvider": True,
    "renameProvider": {"prepareProvider": True},
    "codeActionProvider": {"codeActionKinds": ["quickfix"]},
    "documentFormattingProvider": True,
    "foldingRangeProvider": True,
    "selectionRangeProvider": True,
    "inlayHintProvider": True,
    "semanticTokensProvider": {
        "legend": {"tokenTypes": initialize.TOKEN_TYPES, "tokenModifiers": initialize.TOKEN_MODIFIERS},
        "full": True, "range": True,
    },
    "workspace": {"textDocumentContent": {"schemes": [STUBS]}},
}  # fmt: skip
_CHECKER_ANSWERS = """
    definition hover typeDefinition references documentHighlight documentSymbol foldingRange
    selectionRange inlayHint semanticTokens/full semanticTokens/range
"""
_CHECKER_WAIT = 0.1
"""Seconds that quick fixes of ours wait for more from the type checker."""
_PUT_ANEW = ("textDocument/semanticTokens/full", "textDocument/semanticTokens/range")
"""What VS Code asks once more when it hears that the text has changed. It moves the tokens that it gets by what was typed since
it asked: those of a later text would be moved twice."""
_READ_ONLY = frozenset(f"textDocument/{name}" for name in _CHECKER_ANSWERS.split())
"""What can be asked about a stub as well."""
_NO_CHECKER = (
    "Type checks pause: the memory that the server gives them is used by other sessions. Completion works; "
    "the checks come back by themselves."
)

_log = logging.getLogger(__name__)


def _is_stub(params: dict[str, Any]) -> bool:
    document = params.get("textDocument")
    return isinstance(document, dict) and urlsplit(str(document.get("uri"))).scheme == STUBS


class LanguageSession:
    """``send`` gets every body for the client. Must be made in a running event loop and closed in it."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._pool: Pool = pool()
        self._engine: Engine | None = None
        self._workspace = Workspace(self._pool, self._publish)
        self._completing = Completing()
        self._told = False
        self._running: dict[Any, asyncio.Task[Any]] = {}
        self._left: set[asyncio.Task[Any]] = set()
        self._cancelled: set[Any] = set()
        self._requests: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "initialize": self._initialize,
            "shutdown": self._shutdown,
            "textDocument/completion": self._complete,
            "completionItem/resolve": self._resolve,
            "textDocument/signatureHelp": self._signatures,
            "textDocument/prepareRename": self._prepare_rename,
            "textDocument/rename": self._rename,
            "textDocument/codeAction": self._actions,
            "textDocument/formatting": self._format,
            "workspace/symbol": self._symbols,
            "workspace/textDocumentContent": self._content,
            **{
                method: functools.partial(self._pass_on, method)
                for method in (f"textDocument/{name}" for name in _CHECKER_ANSWERS.split())
            },
        }
        self._notifications: dict[str, Callable[[dict[str, Any]], None]] = {
            "textDocument/didOpen": self._workspace.open,
            "textDocument/didChange": self._workspace.change,
            "textDocument/didClose": self._workspace.close_document,
            "workspace/didChangeConfiguration": self._workspace.configure,
            "$/cancelRequest": self._cancel,
        }

    async def handle(self, body: dict[str, Any]) -> None:
        """Deals with one body. Notifications are done when this is first awaited; requests answer when they have an answer."""
        method, params = body.get("method"), body.get("params")
        params = params if isinstance(params, dict) else {}
        if "id" in body:
            if isinstance(method, str):
                await self._request(body["id"], method, params)
            return  # else the answer to a request, and this server makes none
        notify = self._notifications.get(method) if isinstance(method, str) else None
        if notify is not None:
            try:
                notify(params)
            except (BadPosition, BadModulePath, KeyError, TypeError, AttributeError) as error:
                _log.info("a malformed %s was ignored: %r", method, error)

    def workspace_changed(self, files: Mapping[str, str]) -> None:
        """The whole workspace as committed, text by path. Cheap: files are written when the next question comes."""
        self._workspace.files_changed(files)

    def settings_changed(
        self, *, variables: Iterable[str], secrets: Iterable[str] = (), bindings: Mapping[str, str] | None = None
    ) -> None:
        """The names in ``env`` that the worker has by its settings, beside those of its configuration file; ``bindings`` maps
        each to a kind of ``environment.BINDING_TYPES``. The next question sees them."""
        self._workspace.settings_changed(variables, secrets, bindings or {})

    def packages_changed(self, environment: str) -> None:
        """The name of the folder of packages that the worker asked for and has, "" for none. The next question sees them."""
        self._workspace.packages_changed(environment)

    async def close(self) -> None:
        """Ends the session; its mirror goes. The process that answered it stays for others."""
        for task in [*self._running.values(), *self._left]:
            task.cancel()
        self._completing.close()
        await self._workspace.close()
        if self._engine is not None:
            self._pool.leave(self._engine)
            self._engine = None

    def _publish(self, uri: str, items: Items) -> None:
        params = {"uri": uri, "diagnostics": items}
        self._send({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params})

    # --- requests ---------------------------------------------------------------------------------------------------

    async def _request(self, number: Any, method: str, params: dict[str, Any]) -> None:
        answer = self._requests.get(method)
        if answer is None:
            self._send_error(number, _METHOD_NOT_FOUND, f"There is no method {method[:80]}.")
            return
        if _is_stub(params) and method not in _READ_ONLY:
            self._send({"jsonrpc": "2.0", "id": number, "result": None})
            return
        if task := asyncio.current_task():
            self._running[number] = task
        try:
            result = await answer(params)
        except (BadPosition, BadModulePath, KeyError, TypeError, AttributeError, ValueError) as error:
            self._send_error(number, _INVALID_PARAMS, f"The parameters of {method} are not right: {error!r}"[:300])
        except Overtaken:
            self._send_error(number, _CONTENT_MODIFIED, "The text was changed meanwhile.")
        except asyncio.CancelledError:
            if number in self._cancelled:
                self._send_error(number, _CANCELLED, "Cancelled.")
            raise
        else:
            self._send({"jsonrpc": "2.0", "id": number, "result": result})
        finally:
            self._running.pop(number, None)
            self._cancelled.discard(number)

    def _send_error(self, number: Any, code: int, message: str) -> None:
        self._send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})

    async def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        folders = params.get("workspaceFolders") or []
        uri = folders[0]["uri"] if folders else params.get("rootUri")
        if isinstance(uri, str):
            await self._workspace.begin_again(unquote(urlsplit(uri).path).rstrip("/"))
        if isinstance(params.get("initializationOptions"), dict):
            self._workspace.configure({"settings": params["initializationOptions"]})
        self._engine = self._engine or self._pool.enter()
        return {"capabilities": _CAPABILITIES, "serverInfo": {"name": "Quick Edit"}}

    async def _shutdown(self, params: dict[str, Any]) -> None:
        self._workspace.documents.clear()

    async def _complete(self, params: dict[str, Any]) -> Any:
        path = self._workspace.path(params)
        line, units = position(params["position"])
        if unfit(self._workspace.document(path).text):
            return None
        place = self._workspace.place(params)
        question = {"textDocument": params["textDocument"], "position": params["position"]}
        return await self._completing.complete(
            self._workspace.document(path),
            line,
            units,
            self._workspace.generation,
            lambda: self._ask("complete", place),
            lambda: self._ask_checker("textDocument/completion", question, path),
        )

    async def _resolve(self, params: dict[str, Any]) -> dict[str, Any]:
        data = params.get("data")
        if isinstance(data, list) and len(data) == 2 and all(isinstance(number, int) for number in data):
            question = {"root": str(self._workspace.mirror.root), "generation": data[0], "index": data[1]}
            return {**params, **(await self._ask("resolve", question) or {})}
        return params

    async def _signatures(self, params: dict[str, Any]) -> Any:
        answer = await self._ask("signatures", self._workspace.place(params))
        if isinstance(answer, dict):
            for signature in answer["signatures"]:
                for parameter in signature["parameters"]:
                    if isinstance(parameter["label"], list):
                        parameter["label"] = [utf16_units(signature["label"], place) for place in parameter["label"]]
        return answer

    async def _pass_on(self, method: str, params: dict[str, Any]) -> Any:
        """To the checker, as it is. Raises Overtaken."""
        if _is_stub(params):
            return await self._ask_checker(method, params, None)
        if "position" in params:
            position(params["position"])
        return await self._ask_checker(method, params, self._workspace.path(params), as_it_is=method in _PUT_ANEW)

    async def _rename(self, params: dict[str, Any]) -> Any:
        """One edit over all modules; None where the name is not the worker's own to change."""
        path, name = self._workspace.path(params), params["newName"]
        position(params["position"])
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{str(name)[:80]!r} is no name")
        if not await self._is_own(params, path):
            return None
        edit = await self._ask_checker("textDocument/rename", params, path)
        changes = edit.get("changes") if isinstance(edit, dict) else None
        if not isinstance(changes, dict) or any(self._workspace.checker.path_of(uri) is None for uri in changes):
            return None
        return {"changes": changes}

    async def _prepare_rename(self, params: dict[str, Any]) -> Any:
        path = self._workspace.path(params)
        position(params["position"])
        own = await self._is_own(params, path)
        return await self._ask_checker("textDocument/prepareRename", params, path) if own else None

    async def _is_own(self, params: dict[str, Any], path: str) -> bool:
        """Whether what stands at a place is defined in the worker alone: the checker would rename its uses of what is not."""
        place = {"textDocument": params["textDocument"], "position": params["position"]}
        links = await self._ask_checker("textDocument/definition", place, path)
        targets = [link.get("targetUri") or link.get("uri") for link in links or [] if isinstance(link, dict)]
        return all(self._workspace.checker.path_of(str(uri)) is not None for uri in targets)

    async def _actions(self, params: dict[str, Any]) -> Any:
        """Where we have something to offer, the checker is not waited for long: its first answer takes it a second, and the
        editor gives up a question after less."""
        path = self._workspace.path(params)
        asked = asyncio.get_running_loop().create_task(self._ask_checker("textDocument/codeAction", params, path))
        self._left.add(asked)  # to its end, where we answered without it: the next answer is a quick one
        asked.add_done_callback(self._answered)
        offers = functools.partial(self._offers, self._workspace.module(path))
        try:
            own = await actions.at(self._workspace.problems, path, params, offers)
            await asyncio.wait([asked], timeout=_CHECKER_WAIT if own else None)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        theirs = asked.result() if asked.done() else None
        return [*own, *(theirs if isinstance(theirs, list) else [])]

    def _answered(self, asked: asyncio.Task[Any]) -> None:
        self._left.discard(asked)
        if not asked.cancelled():
            asked.exception()  # seen: nobody may be waiting

    async def _offers(self, module: dict[str, Any], name: str) -> Any:
        return await self._ask("offers", {**module, "name": name})

    async def _format(self, params: dict[str, Any]) -> Any:
        document = self._workspace.document(self._workspace.path(params))
        if unfit(document.text):
            return None
        options = params.get("options")
        return await self._pool.linter.format(document.text, options if isinstance(options, dict) else {"tabSize": 4})

    async def _symbols(self, params: dict[str, Any]) -> Any:
        return await self._ask_checker("workspace/symbol", {"query": str(params["query"])[:200]}, None)

    async def _content(self, params: dict[str, Any]) -> Any:
        """The text of a read-only document: a stub of the platform or the standard library."""
        text = self._workspace.checker.read_stub(unquote(str(params["uri"])))
        return {"text": text} if text is not None else None

    async def _ask(self, method: str, question: dict[str, Any]) -> Any:
        if unfit(question.get("text", "")):
            return None
        self._engine = self._engine or self._pool.enter()
        return await self._engine.ask(method, question)

    async def _ask_checker(
        self, method: str, params: dict[str, Any], path: str | None, *, as_it_is: bool = False
    ) -> Any:
        workspace = self._workspace
        workspace.refresh()
        if path is not None and unfit(workspace.document(path).text):
            return None
        answer = await workspace.checker.ask(method, params, path, as_it_is=as_it_is)
        if not workspace.checker.running and not self._told and budget.is_full():
            self._told = True
            params = {"type": 3, "message": _NO_CHECKER}
            self._send({"jsonrpc": "2.0", "method": "window/showMessage", "params": params})
        return answer

    def _cancel(self, params: dict[str, Any]) -> None:
        task = self._running.get(params["id"])
        if task is not None:
            self._cancelled.add(params["id"])
            task.cancel()

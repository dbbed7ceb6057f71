"""Lint and format from ruff: one ``ruff server`` for all sessions of a process, asked about one text at a time and told to forget
it, so that its end costs one question. Used by ``session`` through the pool.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from quickedit.language import jsonrpc, launch
from quickedit.language.mirror import Home

WAIT = 1.5
"""Seconds for one text."""
MEMORY = 512 * 1024 * 1024
PORTABILITY = "TID251"
"""The rule whose messages are about what will not run on Cloudflare."""
_PYODIDE = "does not run on Cloudflare, where Python is WebAssembly in one process"

_RULES = ["F", "B006", "B023", "PLE", "ASYNC210", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC251", "RUF006", PORTABILITY]
"""The quiet set: mistakes, no matters of taste. What the type checker says itself is ignored below."""
_CONFIGURATION = {
    "line-length": 120,
    "lint": {
        "select": _RULES,
        "ignore": ["F821", "F722", "F403", "F405"],
        "flake8-tidy-imports": {
            "banned-api": {
                "threading.Thread": {"msg": f"A thread {_PYODIDE}; use asyncio"},
                "concurrent.futures.ThreadPoolExecutor": {"msg": f"A thread pool {_PYODIDE}; use asyncio"},
                "concurrent.futures.ProcessPoolExecutor": {"msg": f"A process pool {_PYODIDE}"},
                "_thread": {"msg": f"A thread {_PYODIDE}; use asyncio"},
                "multiprocessing": {"msg": f"multiprocessing {_PYODIDE}"},
                "subprocess": {"msg": f"subprocess {_PYODIDE}"},
                "socket": {"msg": f"A socket {_PYODIDE}; use fetch() from workers"},
                "socketserver": {"msg": f"A socket {_PYODIDE}"},
                "os.fork": {"msg": f"os.fork {_PYODIDE}"},
                "os.system": {"msg": f"os.system {_PYODIDE}"},
                "os.popen": {"msg": f"os.popen {_PYODIDE}"},
            }
        },
    },
}

_log = logging.getLogger(__name__)


class Linter:
    """Answers for all sessions, in order."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._turn = asyncio.Lock()
        self._server: jsonrpc.Server | None = None
        self._number = 0

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None else None

    async def lint(self, text: str) -> list[dict[str, Any]]:
        """The protocol's diagnostics, each with its fix under ``data``; empty where there is no answer."""
        answer = await self._ask("textDocument/diagnostic", text, {})
        items = answer.get("items") if isinstance(answer, dict) else None
        return items if isinstance(items, list) else []

    async def format(self, text: str, options: dict[str, Any]) -> list[dict[str, Any]] | None:
        """The edits that format a text; None where it does not parse."""
        answer = await self._ask("textDocument/formatting", text, {"options": options})
        return answer if isinstance(answer, list) else None

    async def _ask(self, method: str, text: str, more: dict[str, Any]) -> Any:
        async with self._turn:
            server = await self._started()
            if server is None:
                return None
            self._number += 1
            uri = (self._home.nowhere / f"module{self._number}.py").as_uri()
            document = {"uri": uri, "languageId": "python", "version": 0, "text": text}
            server.notify("textDocument/didOpen", {"textDocument": document})
            try:
                return await server.ask(method, {"textDocument": {"uri": uri}, **more}, wait=WAIT)
            except jsonrpc.RequestFailed as error:
                _log.info("%s: %s", method, error)
            except jsonrpc.Gone:
                pass
            except TimeoutError:
                _log.warning("the linter took longer than %s s; it is replaced", WAIT)
                await server.close()
            finally:
                server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
            return None

    async def _started(self) -> jsonrpc.Server | None:
        if self._server is not None:
            return self._server
        uri = self._home.nowhere.as_uri()
        try:
            server: jsonrpc.Server | None = None
            server = await jsonrpc.Server.start(
                [launch.program("ruff"), "server"],
                read=[str(self._home.nowhere)],
                memory=MEMORY,
                environment={"XDG_CONFIG_HOME": "/nonexistent", "RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
                ended=lambda: self._ended(server),
            )
            settings = {
                "configurationPreference": "editorOnly",
                "configuration": _CONFIGURATION,
                "showSyntaxErrors": False,
                "logLevel": "error",
            }
            params = {
                "processId": None,
                "rootUri": uri,
                "workspaceFolders": [{"uri": uri, "name": "nowhere"}],
                "capabilities": {"general": {"positionEncodings": ["utf-16"]}, "textDocument": {"diagnostic": {}}},
                "initializationOptions": {"settings": settings},
            }
            await server.ask("initialize", params, wait=10)
        except (OSError, jsonrpc.Gone, jsonrpc.RequestFailed, TimeoutError) as error:
            _log.warning("the linter does not start: %r", error)
            return None
        server.notify("initialized", {})
        self._server = server
        return server

    def _ended(self, server: jsonrpc.Server | None) -> None:
        if server is self._server:
            self._server = None

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()

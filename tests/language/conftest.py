"""A language session as the editor has one, with real analysing processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import count
from typing import Any

import pytest_asyncio

from quickedit.language.pool import pool
from quickedit.language.session import LanguageSession

ROOT = "file:///worker"
SHOP = 'def price(amount: int) -> float:\n    """What it costs."""\n    return amount * 1.5\n'
WORKER = (
    "from workers import WorkerEntrypoint\n\n\nclass Default(WorkerEntrypoint):\n    async def fetch(self, request):\n"
)


class Client:
    """The other end of a session: asks, opens, types. The last ``|`` in a text is where the cursor stands."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.session = LanguageSession(self.received.append)
        self._numbers = count(1)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        answer = await self.answer(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    async def answer(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The whole body: with a result, or with an error."""
        number = next(self._numbers)
        await self.session.handle({"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params)})
        (answer,) = [body for body in self.received if body.get("id") == number]
        return answer

    async def tell(self, method: str, params: Mapping[str, Any]) -> None:
        await self.session.handle({"jsonrpc": "2.0", "method": method, "params": dict(params)})

    async def open(self, path: str, text: str) -> dict[str, Any]:
        """Opens a document; returns the place of its ``|``."""
        before, _, after = text.rpartition("|") if "|" in text else (text, "", "")
        await self.tell("textDocument/didOpen", {"textDocument": {"uri": f"{ROOT}/{path}", "text": before + after}})
        line = before.rpartition("\n")[2]
        position = {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}
        return {"textDocument": {"uri": f"{ROOT}/{path}"}, "position": position}

    async def settled(self, path: str, text: str) -> list[dict[str, Any]]:
        """The list at the ``|`` of a document once all analysers have answered, in its order."""
        place = await self.open(path, text)
        for _ in range(20):
            answer = await self.ask("textDocument/completion", place)
            if not self.session._completing.waits:
                break
        return sorted(answer["items"], key=lambda item: item["sortText"])

    def problems(self, path: str) -> list[dict[str, Any]]:
        """What the client was told last about a module."""
        told = [
            body["params"]["diagnostics"]
            for body in self.received
            if body.get("method") == "textDocument/publishDiagnostics" and body["params"]["uri"] == f"{ROOT}/{path}"
        ]
        return told[-1] if told else []

    def codes(self, path: str) -> set[str]:
        return {str(item.get("code")) for item in self.problems(path) if item["severity"] < 4}

    async def told(self, path: str, *codes: str, within: float = 20.0) -> None:
        """Waits until a module has exactly the problems with these codes."""
        try:
            async with asyncio.timeout(within):
                while self.codes(path) != set(codes):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{path} has {self.problems(path)}, not {codes}") from None

    async def labels(self, path: str, text: str) -> list[str]:
        """What completes at the ``|`` of a document."""
        return [item["label"] for item in await self.settled(path, text)]


async def opened(client: Client, text: str, **files: str) -> dict[str, Any]:
    """Opens main.py beside other modules; returns the place of its ``|``."""
    others = {f"{name}.py": content for name, content in files.items()}
    client.session.workspace_changed({"main.py": text.replace("|", ""), **others})
    return await client.open("main.py", text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def processes() -> AsyncIterator[None]:
    """One pool for the tests of a module: its processes take a second to start."""
    yield
    await pool().close()


@pytest_asyncio.fixture(loop_scope="module")
async def client(processes: None) -> AsyncIterator[Client]:
    made = Client()
    await made.ask("initialize", {"rootUri": ROOT})
    yield made
    await made.session.close()

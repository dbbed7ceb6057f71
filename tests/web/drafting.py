"""Workers as the tests of drafts and deployments write, await and deploy them, through the bridge and the API."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any
from urllib.parse import urlsplit

from tests.web.conftest import Editor, Person

MAIN = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("asked for", request.url)
        return Response(WORD + getattr(self.env, "GREETING", ""))

WORD = "one"
"""


def write(path: str, text: str) -> dict[str, str]:
    return {"op": "create", "file": secrets.token_hex(8), "path": path, "text": text}


def replace(file: str, old: str, new: str) -> dict[str, Any]:
    """An edit that writes the whole text anew."""
    return {"op": "edit", "file": file, "changes": [[len(old), *new.split("\n")]]}


def host_of(address: dict[str, Any]) -> str:
    return str(urlsplit(address["origin"]).netloc).split(".")[0]


async def open_main(editor: Editor, text: str = MAIN) -> str:
    """A worker whose only main module is ours; its file id."""
    base = editor.welcome["revision"]
    ops = [{"op": "delete", "path": "main.py"}, write("main.py", text)]
    await editor.operate(1, base, *ops)
    committed = await editor.until("committed")
    return str(committed["ops"][1]["file"])


async def ready(editor: Editor, revision: int) -> dict[str, Any]:
    """The event that the preview runs that revision."""
    while True:
        event = await editor.until("preview.ready")
        if event["revision"] >= revision:
            return event


async def previewed(editor: Editor) -> tuple[str, str]:
    """A worker whose only main module is ours, and its preview running; the preview's label and the module's file id."""
    host = host_of(await editor.until("preview.address"))
    file = await open_main(editor)
    await ready(editor, 2)
    return host, file


async def deploy(person: Person, name: str, **body: Any) -> dict[str, Any]:
    answer = await asyncio.to_thread(person.ask, "POST", f"workers/{name}/deployments", {"message": "", **body})
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result

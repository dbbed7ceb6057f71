"""Workers that ask for packages, and environments over an index of the test's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preview.outside.environments import Environments

GREETING = {"greeting/__init__.py": b"from greeting.words import HELLO\n", "greeting/words.py": b"HELLO = 'Salve'\n"}
WORKER = b"""
from workers import Response, WorkerEntrypoint
import greeting
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"{greeting.HELLO} from {greeting.__file__}")
"""


def asking(*lines: str) -> dict[str, bytes]:
    return {"main.py": WORKER, "requirements.txt": "\n".join(lines).encode()}


class Made:
    def __init__(self, made: Environments) -> None:
        self.environments = made
        self.records: list[dict[str, Any]] = []

    async def get(self, *lines: str, changed: bool = True, locked: Mapping[str, str] | None = None) -> Path | None:
        name = await self.environments.get(asking(*lines), self.records.extend, changed=changed, locked=locked or {})
        return self.environments.ready_ones / name if name else None

    @property
    def said(self) -> list[str]:
        return [record["text"] for record in self.records]

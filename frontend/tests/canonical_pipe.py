"""The server's own rules for batches, for the frontend's tests: JSON lines in, JSON lines out.

Started by ``real-rules.test.ts`` with two named pipes. One workspace at a time, in memory: ``new`` begins one, ``submit``
does what a room does with a batch but for the disk, ``snapshot`` is what a client starts from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec

from quickedit.errors import QuickEditError, Stale
from quickedit.wire.messages import AnyOperation, Create
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.canonical import canonicalise
from quickedit.workspaces.tree import Workspace

_operations = msgspec.json.Decoder(list[AnyOperation])


class Rules:
    def __init__(self, files: list[list[str]]) -> None:
        self.workspace = Workspace()
        self.log: list[Batch] = []
        for file, path, text in files:
            self.workspace = self.workspace.apply(Create(file=file, path=path, text=text))

    def submit(self, client: str, seq: int, base: int, ops: list[Any]) -> dict[str, Any]:
        since = self.log[base:]
        before = self.workspace.tree
        try:
            meant = _operations.decode(json.dumps(ops).encode())
            done, after = canonicalise(meant, self.workspace, since[0].before if since else before, since)
        except Stale as error:
            return {"stale": error.message}
        except QuickEditError as error:
            return {"refused": error.code, "message": error.message}
        self.log.append(Batch(len(self.log) + 1, client, seq, 1, 0, done, before))
        self.workspace = after
        return {"ops": msgspec.to_builtins(list(done))}

    def snapshot(self) -> dict[str, Any]:
        return self.workspace.snapshot(len(self.log))


def main(questions: str, answers: str) -> None:
    rules = Rules([])
    with open(questions, encoding="utf-8") as lines, open(answers, "w", encoding="utf-8") as out:
        for line in lines:
            asked = json.loads(line)
            what = asked.pop("ask")
            if what == "new":
                rules = Rules(asked["files"])
            answer = {} if what == "new" else getattr(rules, what)(**asked)
            out.write(json.dumps(answer) + "\n")
            out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

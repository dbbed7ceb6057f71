"""A sync client in Python: confirmed + pending over the server's own change sets and tree. The model test drives many.

It is what docs/protocol.md asks of a client and no more. Every character that it types is unique, so that the test can
tell what became of each.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from quickedit.errors import QuickEditError
from quickedit.wire.messages import AnyOperation, Committed, Create, CreateFolder, Delete, Edit, Rename, SetAttributes
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.canonical import Rebase
from quickedit.workspaces.paths import Tree
from quickedit.workspaces.tree import Workspace

NAMES = ["a.py", "b.py", "B.py", "lib/a.py", "lib/b.py", "lib", "src", "src/lib", "src/c.py", "lib/deep/d.py"]


class Gap(Exception):
    """A revision is missing: the client must connect anew."""


class ModelClient:
    """One member's copy. ``fresh`` gives characters that nobody has typed before."""

    checks_gaps = True

    def __init__(
        self, name: str, by: int, rng: random.Random, fresh: Callable[[], str], start: Workspace, revision: int
    ):
        self.name, self.by, self.rng, self.fresh = name, by, rng, fresh
        self.confirmed, self.revision = start, revision
        self.visible = start
        self.inflight: list[AnyOperation] = []
        self.sent: tuple[int, int, list[AnyOperation]] | None = None
        """The seq, base and operations of the batch under way, as they were first sent."""
        self.buffer: list[AnyOperation] = []
        self.seq = 0
        self.inbox: deque[Committed] = deque()
        self.typed: dict[str, str] = {}
        """Each character that this client typed, and the file it went into."""
        self.condemned: set[str] = set()
        """Characters that this client deleted."""
        self.aside: set[str] = set()
        """Characters whose batch was refused, or that lost their file before they were sent: the person still has
        them."""
        self.acknowledged: set[int] = set()
        self._ids = 0

    # --- what the person does -------------------------------------------------------------------------------------

    def edit(self) -> None:
        files = list(self.visible.files.values())
        if not files:
            return
        file = self.rng.choice(files)
        text = file.text
        start = self.rng.randint(0, len(text))
        end = min(len(text), start + self.rng.choice([0, 0, 0, 1, 3]))
        new = "".join(
            self.fresh() for _ in range(self.rng.choice([0, 1, 1, 2]) if end > start else self.rng.choice([1, 2]))
        )
        before, removed, after = (_units(part) for part in (text[:start], text[start:end], text[end:]))
        changes = [*([before] if before else []), [removed, new] if new else [removed], *([after] if after else [])]
        if self._do(Edit(file=file.id, changes=changes)):
            self.condemned.update(text[start:end])
            self.typed.update(dict.fromkeys(new, file.id))

    def change_tree(self) -> None:
        rng, tree = self.rng, self.visible.tree
        existing = sorted([*tree.ids, *tree.folders]) or ["nothing"]
        kind = rng.randrange(6)
        if kind <= 1:
            self._ids += 1
            text, file = "".join(self.fresh() for _ in range(rng.randint(0, 3))), f"{self.name}-{self._ids}"
            if self._do(Create(file=file, path=rng.choice(NAMES), text=text)):
                self.typed.update(dict.fromkeys(text, file))
        elif kind == 2:
            self._do(Delete(path=rng.choice(existing)))
        elif kind <= 4:
            self._do(Rename(path=rng.choice(existing), to=rng.choice(NAMES)))
        elif rng.random() < 0.5:
            self._do(CreateFolder(path=rng.choice(NAMES)))
        elif self.visible.files:
            self._do(
                SetAttributes(file=rng.choice(sorted(self.visible.files)), eol=rng.choice(["lf", "crlf"]), bom=False)
            )

    def _do(self, op: AnyOperation) -> bool:
        try:
            self.visible = self.visible.apply(op)
        except QuickEditError:
            return False  # the editor would not have let the person do it
        self.buffer.append(op)
        return True

    # --- what travels ---------------------------------------------------------------------------------------------

    def take(self) -> tuple[int, int, list[AnyOperation]] | None:
        """The next batch, if none is under way."""
        if self.sent is not None or not self.buffer:
            return None
        self.seq += 1
        self.inflight, self.buffer = self.buffer, []
        self.sent = (self.seq, self.revision, list(self.inflight))
        return self.sent

    def resend(self) -> tuple[int, int, list[AnyOperation]] | None:
        """The batch under way again: as it was, or brought up to what this client has seen since."""
        if self.sent is not None and self.rng.random() < 0.5:
            return self.seq, self.revision, list(self.inflight)
        return self.sent

    def refused(self, seq: int) -> None:
        """The batch is set aside, and what was done on top of it: the person keeps the text and sees why."""
        if self.sent is None or self.sent[0] != seq:
            return
        self._set_aside([*self.inflight, *self.buffer])
        self.sent, self.inflight, self.buffer = None, [], []
        self.seq -= 1
        self.visible = self.confirmed

    # --- what the server says -------------------------------------------------------------------------------------

    def receive(self) -> None:
        """Takes the next message from the inbox. Raises Gap."""
        message = self.inbox.popleft()
        if message.revision <= self.revision:
            return
        if message.revision != self.revision + 1 and self.checks_gaps:
            raise Gap
        assert message.ops is not None
        before, ops = self.confirmed, tuple(message.ops)
        batch = Batch(message.revision, message.client, message.seq, message.by, 0, ops, before.tree)
        self.confirmed = _after(ops, before)
        self.revision = message.revision
        if message.client == self.name and self.sent is not None and message.seq == self.sent[0]:
            self._landed(_after(self.inflight, before))
        else:
            kept, self.visible = self._bring_up([*self.inflight, *self.buffer], before.tree, [batch])
            landed, _ = self._bring_up(self.inflight, before.tree, [batch])
            self.inflight, self.buffer = landed, kept[len(landed) :]

    def _landed(self, expected: Workspace) -> None:
        """The batch under way is durable; ``expected`` is what this client thought that it would make."""
        self.acknowledged.add(self.seq)
        self.sent, self.inflight = None, []
        for id, file in self.confirmed.files.items():
            if id in expected.files:
                assert file.text == expected.files[id].text, "the server mapped an edit otherwise than its author did"
        # The server may have found another free name than we did: what was done on top follows it.
        moves = [
            Rename(path=expected.files[id].path, to=file.path)
            for id, file in self.confirmed.files.items()
            if id in expected.files and expected.files[id].path != file.path
        ]
        correction = Batch(self.revision, "", 0, 0, 0, tuple(moves), expected.tree)
        self.buffer, self.visible = self._bring_up(self.buffer, expected.tree, [correction])

    def _bring_up(
        self, ops: Sequence[AnyOperation], base: Tree, since: Sequence[Batch]
    ) -> tuple[list[AnyOperation], Workspace]:
        """The operations on top of what is confirmed now; those that have lost what they were about are set aside."""
        rebase = Rebase(self.confirmed, base, since)
        for op in ops:
            try:
                rebase.do(op)
            except QuickEditError:
                self._set_aside([op])
        return rebase.out, rebase.work

    def _set_aside(self, ops: Iterable[AnyOperation]) -> None:
        for op in ops:
            if isinstance(op, Edit):
                self.aside.update(*("".join(part[1:]) for part in op.changes if isinstance(part, list)))
            elif isinstance(op, Create):
                self.aside.update(op.text)


def _after(ops: Sequence[AnyOperation], workspace: Workspace) -> Workspace:
    for op in ops:
        workspace = workspace.apply(op)
    return workspace


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2

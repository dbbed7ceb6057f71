"""A batch between its arrival at a room and its answer. Only ``room`` uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from quickedit.errors import Forbidden, QuickEditError, Unavailable
from quickedit.wire.messages import AnyOperation, Committed
from quickedit.workspaces.batch import Batch
from quickedit.workspaces.tree import Workspace

_KEPT = "Your edits are kept by your browser, which tries again."


@dataclass(slots=True, eq=False)
class Submission:
    """``batch``, ``data`` and ``after`` are what it is to become, once prepared: the batch, the JSON of its
    operations, the workspace after it. ``races`` counts how often another process was first.
    """

    client: str
    by: int
    seq: int
    base: int
    ops: Sequence[AnyOperation]
    answer: asyncio.Future[Committed]
    batch: Batch | None = None
    data: bytes = b""
    after: Workspace | None = None
    races: int = 0

    def settle(self, result: Committed | QuickEditError) -> None:
        """Gives the answer, if nothing has given one."""
        if self.answer.done():
            return
        if isinstance(result, QuickEditError):
            self.answer.set_exception(result)
            self.answer.exception()  # its client may be gone: an answer that nobody hears is no mistake
        else:
            self.answer.set_result(result)


def not_durable(message: str = "The edit could not be written to disk.") -> Unavailable:
    """The refusal after which a client sends the same batch again."""
    return Unavailable(message, code="not-durable", hint=_KEPT)


def not_yours() -> Forbidden:
    """The refusal for who uses another person's client id: its numbers would be mixed up."""
    return Forbidden("This editor belongs to somebody else.", code="not-your-client", hint="Reload the page.")

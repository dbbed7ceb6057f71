"""The newest batches of a workspace, in memory: what later ones are mapped over and reconnecting clients are sent.

A room owns one. It holds a bounded part of the log, without gaps, up to the head.
"""

from __future__ import annotations

from collections.abc import Sequence

from quickedit.workspaces.batch import Batch
from quickedit.workspaces.paths import Tree

MAX_BATCHES = 2000
MAX_WEIGHT = 8 * 1024 * 1024
"""Bytes of operations as JSON."""


class Tail:
    """The batches after ``start``. ``MAX_BATCHES`` and ``MAX_WEIGHT`` hold when one is appended; what ``prepend``
    fetched for an old client goes with the next.
    """

    def __init__(self, revision: int, tree: Tree, batches: Sequence[Batch]) -> None:
        self._batches = list(batches)
        self.start = revision - len(self._batches)
        self._weight = sum(batch.weight for batch in self._batches)

    def append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._weight += batch.weight
        if len(self._batches) > MAX_BATCHES or self._weight > MAX_WEIGHT:
            self._shorten()

    def prepend(self, older: Sequence[Batch], until: int) -> None:
        """Takes batches that end where this began, unless that has moved meanwhile."""
        if until == self.start and older:
            self._batches[:0] = older
            self.start -= len(older)
            self._weight += sum(batch.weight for batch in older)

    def after(self, revision: int) -> list[Batch]:
        """The batches after a revision that is not before ``start``."""
        return self._batches[revision - self.start :]

    def find(self, client: str, seq: int) -> Batch | None:
        """The batch that a client's seq became, if it is here."""
        for batch in reversed(self._batches):
            if batch.client == client and batch.seq == seq:
                return batch
        return None

    def _shorten(self) -> None:
        """Drops the older quarter at least, so that this is rare."""
        drop = 0
        while drop < len(self._batches) - 1 and (
            len(self._batches) - drop > MAX_BATCHES * 3 // 4 or self._weight > MAX_WEIGHT * 3 // 4
        ):
            self._weight -= self._batches[drop].weight
            drop += 1
        del self._batches[:drop]
        self.start += drop

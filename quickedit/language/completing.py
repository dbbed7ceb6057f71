"""The completions of one session: both analysers are asked at once, and what there is after a moment is answered. Used by
``session``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from quickedit.language.documents import Document
from quickedit.language.merge import merge

PATIENCE = 0.015
"""Seconds after which one analyser's answer goes out without the other's."""

_WORD = re.compile(r"\w*$")
Ask = Callable[[], Awaitable[Any]]


class _Asked:
    """One place that was asked about, and the two answers on their way."""

    def __init__(self, key: tuple[object, ...], asks: Sequence[Ask]) -> None:
        self.key = key
        self.waiting = 0
        """Questions that wait for these answers."""
        self.tasks = [asyncio.ensure_future(ask()) for ask in asks]

    @property
    def cancelled(self) -> bool:
        """From the moment of cancelling on, before the tasks have ended by it."""
        return any(task.cancelled() or task.cancelling() for task in self.tasks)

    @property
    def lost(self) -> bool:
        """Nothing was found and jedi gave no answer, not even an empty one: its process was replaced."""
        own = self.tasks[0]
        return (
            own.done()
            and (own.cancelled() or own.exception() is not None or own.result() is None)
            and not any(self.items())
        )

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()

    def items(self) -> list[list[dict[str, Any]] | None]:
        """Of each analyser; None where it has not answered."""
        return [_items(task) if task.done() else None for task in self.tasks]


class Completing:
    def __init__(self) -> None:
        self._asked: _Asked | None = None

    @property
    def waits(self) -> bool:
        """Whether an answer is still on its way."""
        return self._asked is not None and not all(task.done() for task in self._asked.tasks)

    async def complete(
        self, document: Document, line: int, units: int, generation: int, jedi: Ask, checker: Ask
    ) -> dict[str, Any]:
        """The list at a place. ``isIncomplete`` where an answer is still on its way: the same question again waits for it and
        is then settled, while ``generation``, the state of the other modules, is the same. It is so too where the answer was
        lost: the same question again is asked anew. A question about another place cancels what this one still waits for."""
        before = document.before(line, units)
        key = (document.path, document.text, line, units, generation)
        asked = self._asked
        again = asked is not None and asked.key == key and not asked.cancelled and not asked.lost
        if asked is None or not again:
            if asked is not None:
                asked.cancel()
            asked = self._asked = _Asked(key, (jedi, checker))
        asked.waiting += 1
        try:
            await self._wait(asked, again)
        except asyncio.CancelledError:
            if asked.waiting == 1:
                asked.cancel()
            raise
        finally:
            asked.waiting -= 1
        found = _WORD.search(before)
        word = found[0] if found else ""
        after_dot = before[: len(before) - len(word)].rstrip().endswith(".")
        own, theirs = asked.items()
        unsettled = own is None or theirs is None
        more = bool(asked.tasks[0].done() and _is_incomplete(asked.tasks[0]))
        return {"isIncomplete": unsettled or more or asked.lost, "items": merge(own, theirs, word, after_dot)}

    async def _wait(self, asked: _Asked, again: bool) -> None:
        """Until all have answered, or the moment is over and there is something to show."""
        pending: set[asyncio.Future[Any]] = {task for task in asked.tasks if not task.done()}
        if pending:
            _, pending = await asyncio.wait(pending, timeout=None if again else PATIENCE)
        while pending and not any(asked.items()):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)

    def close(self) -> None:
        if self._asked is not None:
            self._asked.cancel()


def _items(task: asyncio.Future[Any]) -> list[dict[str, Any]]:
    if task.cancelled() or task.exception() is not None:
        return []
    result = task.result()
    found = result.get("items") if isinstance(result, dict) else result
    return found if isinstance(found, list) else []


def _is_incomplete(task: asyncio.Future[Any]) -> bool:
    if task.cancelled() or task.exception() is not None:
        return False
    result = task.result()
    return isinstance(result, dict) and bool(result.get("isIncomplete"))

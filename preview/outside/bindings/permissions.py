"""Which workers may call each other, as web says; remembered for some seconds, so that a call costs no question of its own.

``services`` asks before a method is called, ``forwarding`` before a message goes to another worker's queue. Workers are
named by their ids: a name may be another worker's a moment later.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from preview.exchange import PeerAway

ASK_AGAIN = 10.0
"""Seconds after which it is asked again whether a worker may call another."""
_REMEMBERED = 4096

MayCall = Callable[[str, str], Awaitable[bool]]
"""(calling worker's id, called worker's id) → whether everybody who may change the first may change the second. May raise
PeerAway."""


class Permissions:
    """Use from one event loop. The runner sets ``ask``; without it nobody may call anybody."""

    def __init__(self) -> None:
        self.ask: MayCall | None = None
        self._known: OrderedDict[tuple[str, str], tuple[bool, float]] = OrderedDict()

    async def may_call(self, caller: str, called: str) -> bool:
        """As web says; where it is away, as it said last. Raises PeerAway where it never did."""
        known, until = self._known.get((caller, called), (None, 0.0))
        if known is not None and until > time.monotonic():
            return known
        if self.ask is None:
            return False
        try:
            allowed = await self.ask(caller, called)
        except PeerAway:
            if known is None:
                raise
            allowed = known
        self._known[caller, called] = allowed, time.monotonic() + ASK_AGAIN
        self._known.move_to_end((caller, called))
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return allowed

    async def same_people(self, one: str, other: str) -> bool:
        """Whether the same people may change both workers. Raises PeerAway as ``may_call`` does."""
        return await self.may_call(one, other) and await self.may_call(other, one)

"""All that workers can ask for outside themselves, put together: the runner and the dev server make theirs here."""

from __future__ import annotations

from pathlib import Path

from preview.outside.addresses import Policy
from preview.outside.bindings.together import Bindings
from preview.outside.calls import Calls
from preview.outside.outbound import Outbound


class Capabilities:
    """The capabilities of one runner. ``policy`` says what `fetch` may reach, ``data`` is the folder of all workers' data,
    ``layered`` False where drafts work on the live data itself. Made in the loop that uses it, and closed there."""

    def __init__(self, policy: Policy, data: Path, *, layered: bool = True) -> None:
        self.calls = Calls()
        self._outbound = Outbound(policy)
        self.calls.add("http", self._outbound)
        self.bindings = Bindings(data, self.calls, layered=layered)

    async def close(self) -> None:
        await self.bindings.close()
        await self._outbound.close()

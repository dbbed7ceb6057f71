"""How a load or a child can end, other than well: what `child` hands to its callers."""

from __future__ import annotations

from dataclasses import dataclass

from preview.outside.link import Unparsed


@dataclass(frozen=True)
class Exit:
    """Why a child takes no more requests. ``status`` is the wait status where it is known."""

    reason: str  # "killed", "limit", "crashed", "broke the protocol", "restarted"
    status: int | None = None


class DoesNotParse(Exception):
    """A changed module does not parse; nothing of the worker was run. Line and column count from 1."""

    def __init__(self, unparsed: Unparsed) -> None:
        super().__init__(f"{unparsed.path}:{unparsed.line}: {unparsed.message}")
        self.path, self.line, self.column = unparsed.path, unparsed.line, unparsed.column
        self.message, self.text = unparsed.message, unparsed.text

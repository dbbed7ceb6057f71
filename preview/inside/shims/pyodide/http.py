"""`pyfetch` of Pyodide: `fetch` under its other name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from preview.inside.workers import Response as FetchResponse
    from preview.inside.workers import fetch
else:
    from workers import Response as FetchResponse
    from workers import fetch


async def pyfetch(url: str, **options: Any) -> FetchResponse:
    """Sends a request to another server; see `workers.fetch`."""
    return await fetch(url, **options)


__all__ = ["FetchResponse", "pyfetch"]

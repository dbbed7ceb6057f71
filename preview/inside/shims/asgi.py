"""The old name of `workers.asgi`: `import asgi`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preview.inside.workers.asgi import fetch as fetch
    from preview.inside.workers.asgi import websocket as websocket
else:
    from workers.asgi import fetch, websocket

__all__ = ["fetch", "websocket"]

"""Service bindings: `await self.env.OTHER.fetch(request)` asks another deployed worker, without leaving the server."""

from __future__ import annotations

from typing import Any

from .request import Request
from .response import Response
from .results import Binding


class Service(Binding):
    """Another worker. Its `fetch` handler answers."""

    _capability = "service"

    async def fetch(self, resource: Request | str, **options: Any) -> Response:
        """The other worker's response. Takes a Request, or an address and `method`, `headers`, `body`; the address's
        host plays no part."""
        request = Request(resource, **options)
        args = {"method": str(request.method), "url": request.url, "headers": request.headers.items()}
        value, body = await self._call("fetch", args, await request.bytes())
        return Response._made(value["status"], value["headers"], body)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotImplementedError(
            f"env.{self._name}.{name}: of a service binding there is fetch() here; calling methods (RPC) is not there yet"
        )

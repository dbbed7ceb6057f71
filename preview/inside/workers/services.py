"""Service bindings: another deployed worker, asked without leaving the server. `await self.env.OTHER.fetch(request)` has its
`fetch` answer, `await self.env.OTHER.add(1, 2)` calls a method of its class Default (RPC)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from . import rpc
from ._redirects import answered
from .request import Request
from .response import Response
from .results import Binding


class Service(Binding):
    """Another worker. Its `fetch` handler answers; any other name is a method of its class Default, which takes and returns
    plain data: None, bool, int, float, str, bytes, list, dict, set and datetime."""

    _capability = "service"

    async def fetch(self, resource: Request | str, **options: Any) -> Response:
        """The other worker's response. Takes a Request, or an address and `method`, `headers`, `body`; the address's
        host plays no part. A redirect is followed, unless the request says otherwise, as one that came from a visitor
        does."""
        return await answered(Request(resource, **options), self._ask)

    async def _ask(self, request: Request) -> Response:
        args = {"method": str(request.method), "url": request.url, "headers": request.headers.items()}
        value, body = await self._call("fetch", args, await request.bytes())
        return Response._made(value["status"], value["headers"], body)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)

        async def method(*args: Any, **keywords: Any) -> Any:
            try:
                arguments = rpc.pack_arguments(args, keywords)
            except (TypeError, ValueError) as error:
                raise type(error)(f"env.{self._name}.{name}(): {error}") from None
            value, data = await self._call("call", {"name": name}, arguments)
            if value is not None:
                raise rpc.raised(*value)
            return rpc.unpack(json.loads(data))

        method.__name__ = method.__qualname__ = name
        return method

"""Compiled modules by tenant and content, so that a draft of which one module changed compiles one module.

`children` puts and gets them. What is held here is bytes that a child of the same tenant made; the supervisor never looks
into them, and they go to that tenant's children alone. A child sends them as its first frame, before anything of the worker
has run in it, so no program can plant code for a later run; `link` holds it to that order.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping

from preview.protocol import MAX_CODES

MAX_MEMORY = 64 * 1024 * 1024
"""Bytes of all tenants together; the least recently used are dropped."""
MAX_TENANT = 8 * 1024 * 1024
"""Bytes of one tenant: the largest worker and some drafts of it. Above it the tenant's own oldest are dropped."""

_Key = bytes


class Codes:
    """Use from one event loop. A tenant is a program's key: a draft and what is deployed of it share nothing."""

    def __init__(self, *, max_memory: int = MAX_MEMORY, max_tenant: int = MAX_TENANT) -> None:
        self._max_memory = max_memory
        self._max_tenant = max_tenant
        self._tenants: OrderedDict[str, OrderedDict[_Key, bytes]] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self.size = 0

    def known(self, tenant: str, modules: Mapping[str, bytes]) -> dict[str, bytes]:
        """The compiled form of those modules that are here, as many as one TO_LOAD frame may carry."""
        codes = self._tenants.get(tenant)
        if codes is None:
            return {}
        self._tenants.move_to_end(tenant)
        found: dict[str, bytes] = {}
        size = 0
        for path, content in modules.items():
            if not path.endswith(".py"):
                continue
            key = _key(path, content)
            code = codes.get(key)
            if code is not None and size + len(code) <= MAX_CODES:
                codes.move_to_end(key)
                found[path] = code
                size += len(code)
        return found

    def put(self, tenant: str, modules: Mapping[str, bytes], made: Mapping[str, bytes]) -> None:
        """Keeps what a child made of these modules; of others nothing."""
        for path, code in made.items():
            if path in modules and path.endswith(".py"):
                self._put(tenant, _key(path, modules[path]), code)
        while self.size > self._max_memory:
            self.drop(next(iter(self._tenants)))

    def _put(self, tenant: str, key: _Key, code: bytes) -> None:
        codes = self._tenants.setdefault(tenant, OrderedDict())
        self._tenants.move_to_end(tenant)
        self._count(tenant, len(code) - len(codes.pop(key, b"")))
        codes[key] = code
        while self._sizes[tenant] > self._max_tenant:
            _, dropped = codes.popitem(last=False)
            self._count(tenant, -len(dropped))

    def drop(self, tenant: str) -> None:
        """Forgets a tenant."""
        if self._tenants.pop(tenant, None) is not None:
            self.size -= self._sizes.pop(tenant)

    def _count(self, tenant: str, size: int) -> None:
        self._sizes[tenant] = self._sizes.get(tenant, 0) + size
        self.size += size


def _key(path: str, content: bytes) -> _Key:
    # The path is part of it: compiled code holds it, and tracebacks show it.
    return hashlib.sha256(path.encode() + b"\0" + content).digest()

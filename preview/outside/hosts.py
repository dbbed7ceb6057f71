"""Which program a Host header means: exact names under one domain, learnt from web and remembered.

``front`` asks here for every request; ``control`` puts and drops. A name is refused unless it is exactly one label
under the domain, which is what keeps a rebound DNS name and every other origin out. Nothing here looks at the request
otherwise.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from typing import Protocol

from preview.exchange import Host, PeerAway, Program

MAX_HOSTS = 16384
MAX_UNKNOWN = 4096
UNKNOWN_FOR = 1.0
"""Seconds for which a name that web does not know is not asked about again."""
MAX_ASKING = 64
"""Names asked about at once; above it a visitor of an unknown name is told to come back."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT = re.compile(r":[0-9]{1,5}")


class BadHost(Exception):
    """The Host header is not one of ours. ``status`` is 400 for a malformed one, 421 for a foreign one, 404 for the
    bare domain."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Source(Protocol):
    """Where a runner learns what it does not know: web over the control socket, or a directory. May raise PeerAway."""

    async def resolve(self, label: str) -> tuple[Host, Program] | None: ...

    async def modules(self, program: Program) -> bytes | None:
        """The packed bundle of a program, or None where the source no longer has that digest."""
        ...


class Names(Protocol):
    """What the front asks: the names of a runner (Hosts), or the one of ``dev``."""

    def label(self, header: bytes | None) -> str: ...

    def known(self, label: str) -> Host | None: ...

    async def resolve(self, label: str) -> tuple[Host, Program] | None: ...


class Hosts:
    """The names of one runner. ``domain`` may carry a port, which plays no part: a proxy may listen on another."""

    def __init__(self, domain: str, source: Source) -> None:
        self._suffix = "." + domain.partition(":")[0].lower().strip(".")
        self._source = source
        self._known: OrderedDict[str, Host] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._asking: dict[str, asyncio.Task[tuple[Host, Program] | None]] = {}
        # One parse for each spelling: the same few Host headers come thousands of times a second.
        self._labels: dict[bytes, str] = {}
        self._generation = 0

    def label(self, header: bytes | None) -> str:
        """The first label of a Host header. Raises BadHost."""
        if header is None:
            raise BadHost(400, "The request carries no Host header, or several.")
        label = self._labels.get(header)
        if label is None:
            label = self._parse(header)
            if len(self._labels) > MAX_HOSTS:
                self._labels.clear()
            self._labels[header] = label
        return label

    def _parse(self, header: bytes) -> str:
        text = header.decode("latin-1").lower()
        name, colon, port = text.partition(":")
        if colon and not _PORT.fullmatch(colon + port):
            raise BadHost(400, "The Host header is malformed.")
        if name == self._suffix[1:]:
            raise BadHost(404, f"Workers answer under names of their own here: <worker>{self._suffix}.")
        label = name.removesuffix(self._suffix)
        if label == name or not _LABEL.fullmatch(label):
            raise BadHost(421, f"This server answers for names directly under {self._suffix[1:]} only.")
        return label

    def known(self, label: str) -> Host | None:
        """The host where it is known already; costs no waiting."""
        return self._known.get(label)

    async def resolve(self, label: str) -> tuple[Host, Program] | None:
        """Asks web whose ``label`` is, once for all who ask at a time. Raises PeerAway."""
        until = self._unknown.get(label)
        if until is not None:
            if until > time.monotonic():
                return None
            del self._unknown[label]
        task = self._asking.get(label)
        if task is None:
            if len(self._asking) >= MAX_ASKING:
                raise PeerAway("Too many unknown names are being looked up.")
            task = self._asking[label] = asyncio.create_task(self._ask(label))
            task.add_done_callback(lambda _: self._asking.pop(label, None))
        return await asyncio.shield(task)

    async def _ask(self, label: str) -> tuple[Host, Program] | None:
        generation = self._generation
        found = await self._source.resolve(label)
        if generation != self._generation:
            # Names changed while web answered: what it said may be older than that. Ask once more.
            found = await self._source.resolve(label)
        if found is None or found[0].host != label or found[0].program != found[1].key:
            self._unknown[label] = time.monotonic() + UNKNOWN_FOR
            if len(self._unknown) > MAX_UNKNOWN:
                self._unknown.popitem(last=False)
            return None
        self._keep(found[0])
        return found

    def put(self, host: Host) -> None:
        self._generation += 1
        self._keep(host)

    def _keep(self, host: Host) -> None:
        self._unknown.pop(host.host, None)
        self._known[host.host] = host
        self._known.move_to_end(host.host)
        if len(self._known) > MAX_HOSTS:
            self._known.popitem(last=False)

    def drop(self, label: str) -> None:
        self._generation += 1
        self._known.pop(label, None)
        self._unknown.pop(label, None)

    def drop_program(self, key: str) -> None:
        for label in [host.host for host in self._known.values() if host.program == key]:
            self.drop(label)

    def forget(self) -> None:
        """Forgets every name, so that each is asked about again: what web dropped while it could not reach us is gone
        too."""
        self._generation += 1
        self._known.clear()
        self._unknown.clear()

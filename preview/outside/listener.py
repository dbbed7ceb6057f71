"""The public port: uvicorn with httptools and websockets, and a look once a second at what is overdue.

``serve`` and ``dev`` start it around the front. What bounds a connection stands in `connections` and `upgraded`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Generator
from functools import partial
from typing import Any

import uvicorn

from preview.outside.connections import MAX_CONNECTIONS, Connection
from preview.outside.front import Front
from preview.outside.upgraded import SocketConnection
from preview.protocol import MAX_MESSAGE

_BACKLOG = 1024
_PING_EVERY = 20.0
"""Seconds between two pings on a WebSocket, and for the answer: a client that is gone is noticed."""


class PortInUse(Exception):
    """Somebody listens there already. The message says what to do."""


class Listener(uvicorn.Server):
    """uvicorn's server without its own signal handlers: whoever runs it sets ``should_exit``."""

    def __init__(self, config: uvicorn.Config, *, with_parent: bool = False) -> None:
        super().__init__(config)
        self._parent = os.getppid() if with_parent else 0

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection | SocketConnection):
                    connection.end_if_overdue(now)
            if self._parent and os.getppid() != self._parent:
                self.should_exit = True
        return await super().on_tick(counter)


def make_listener(app: Any, *, front: Front | None = None, with_parent: bool = False, graceful: int = 5) -> Listener:
    """A server for an ASGI application. ``graceful`` is in seconds: how long requests may take to end at the end. With the
    ``front``, where that is the application, requests may take the short way (`direct`)."""
    config = uvicorn.Config(
        app,
        http=partial(Connection, front=front),  # type: ignore[arg-type]
        ws=SocketConnection,
        ws_max_size=MAX_MESSAGE,
        ws_ping_interval=_PING_EVERY,
        ws_ping_timeout=_PING_EVERY,
        # Would cost each connection a compressor's memory, and a small frame may unpack into a large one.
        ws_per_message_deflate=False,
        lifespan="off",
        loop="none",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=graceful,
        backlog=_BACKLOG,
    )
    return Listener(config, with_parent=with_parent)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, of IPv4 or IPv6 as ``host`` is. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # At once, so that who hears that we are ready is never refused, and a second server never gets this far.
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} on {host} is in use: stop what listens there, or choose another port."
            ) from None
        if error.errno == errno.EACCES:
            raise PortInUse(f"Port {port} on {host} may not be used by this user: choose one above 1023.") from None
        raise PortInUse(f"Port {port} on {host} cannot be used: {error.strerror}.") from None
    return listening

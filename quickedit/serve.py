"""Runs the control plane under Daphne: ``python -m quickedit.serve``. The start-up command and the tests call it.

Four things that Daphne's own command lacks. It prints one JSON line on standard output when it listens, so that
whoever started it neither guesses nor sleeps. It logs no query strings, as login links carry their token there. And a
client that does not read slows down what sends to it, where Daphne would keep everything in memory. And a frame for
many sockets is made once, and written at once where the socket takes it.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import logging
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quickedit.settings")

from autobahn.websocket import protocol as autobahn
from autobahn.websocket.protocol import PreparedMessage
from daphne.server import Server  # installs Twisted's reactor on asyncio, so it comes before anything of Twisted
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer  # type: ignore[import-untyped]

from quickedit.asgi import application, begin
from quickedit.editor.outbox import NOW
from quickedit.wire.messages import MAX_FRAME

PING_INTERVAL, PING_TIMEOUT = 20, 20
"""Seconds between pings of an idle socket, and until one that does not answer is closed."""

CLOSE_TIMEOUT = 5
"""Seconds that an application may take after its client went away."""

_SHARED = 16 * 1024
"""Characters up to which a frame is kept for the next socket; what is told to many is smaller."""

# It colours what its debug log would say of each frame, though nobody keeps that log: a tenth of a busy server's time.
autobahn.hltype = autobahn.hlval = lambda value, *_: value  # type: ignore[attr-defined]

_access = logging.getLogger("quickedit.access")


@implementer(IPushProducer)
class Gate:
    """What Twisted tells when a socket's buffer is full and when it is empty again; senders wait at it."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def pauseProducing(self) -> None:
        self._open.clear()

    def resumeProducing(self) -> None:
        self._open.set()

    def stopProducing(self) -> None:
        self._open.set()

    async def wait(self) -> None:
        await self._open.wait()


class PacedServer(Server):  # type: ignore[misc]
    """Daphne's server, where sending to a socket returns when its client has room for more."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ports: list[Any] = []
        self._beginning: asyncio.Future[None] | None = None

    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if isinstance(protocol, WebSocketProtocol):
            # Twisted's HTTP channel has registered itself as producer; it has handed the transport over by now.
            protocol.transport.unregisterProducer()
            gate = Gate()
            protocol.transport.registerProducer(gate, True)
            self.connections[protocol]["gate"] = gate
            # A frame over the limit ends with a close frame that says so, not with a dropped connection.
            protocol.failByDrop = False

    def protocol_disconnected(self, protocol: Any) -> None:
        gate = self.connections.get(protocol, {}).get("gate")
        if gate is not None:
            gate.stopProducing()
        super().protocol_disconnected(protocol)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if isinstance(protocol, WebSocketProtocol):
            scope["extensions"] = {**scope.get("extensions", {}), NOW: functools.partial(self._sent_now, protocol)}
        return super().create_application(protocol, scope)

    def _sent_now(self, protocol: Any, text: str) -> bool:
        """Writes a frame where the socket takes all of it this moment, and nothing waits for it to take. Twisted would ask
        the loop for a turn to write and, in that turn, for no more of them: two system calls and a wake a frame."""
        if not self._is_shared(protocol, text) or protocol.send_queue:
            return False
        transport = protocol.transport
        if not transport.connected or transport.disconnecting or transport.dataBuffer or transport._tempDataLen:
            return False
        data = _framed(text).payloadHybi
        sent = transport.writeSomeData(data)
        if sent == len(data):
            return True
        if isinstance(sent, int) and sent > 0:
            transport.write(data[sent:])
            return True
        return False  # it takes nothing, or is lost: the long way finds out

    def _is_shared(self, protocol: Any, text: str) -> bool:
        """Whether a frame is small enough to be kept for the next socket, and this one still takes frames."""
        return len(text) <= _SHARED and _is_open(protocol) and protocol in self.connections

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and _is_open(protocol) and protocol in self.connections:
            protocol.sendClose(code=message.get("code", 1000), reason=message.get("reason"))  # Daphne drops the reason
            return
        text = message.get("text")
        if text and self._is_shared(protocol, text):
            protocol.sendPreparedMessage(_framed(text))
        else:
            await super().handle_reply(protocol, message)
        gate = self.connections.get(protocol, {}).get("gate")
        if gate is not None and message["type"] == "websocket.send":
            await gate.wait()

    def kill_all_applications(self) -> Deferred[Any]:
        """Called by Twisted before it shuts down: nobody new is let in, and the sockets get their answers and a close frame
        (the bridge does that when it is cancelled). Daphne's own version fails where a connection has no application any
        more."""
        for port in self._ports:
            port.stopListening()
        running = [details.get("application_instance") for details in self.connections.values()]
        waiting = [task for task in running if task is not None and not task.done()]
        for task in waiting:
            task.cancel()
        return Deferred.fromFuture(asyncio.ensure_future(asyncio.wait(waiting)) if waiting else _nothing())

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self._ports.append(port)
        reactor.callWhenRunning(self._begin)  # it listens before its loop runs
        print(json.dumps({"ready": True, "port": port.getHost().port}), flush=True)

    def _begin(self) -> None:
        self._beginning = asyncio.ensure_future(begin())

    def listen_error(self, failure: Any) -> None:
        print(json.dumps({"ready": False, "error": failure.getErrorMessage()}), flush=True)
        super().listen_error(failure)


@functools.lru_cache(maxsize=256)
def _framed(text: str) -> PreparedMessage:
    return PreparedMessage(text.encode(), isBinary=False, applyMask=False, doNotCompress=True)


def _is_open(protocol: Any) -> bool:
    return isinstance(protocol, WebSocketProtocol) and protocol.state == protocol.STATE_OPEN


def _nothing() -> asyncio.Future[None]:
    done = asyncio.get_event_loop().create_future()
    done.set_result(None)
    return done


def _log_request(protocol: str, action: str, details: dict[str, Any]) -> None:
    """Daphne's action logger. The path only: what follows the question mark is nobody's business."""
    if protocol == "http" and action == "complete":
        path = details["path"].partition("?")[0]
        _access.info("%s %s %s %.0f ms", details["method"], path, details["status"], details["time_taken"] * 1000)


def serve(host: str, port: int) -> bool:
    """Serves until SIGINT or SIGTERM; port 0 is a free one. False where the address could not be had."""
    interface = host.strip("[]").replace(":", "\\:")
    server = PacedServer(
        application,
        endpoints=[f"tcp:port={port}:interface={interface}"],
        action_logger=_log_request,
        ping_interval=PING_INTERVAL,
        ping_timeout=PING_TIMEOUT,
        websocket_timeout=-1,
        websocket_max_message_size=MAX_FRAME,
        websocket_max_frame_size=MAX_FRAME,
        application_close_timeout=CLOSE_TIMEOUT,
        server_name="quickedit",
        verbosity=0,
    )
    server.run()
    return bool(server.listening_addresses)


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m quickedit.serve", description="The control plane, under Daphne.")
    parser.add_argument("--bind", default=settings.BIND)
    parser.add_argument("--port", type=int, default=settings.PORT)
    chosen = parser.parse_args(arguments)
    return 0 if serve(chosen.bind, chosen.port) else 1


if __name__ == "__main__":
    sys.exit(main())

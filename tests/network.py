"""A network that a test can cut: a SOCKS 5 proxy in this process, one for each browser profile.

Browsers go through it to 127.0.0.1, whatever name they ask for (``*.localhost`` resolves nowhere else). ``cut`` resets
every connection and refuses new ones, as a pulled plug does; an emulated «offline» leaves open WebSockets alone.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

CHUNK = 65536
_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Network:
    """See the module. ``bytes_carried`` counts both ways."""

    listener: socket.socket
    connected: bool = True
    bytes_carried: int = 0
    _sockets: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> str:
        return f"socks5://127.0.0.1:{self.listener.getsockname()[1]}"

    def cut(self) -> None:
        with self._lock:
            self.connected = False
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            _reset(each)

    def mend(self) -> None:
        self.connected = True

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if not self._keep(client):
                return
            port = _greeted(client)
            with socket.create_connection(("127.0.0.1", port), timeout=10) as server:
                server.settimeout(None)
                if not self._keep(server):
                    return
                client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._pump(client, server)
                back.join()
        with self._lock:
            self._sockets.discard(client)

    def _keep(self, each: socket.socket) -> bool:
        """Whether a new connection may live; it is ended with the next cut."""
        with self._lock:
            if self.connected:
                self._sockets.add(each)
            return self.connected

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                self.bytes_carried += len(chunk)
                target.sendall(chunk)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def _greeted(client: socket.socket) -> int:
    """Does the handshake of RFC 1928 without a password; returns the port that the client wants."""
    _version, methods = _exactly(client, 2)
    _exactly(client, methods)
    client.sendall(b"\x05\x00")
    _version, _command, _reserved, kind = _exactly(client, 4)
    _exactly(client, {1: 4, 4: 16}.get(kind) or _exactly(client, 1)[0])
    port: int = struct.unpack("!H", _exactly(client, 2))[0]
    return port


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = source.recv(size - len(data))
        if not chunk:
            raise ConnectionError("ended early")
        data += chunk
    return data


def _reset(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A network for the length of a block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Network(listener)
        threading.Thread(target=made.serve, daemon=True).start()
        yield made
        made.cut()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)

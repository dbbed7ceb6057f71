"""Who is in the room, and what was said last. It lives as long as the worker's process does."""

import json
from collections import deque

LONGEST = 500


class Room:
    def __init__(self) -> None:
        self.sockets = set()
        self.last = deque(maxlen=50)

    def enter(self, socket) -> None:
        self.sockets.add(socket)
        socket.addEventListener("message", lambda event: self.heard(event.data))
        socket.addEventListener("close", lambda event: self.left(socket))
        for message in self.last:
            socket.send(message)
        self.tell_count()

    def left(self, socket) -> None:
        self.sockets.discard(socket)
        self.tell_count()

    def heard(self, data) -> None:
        try:
            said = json.loads(data)
            message = {"name": str(said["name"])[:40], "text": str(said["text"])[:LONGEST]}
        except (ValueError, KeyError, TypeError):
            return
        encoded = json.dumps(message)
        self.last.append(encoded)
        self.tell(encoded)

    def tell_count(self) -> None:
        self.tell(json.dumps({"count": len(self.sockets)}))

    def tell(self, encoded: str) -> None:
        for socket in list(self.sockets):
            try:
                socket.send(encoded)
            except OSError:
                self.sockets.discard(socket)

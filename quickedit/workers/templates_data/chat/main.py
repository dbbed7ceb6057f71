"""A chat room over WebSocket: the page at `/`, the socket at `/room`. Everybody who has the page open is in it."""

from pathlib import Path
from urllib.parse import urlsplit

from room import Room
from workers import Request, Response, WebSocketPair, WorkerEntrypoint

PAGE = (Path(__file__).parent / "chat.html").read_text()
room = Room()


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        match urlsplit(request.url).path:
            case "/":
                return Response(PAGE, headers={"content-type": "text/html;charset=utf-8"})
            case "/room":
                if request.headers.get("upgrade") != "websocket":
                    return Response("This address is for WebSockets.", status=426)
                client, server = WebSocketPair.new().object_values()
                server.accept()
                room.enter(server)
                return Response(None, status=101, web_socket=client)
        return Response("There is no such page.", status=404)

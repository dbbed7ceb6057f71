"""Answers every request: a page at `/` and `/hello/<name>`, JSON at `/api`."""

from urllib.parse import parse_qsl, unquote, urlsplit

from greeting import greet
from pages import Page
from workers import Request, Response, WorkerEntrypoint

HTML = {"content-type": "text/html;charset=utf-8"}


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        url = urlsplit(request.url)
        name = dict(parse_qsl(url.query)).get("name", "")

        match unquote(url.path).split("/"):
            case ["", ""]:
                return Response(Page(greet(name)).render(), headers=HTML)
            case ["", "hello", name]:
                return Response(Page(greet(name)).render(), headers=HTML)
            case ["", "api"]:
                return Response.json({"greeting": greet(name)})
            case _:
                return Response("There is no such page.", status=404)

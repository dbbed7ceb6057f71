"""A guest book: a form at `/`, and its entries in a D1 database."""

from urllib.parse import urljoin, urlsplit

import pages
from entries import Entries
from workers import Request, Response, WorkerEntrypoint


def html(page: str, status: int = 200) -> Response:
    return Response(page, status, headers={"content-type": "text/html;charset=utf-8"})


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        entries = Entries(self.env.DB)
        match request.method, urlsplit(request.url).path:
            case "GET", "/":
                return html(pages.book(await entries.newest()))
            case "POST", "/":
                form = await request.form_data()
                try:
                    await entries.add(str(form.get("name") or ""), str(form.get("message") or ""))
                except ValueError as problem:
                    return html(pages.book(await entries.newest(), str(problem)), 400)
                # A redirect after a form: reloading the page does not send it again.
                return Response.redirect(urljoin(request.url, "/"), status=303)
        return Response("There is no such page.", status=404)

"""An invitation with a form. Answers `/`, `/reply`, `/thanks` and `/style.css`."""

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pages
from reply import Reply
from workers import Request, Response, WorkerEntrypoint

STYLE = (Path(__file__).parent / "style.css").read_text()


def html(page: str, status: int = 200) -> Response:
    return Response(page, status, headers={"content-type": "text/html;charset=utf-8"})


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        url = urlsplit(request.url)
        try:
            match request.method, url.path:
                case "GET", "/":
                    return html(pages.invitation())
                case "POST", "/reply":
                    reply = Reply.read(await request.form_data())
                    # A redirect after a form: reloading the next page does not send it again.
                    query = urlencode({"name": reply.name, "guests": reply.guests})
                    return Response.redirect(urljoin(request.url, f"/thanks?{query}"), status=303)
                case "GET", "/thanks":
                    return html(pages.thanks(Reply.read(dict(parse_qsl(url.query)))))
                case "GET", "/style.css":
                    return Response(STYLE, headers={"content-type": "text/css;charset=utf-8"})
        except ValueError as problem:
            return html(pages.invitation(str(problem)), status=400)
        return Response("There is no such page.", status=404)

"""HTMLRewriter in the real sandbox: pages of another server and of the worker's own, changed on their way to the browser."""

from __future__ import annotations

import asyncio
import gzip
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runner.servers import serving
from tests.runner.support import Runner, asked, chunk, read_reply, rest, start_runner, worker

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = """<!DOCTYPE html>
<html><head>
<meta property="og:title" content="old"><meta name=twitter:card content='old'/><META name=description content="stays &amp; is">
<title>Über uns</title></head>
<body class='a'><p>Hello<br/>there</body></html>
"""


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = gzip.compress(PAGE.encode())
        self.send_response(203)
        for name, value in {"content-type": "text/html", "content-encoding": "gzip", "x-from": "site"}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    with serving(_Site) as port:
        yield port


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def runner(site: int) -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        made = await start_runner(Path(folder), "--allow", f"127.0.0.1:{site}")
        yield made
        await made.web.close()
        await asyncio.to_thread(made.process.stop)


CARDS = """
from html import escape
from js import HTMLRewriter
from pyodide.ffi import create_proxy
from workers import WorkerEntrypoint, fetch

class Drop:
    def element(self, meta):
        meta.remove()

class Card:
    def __init__(self, **card):
        self.card = card

    def element(self, head):
        for name, value in self.card.items():
            head.prepend(f'<meta property="og:{name}" content="{escape(value)}">', html=True)

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        page = await fetch(self.env.SITE + "/about")
        card = Card(title='"Us" & you', url=request.url)
        rewriter = HTMLRewriter.new()
        rewriter.on('meta[property^="og:"], meta[name^="twitter:"]', create_proxy(Drop()))
        rewriter.on("head", create_proxy(card))
        return rewriter.transform(page.js_object)
"""


async def test_a_fetched_page_goes_on_with_the_cards_that_a_worker_puts_in(runner: Runner, site: int) -> None:
    variables = {"variables": {"SITE": f"http://127.0.0.1:{site}"}}
    await runner.deploy({"main.py": CARDS.encode(), "quickedit.json": json.dumps(variables).encode()}, "cards")
    async with asked(runner, "GET /x\n", "cards") as (reader, _):
        head = await read_reply(reader, body=False)
        body = (await rest(reader)).decode()
    assert (head.status, head.header("content-type"), head.header("x-from")) == (203, "text/html", "site")
    assert head.header("content-length") is None
    url = '<meta property="og:url" content="http://cards.localhost/x">'
    title = '<meta property="og:title" content="&quot;Us&quot; &amp; you">'
    lines = PAGE.splitlines(keepends=True)
    lines[1] = f"<html><head>{url}{title}\n"
    lines[2] = '<META name=description content="stays &amp; is">\n'
    assert body == "".join(lines)


async def test_a_page_is_rewritten_while_it_is_made(runner: Runner) -> None:
    await runner.preview(
        worker("""
import asyncio, sys
from js import HTMLRewriter
module = sys.modules[__name__]
if request.path == "/go":
    module.steps.put_nowait("b")
    return Response("said")
module.steps = asyncio.Queue()
async def page():
    yield "<ul><li class=a>1<"
    yield "/li><li>" + await module.steps.get()
async def item(li):
    await asyncio.sleep(0)
    li.append("!")
made = HTMLRewriter().on("li", {"element": item}).transform(Response(page(), headers={"content-length": "3"}))
return made""")
    )
    async with asked(runner, "GET /\n") as (reader, _):
        assert (await read_reply(reader, body=False)).header("transfer-encoding") == "chunked"
        assert await chunk(reader) == b"<ul><li class=a>1"
        assert (await runner.fetch("/go")).text == "said"
        assert await rest(reader) == b"!</li><li>b!"


async def test_what_a_handler_raises_is_the_worker_s_error(runner: Runner) -> None:
    await runner.preview(
        worker("""
from js import HTMLRewriter
def element(e):
    raise LookupError("no such card")
return HTMLRewriter().on("p", {"element": element}).transform(Response("<p>"))""")
    )
    reply = await runner.fetch(headers={"accept": "text/plain"})
    assert reply.status == 500 and "LookupError: no such card" in reply.text
    assert 'raise LookupError("no such card")' in reply.text


async def test_a_worker_that_does_not_ask_for_it_has_none_of_it_in_memory(runner: Runner) -> None:
    await runner.preview(
        worker("""
import sys
import js
found = [any("rewrit" in name or "_html" in name for name in sys.modules)]
from js import HTMLRewriter
found.append("workers._rewriter" in sys.modules and js.HTMLRewriter is HTMLRewriter)
return Response.json(found)""")
    )
    reply = await runner.fetch()
    assert json.loads(reply.body) == [False, True], reply.text

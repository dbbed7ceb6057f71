"""Packages and HTTP clients, static assets, and code written for Cloudflare, in the real sandbox."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runner.servers import Upstream, upstream
from tests.runner.support import Runner, start_runner

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def runner(server: Upstream) -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        made = await start_runner(Path(folder), "--allow", f"127.0.0.1:{server.port}")
        yield made
        await made.web.close()
        await asyncio.to_thread(made.process.stop)


CLIENTS = """
import json
from workers import Response, WorkerEntrypoint
import requests, httpx, urllib3, urllib.error, urllib.request

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = self.env.URL
        found = {}
        answer = requests.post(url + "/a?b=1", json={"n": 1}, headers={"x-test": "1"})
        found["requests"] = [answer.status_code, answer.json()["method"], answer.json()["body"]]
        answer = requests.get(url + "/redirect?302&/there")
        found["redirect"] = [len(answer.history), answer.url.endswith("/there")]
        found["gzip"] = requests.get(url + "/gzip").text
        found["status"] = requests.get(url + "/status?404").status_code
        with requests.Session() as session:
            session.get(url + "/cookie")
            found["session"] = {k.lower(): v for k, v in session.get(url + "/").json()["headers"].items()}["cookie"]
        with urllib.request.urlopen(urllib.request.Request(url + "/u", data=b"posted")) as answer:
            found["urllib"] = [answer.status, json.load(answer)["body"]]
        try:
            urllib.request.urlopen(url + "/status?418")
        except urllib.error.HTTPError as error:
            found["urllib-error"] = error.code
        found["urllib3"] = urllib3.PoolManager().request("GET", url + "/3").json()["path"]
        with httpx.Client() as client:
            found["httpx"] = client.put(url + "/h", content=b"put").json()["body"]
        async with httpx.AsyncClient(follow_redirects=True) as client:
            found["async"] = str((await client.get(url + "/redirect?302&/there")).url).endswith("/there")
        closed = "http://127.0.0.1:1/"
        for name, ask, kind in (
            ("requests", lambda: requests.get(closed), requests.ConnectionError),
            ("httpx", lambda: httpx.get(closed), httpx.ConnectError),
            ("urllib3", lambda: urllib3.PoolManager(retries=False).request("GET", closed), urllib3.exceptions.ProtocolError),
            ("urllib", lambda: urllib.request.urlopen(closed), OSError),
        ):
            try:
                ask()
            except kind as error:
                found.setdefault("refused", {})[name] = "public internet" in str(error)
        return Response.json(found)
"""


async def test_S17_http_clients_go_the_way_of_fetch_and_under_its_policy(runner: Runner, server: Upstream) -> None:
    config = json.dumps({"variables": {"URL": server.url}})
    await runner.preview({"main.py": CLIENTS.encode(), "quickedit.json": config.encode()})
    reply = await runner.fetch()
    assert reply.status == 200, reply.text
    assert json.loads(reply.body) == {
        "requests": [200, "POST", '{"n": 1}'],
        "redirect": [1, True],
        "gzip": "squeezed",
        "status": 404,
        "session": "a=b",
        "urllib": [200, "posted"],
        "urllib-error": 418,
        "urllib3": "/3",
        "httpx": "put",
        "async": True,
        "refused": {"requests": True, "httpx": True, "urllib3": True, "urllib": True},
    }


ANY = """
import importlib
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        names = "attr django fastapi flask httpx jinja2 markdown PIL.Image pydantic pygments requests starlette yaml".split()
        places = {importlib.import_module(name).__file__.split("/")[1] for name in names}
        import PIL.Image, io, markdown, yaml
        picture = io.BytesIO()
        PIL.Image.new("RGB", (2, 2), "red").save(picture, "PNG")
        found = [picture.getvalue()[1:4].decode(), markdown.markdown("*a*"), yaml.safe_load("a: [1]")]
        return Response.json([sorted(places), *found])
"""


async def test_all_packages_of_the_runtime_can_be_imported(runner: Runner) -> None:
    await runner.preview({"main.py": ANY.encode()})
    reply = await runner.fetch()
    assert reply.status == 200, reply.text
    assert json.loads(reply.body) == [["packages"], "PNG", "<p><em>a</em></p>", {"a": [1]}]


async def test_a_package_that_is_not_there_is_answered_with_those_that_are(runner: Runner) -> None:
    await runner.preview({"main.py": b"import no_such_package_at_all"})
    reply = await runner.fetch(headers={"accept": "text/plain"})
    assert "No module named 'no_such_package_at_all'" in reply.text
    assert "fastapi" in reply.text and "requests" in reply.text


SHIMS = """
import asyncio
from js import Object, Response as JsResponse, console, JSON
from pyodide.ffi import JsProxy, create_proxy, run_sync, to_js
from workers import Response, WorkerEntrypoint, fetch
import asgi

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("/js"):
            return JsResponse.new("made", status=201, headers=Object.fromEntries([("x-a", "b")]))
        value = to_js({"a": {"b": [1, 2]}}, dict_converter=Object.fromEntries)
        proxy = create_proxy(lambda x: x + 1)
        found = [value.a.b[1], isinstance(value, JsProxy), proxy(1), bytes(to_js(b"raw").buffer).decode(), JSON.stringify([1])]
        proxy.destroy()
        found.append(run_sync(fetch(self.env.URL + "/s")).status)
        found.append(await asyncio.to_thread(lambda: run_sync(fetch(self.env.URL + "/t")).status))
        try:
            run_sync(asyncio.sleep(0.01))
        except RuntimeError as error:
            found.append("await it instead" in str(error))
        for name in ("TextEncoder", "document"):
            try:
                exec(f"from js import {name}")
            except ImportError as error:
                found.append(str(error))
        found.append(request.js_object is request)
        return Response.json(found)
"""


async def test_code_written_against_the_bridge_to_javascript_runs_or_is_told_what_to_use(
    runner: Runner, server: Upstream
) -> None:
    config = json.dumps({"variables": {"URL": server.url}})
    await runner.preview({"main.py": SHIMS.encode(), "quickedit.json": config.encode()})
    reply = await runner.fetch()
    assert reply.status == 200, reply.text
    *found, encoder, document, same = json.loads(reply.body)
    assert found == [2, True, 2, "raw", "[1]", 200, 200, True]
    assert "use str.encode" in encoder and "Python's own library" in document and same is True
    reply = await runner.fetch("/js")
    assert (reply.status, reply.header("x-a"), reply.text) == (201, "b", "made")


WITH_ASSETS = {
    "main.py": b"""
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if "/asset" in request.url:
            return await self.env.ASSETS.fetch("https://any.host/page")
        if "/missing" in request.url:
            return await self.env.ASSETS.fetch(request)
        return Response("the worker")
""",
    "public/index.html": b"<h1>start</h1>",
    "public/page.html": b"<h1>page</h1>",
    "public/docs/index.html": b"<h1>docs</h1>",
    "public/style.css": b"a{}",
    "public/api/data.json": b"{}",
    "public/404.html": b"<h1>lost</h1>",
    "secret.txt": b"not an asset",
}


async def test_static_assets_are_served_before_the_worker_and_nothing_else_of_the_bundle_is(runner: Runner) -> None:
    config = {"assets": {"directory": "./public", "binding": "ASSETS", "not_found_handling": "404-page",
                         "run_worker_first": ["/api/*"]}}  # fmt: skip
    await runner.preview({**WITH_ASSETS, "quickedit.json": json.dumps(config).encode()})

    async def got(path: str, **headers: str) -> tuple[int, str | None, str]:
        reply = await runner.fetch(path, headers=headers)
        return reply.status, reply.header("location") or reply.header("content-type"), reply.text

    html = "text/html; charset=utf-8"
    assert await got("/") == (200, html, "<h1>start</h1>")
    assert await got("/page") == (200, html, "<h1>page</h1>")
    assert await got("/page.html?a=1") == (307, "/page?a=1", "")
    assert await got("/docs") == (307, "/docs/", "")
    assert await got("/docs/") == (200, html, "<h1>docs</h1>")
    assert await got("/docs/index.html") == (307, "/docs/", "")
    assert await got("/style.css") == (200, "text/css; charset=utf-8", "a{}")
    assert (await got("/api/data.json"))[2] == "the worker"
    assert (await got("/secret.txt"))[2] == "the worker"
    assert (await got("/..%2fsecret.txt"))[2] == "the worker"
    assert await got("/asset") == (200, html, "<h1>page</h1>")
    assert await got("/missing") == (404, html, "<h1>lost</h1>")
    tag = (await runner.fetch("/style.css")).header("etag") or ""
    assert (await runner.fetch("/style.css", headers={"if-none-match": tag})).status == 304
    assert (await runner.fetch("/style.css", method="POST", body=b"x")).text == "the worker"

"""Web frameworks in the real sandbox: FastAPI over ASGI, Flask and Django over WSGI."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import websockets

from tests.runner.support import Runner, asked, start_runner

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def runner() -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        made = await start_runner(Path(folder))
        yield made
        await made.web.close()
        await asyncio.to_thread(made.process.stop)


FASTAPI = """
import asyncio
from contextlib import asynccontextmanager

from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from workers import WorkerEntrypoint, asgi

started = 0

@asynccontextmanager
async def lifespan(app):
    global started
    started += 1
    yield {"started": started}

app = FastAPI(lifespan=lifespan)

class Item(BaseModel):
    name: str
    price: float = 1

@app.get("/hello/{name}")
async def hello(name: str, request: Request):
    return {"hello": name, "starts": request.state.started, "greeting": request.scope["env"].GREETING}

@app.post("/items", status_code=201)
def make(item: Item):
    return item

@app.get("/stream")
async def stream():
    async def parts():
        for number in range(3):
            yield f"{number};"
            await asyncio.sleep(0)
    return StreamingResponse(parts(), media_type="text/plain")

@app.get("/later")
async def later(tasks: BackgroundTasks):
    tasks.add_task(print, "afterwards")
    return "now"

@app.get("/broken")
async def broken():
    raise ZeroDivisionError("no")

@app.websocket("/ws/{name}")
async def ws(socket: WebSocket, name: str):
    if name == "stranger":
        await socket.close()
        return
    await socket.accept(subprotocol="chat")
    async for text in socket.iter_text():
        await socket.send_text(f"{name}: {text}")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request, self.env)
"""


async def fastapi(runner: Runner) -> None:
    config = json.dumps({"variables": {"GREETING": "hi"}})
    await runner.preview({"main.py": FASTAPI.encode(), "quickedit.json": config.encode()})


async def test_fastapi_routes_with_env_and_a_lifespan_that_starts_once(runner: Runner) -> None:
    await fastapi(runner)
    for _ in range(2):
        reply = await runner.fetch("/hello/Zo%C3%AB")
        assert json.loads(reply.body) == {"hello": "Zoë", "starts": 1, "greeting": "hi"}
    reply = await runner.fetch(
        "/items", method="POST", body=b'{"name": "x"}', headers={"content-type": "application/json"}
    )
    assert (reply.status, json.loads(reply.body)) == (201, {"name": "x", "price": 1.0})
    assert (await runner.fetch("/items", method="POST", body=b"{}")).status == 422
    assert (await runner.fetch("/nowhere")).status == 404
    assert (await runner.fetch("/docs")).status == 200


async def test_fastapi_runs_background_tasks_after_the_answer(runner: Runner) -> None:
    await fastapi(runner)
    assert (await runner.fetch("/later")).text == '"now"'
    await runner.log(lambda event: any(record.text == "afterwards" for record in event.records))


async def test_fastapi_streams(runner: Runner) -> None:
    await fastapi(runner)
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(b"GET /stream HTTP/1.1\r\nHost: p-1.localhost\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert b"transfer-encoding: chunked" in answer.lower()
    assert [part for part in (b"0;", b"1;", b"2;") if part in answer] == [b"0;", b"1;", b"2;"]


async def test_an_exception_in_fastapi_is_an_error_page_and_not_the_frameworks_own_500(runner: Runner) -> None:
    await fastapi(runner)
    reply = await runner.fetch("/broken", headers={"accept": "text/plain"})
    assert reply.status == 500
    assert "ZeroDivisionError: no" in reply.text and 'File "/worker/main.py", line 47' in reply.text


async def test_a_websocket_of_fastapi_is_accepted_when_the_application_accepts_it(runner: Runner) -> None:
    await fastapi(runner)
    address = f"ws://p-1.localhost:{runner.port}/ws/"
    options: dict[str, Any] = {"host": "127.0.0.1", "port": runner.port, "proxy": None, "subprotocols": ["chat"]}
    async with websockets.connect(address + "me", **options) as socket:
        assert socket.subprotocol == "chat"
        for text in ("one", "two"):
            await socket.send(text)
            assert await socket.recv() == f"me: {text}"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(address + "stranger", **options)
    assert refused.value.response.status_code == 403


FLASK = """
import threading
from flask import Flask, request, Response as FlaskResponse
from workers import WorkerEntrypoint, wsgi, env
import time

app = Flask(__name__)

@app.get("/hello/<name>")
def hello(name):
    return {"hello": name, "env": request.environ["workers.env"].GREETING, "q": request.args.get("q")}

@app.post("/form")
def form():
    return ",".join(f"{key}={value}" for key, value in request.form.items())

both = threading.Barrier(2, timeout=10)

@app.get("/together")
def together():
    both.wait()
    return "met"

@app.get("/stream")
def stream():
    return FlaskResponse((f"{number};" for number in range(3)), mimetype="text/plain")

@app.get("/broken")
def broken():
    return 1 / 0

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await wsgi.fetch(app, request, self.env)
"""


async def test_flask_answers_and_a_request_that_waits_holds_up_no_other(runner: Runner) -> None:
    config = json.dumps({"variables": {"GREETING": "hi"}})
    await runner.preview({"main.py": FLASK.encode(), "quickedit.json": config.encode()})
    reply = await runner.fetch("/hello/Zo%C3%AB?q=1%202")
    assert json.loads(reply.body) == {"hello": "Zoë", "env": "hi", "q": "1 2"}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert (await runner.fetch("/form", method="POST", body=b"a=1&b=%C3%A4", headers=headers)).text == "a=1,b=ä"
    replies = await asyncio.gather(runner.fetch("/together"), runner.fetch("/together"))
    assert [reply.text for reply in replies] == ["met", "met"]
    reply = await runner.fetch("/broken")
    assert reply.status == 500


DJANGO = {
    "src/entry.py": b"""
import os
from workers import WorkerEntrypoint, wsgi
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await wsgi.fetch(application, request, self.env)
""",
    "src/site_settings.py": b"""
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["/worker/src/templates"]}]
""",
    "src/site_urls.py": b"""
from django.shortcuts import render
from django.urls import path
urlpatterns = [path("hello/<str:name>/", lambda request, name: render(request, "hello.html", {"name": name}))]
""",
    "src/templates/hello.html": b"Hello, {{ name }}!",
}


async def test_django_answers_with_a_template_of_the_bundle(runner: Runner) -> None:
    await runner.preview(DJANGO)
    reply = await runner.fetch("/hello/%3Cb%3E/")
    assert (reply.status, reply.text) == (200, "Hello, &lt;b&gt;!")
    assert (await runner.fetch("/nowhere/")).status == 404


async def test_django_answers_as_an_asgi_application_that_listens_for_the_visitor_to_leave(runner: Runner) -> None:
    entry = DJANGO["src/entry.py"].replace(b"wsgi", b"asgi")
    urls = b"""
import asyncio
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
async def shout(request):
    await asyncio.sleep(0.01)
    return HttpResponse(request.body.upper())
async def pieces():
    for each in ("one ", "two"):
        await asyncio.sleep(0)
        yield each
urlpatterns = [path("shout/", shout), path("stream/", lambda request: StreamingHttpResponse(pieces()))]
"""
    settings = DJANGO["src/site_settings.py"] + b"\nMIDDLEWARE = []\n"
    await runner.preview({**DJANGO, "src/entry.py": entry, "src/site_urls.py": urls, "src/site_settings.py": settings})
    reply = await runner.fetch("/shout/", method="POST", body=b"hello")
    assert (reply.status, reply.text) == (200, "HELLO")
    assert (await runner.fetch("/nowhere/")).status == 404
    async with asked(runner, "GET /stream/") as (reader, _):
        text = (await reader.read(4096)).decode()
        while "two" not in text:
            text += (await reader.read(4096)).decode()
    assert text.startswith("HTTP/1.1 200") and "one " in text

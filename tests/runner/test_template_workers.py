"""The templates that keep something, each through the real runner: what a new user sees first must work."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import websockets

from preview.client import AskTrigger
from tests.runner.support import Runner, start_runner
from tests.support import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")
FORM = {"content-type": "application/x-www-form-urlencoded"}


def modules(template: str) -> dict[str, bytes]:
    folder = ROOT / "quickedit" / "workers" / "templates_data" / template
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner() -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        runner = await start_runner(Path(folder))
        yield runner
        await runner.web.close()
        await asyncio.to_thread(runner.process.stop)


async def test_the_guest_book_keeps_entries_and_shows_them_escaped(runner: Runner) -> None:
    await runner.preview(modules("form-d1"), "p-book")
    assert "<h1>Guest book</h1>" in (await runner.fetch("/", "p-book")).text
    wrong = await runner.fetch("/", "p-book", method="POST", headers=FORM, body=b"name=Ada&message=+")
    assert wrong.status == 400 and "Please write your name and a message." in wrong.text
    sent = await runner.fetch("/", "p-book", method="POST", headers=FORM, body=b"name=Ada&message=%3Cb%3Ehello")
    assert sent.status == 303
    assert "<b>Ada</b> &lt;b&gt;hello" in (await runner.fetch("/", "p-book")).text


async def test_the_scheduled_worker_remembers_its_runs(runner: Runner) -> None:
    program = await runner.preview(modules("cron"), "p-cron")
    assert json.loads((await runner.fetch("/", "p-cron")).body) == []
    outcome = await runner.web.trigger(AskTrigger(program.key, "scheduled", 1_700_000_000_000, "*/15 * * * *"))
    assert outcome.error == ""
    (run,) = json.loads((await runner.fetch("/", "p-cron")).body)
    assert run == {"at": "2023-11-14T22:13:20+00:00", "cron": "*/15 * * * *", "minute": 13}


async def test_the_queue_worker_does_later_what_it_took(runner: Runner) -> None:
    program = await runner.preview(modules("queue"), "p-queue")
    taken = await runner.fetch("/", "p-queue", method="POST", body=b'{"numbers": [1, 2, 3]}')
    assert taken.status == 202
    assert (await runner.fetch("/", "p-queue", method="POST", body=b"nonsense")).status == 400
    async with asyncio.timeout(20):
        while json.loads((await runner.fetch("/", "p-queue")).body) != [{"sum": 6, "count": 3}]:
            await asyncio.sleep(0.05)
    outcome = await runner.web.trigger(AskTrigger(program.key, "queue", 0, queue="jobs", messages=[("json", b"5")]))
    assert outcome.outcomes == ["retry"]


async def test_the_chat_tells_everybody_in_the_room(runner: Runner) -> None:
    await runner.preview(modules("chat"), "p-chat")
    assert "<title>Chat</title>" in (await runner.fetch("/", "p-chat")).text
    assert (await runner.fetch("/room", "p-chat")).status == 426
    at = {"host": "127.0.0.1", "port": runner.port}
    async with websockets.connect("ws://p-chat.localhost/room", **at) as ada:
        assert json.loads(await ada.recv()) == {"count": 1}
        async with websockets.connect("ws://p-chat.localhost/room", **at) as bob:
            assert json.loads(await ada.recv()) == json.loads(await bob.recv()) == {"count": 2}
            await bob.send("no json")
            await bob.send(json.dumps({"name": "Bob", "text": "hello"}))
            assert json.loads(await ada.recv()) == {"name": "Bob", "text": "hello"}
        assert json.loads(await ada.recv()) == {"count": 1}
    async with websockets.connect("ws://p-chat.localhost/room", **at) as late:
        assert json.loads(await late.recv()) == {"name": "Bob", "text": "hello"}


async def test_the_json_api_makes_lists_and_deletes_notes(runner: Runner) -> None:
    await runner.preview(modules("json-api"), "p-api")
    kind = {"content-type": "application/json"}
    made = await runner.fetch("/notes", "p-api", method="POST", headers=kind, body=b'{"text": "buy milk"}')
    assert made.status == 201, made.text
    assert json.loads(made.body) == {"id": 1, "text": "buy milk", "done": False}
    assert json.loads((await runner.fetch("/notes", "p-api")).body) == [json.loads(made.body)]
    assert (await runner.fetch("/notes", "p-api", method="POST", headers=kind, body=b'{"text": ""}')).status == 422
    assert (await runner.fetch("/notes/2", "p-api")).status == 404
    assert (await runner.fetch("/notes/1", "p-api", method="DELETE")).status == 204
    assert json.loads((await runner.fetch("/notes", "p-api")).body) == []

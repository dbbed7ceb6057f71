"""Queues, cron triggers and service bindings through the real runner."""

from __future__ import annotations

import asyncio
import json
import tempfile
import textwrap
from collections.abc import AsyncIterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from preview.client import LogEvent
from tests.runner.support import Runner, start_runner

pytestmark = pytest.mark.asyncio(loop_scope="module")
_names = (f"w{number}" for number in count(1))

CONFIG: dict[str, Any] = {
    "kv_namespaces": [{"binding": "KV"}],
    "queues": {
        "producers": [{"binding": "QUEUE", "queue": "jobs"}],
        "consumers": [
            {
                "queue": "jobs",
                "max_batch_size": 10,
                "max_batch_timeout": 0,
                "max_retries": 2,
                "dead_letter_queue": "dead",
            },
            {"queue": "dead", "max_batch_timeout": 0},
        ],
    },
}
SENDER = """
from workers import Response, WorkerEntrypoint
import json
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        env = self.env
{fetch}
    async def queue(self, batch, env, ctx):
{queue}
    async def scheduled(self, controller, env, ctx):
        await env.KV.put("ran", f"{{controller.cron}} {{controller.scheduledTime}}")
        print("ran", controller.cron)
"""


def worker(fetch: str, queue: str = "pass", config: Mapping[str, Any] = CONFIG) -> dict[str, bytes]:
    def indented(body: str) -> str:
        return textwrap.indent(textwrap.dedent(body), "        ")

    main = SENDER.format(fetch=indented(fetch), queue=indented(queue))
    return {"main.py": main.encode(), "quickedit.json": json.dumps(config).encode()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner() -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        runner = await start_runner(Path(folder))
        yield runner
        await runner.web.close()
        status = await asyncio.to_thread(runner.process.stop)
        assert status == 0, runner.process.output
        assert "Traceback" not in runner.process.output, runner.process.output


@pytest.fixture
def name() -> str:
    return next(_names)


async def told(runner: Runner, text: str, key: str) -> LogEvent:
    """The first event of a program whose log has a text in it."""
    return await runner.log(lambda event: event.program == key and any(text in record.text for record in event.records))


async def test_a_message_reaches_the_handler_with_its_body_as_it_was_sent(runner: Runner, name: str) -> None:
    send = """
    await env.QUEUE.send({"a": [1, None, "é"]})
    await env.QUEUE.send(b"\\x00\\xff")
    await env.QUEUE.send("plain", contentType="text")
    await env.QUEUE.sendBatch([{"body": 1}, {"body": True, "contentType": "json"}], {"delaySeconds": 0})
    return Response("sent")
    """
    take = """
    for message in batch.messages:
        print("got", batch.queue, message.body, message.attempts, type(message.timestamp).__name__, len(message.id))
    """
    program = await runner.deploy(worker(send, take), name)
    assert (await runner.fetch("/", name)).text == "sent"
    for body in ("{'a': [1, None, 'é']}", "b'\\x00\\xff'", "plain", "1", "True"):
        event = await told(runner, f"got jobs {body} 1 datetime 32", program.key)
        assert event.method == "QUEUE" and event.path.startswith("jobs (")


async def test_unacknowledged_messages_of_a_failed_batch_come_again_and_die_into_the_dead_letter_queue(
    runner: Runner, name: str
) -> None:
    send = 'await env.QUEUE.sendBatch([{"body": "good"}, {"body": "bad"}])\nreturn Response("sent")'
    take = """
    for message in batch.messages:
        print(batch.queue, message.body, message.attempts)
        if batch.queue == "jobs" and message.body == "bad":
            raise RuntimeError("cannot do this one")
        message.ack()
    """
    program = await runner.deploy(worker(send, take), name)
    await runner.fetch("/", name)
    await told(runner, "jobs bad 3", program.key)
    await told(runner, "dead bad 1", program.key)
    texts = [record.text for event in runner.logs if event.program == program.key for record in event.records]
    assert texts.count("jobs good 1\n") + texts.count("jobs good 1") == 1
    assert any("RuntimeError: cannot do this one" in text for text in texts)


async def test_a_handler_decides_message_by_message_and_for_the_rest(runner: Runner, name: str) -> None:
    send = 'await env.QUEUE.sendBatch([{"body": n} for n in range(4)])\nreturn Response("sent")'
    take = """
    print(sorted((message.body, message.attempts) for message in batch.messages))
    for message in batch.messages:
        if message.attempts == 1 and message.body == 0:
            message.ack()
        if message.attempts == 1 and message.body == 1:
            message.retry(delaySeconds=1) if False else message.retry({"delaySeconds": 0})
    if batch.messages[0].attempts == 1:
        batch.ackAll()
    """
    program = await runner.deploy(worker(send, take), name)
    await runner.fetch("/", name)
    await told(runner, "[(0, 1), (1, 1), (2, 1), (3, 1)]", program.key)
    await told(runner, "[(1, 2)]", program.key)


async def test_a_previews_messages_go_to_its_own_handler(runner: Runner, name: str) -> None:
    send = 'await env.QUEUE.send("x")\nreturn Response("sent")'
    label = f"p-{name}"
    live = await runner.deploy(worker(send, 'print("live took it")'), name)
    draft = await runner.preview(worker(send, 'print("draft took it")'), label)
    await runner.fetch("/", label)
    event = await told(runner, "draft took it", draft.key)
    assert event.revision == draft.revision
    assert not [event for event in runner.logs if event.program == live.key]


async def test_a_thousand_messages_all_arrive(runner: Runner, name: str) -> None:
    send = """
    for start in range(0, 1000, 100):
        await env.QUEUE.sendBatch([{"body": start + n} for n in range(100)])
    return Response("sent")
    """
    take = """
    for message in batch.messages:
        await env.KV.put(f"m{message.body:04}", "")
    """
    fetch = "if request.query.get('count'):\n    return Response.json(len((await env.KV.list(prefix='m'))['keys']))\n"
    await runner.deploy(worker(fetch + textwrap.dedent(send), take), name)
    await runner.fetch("/", name)
    async with asyncio.timeout(60):
        while (await runner.fetch("/?count=1", name)).text != "1000":
            await asyncio.sleep(0.05)


async def test_what_waits_in_a_queue_is_delivered_after_a_restart_without_a_visitor(tmp_path: Path) -> None:
    send = 'await env.QUEUE.send("late", delaySeconds=3)\nreturn Response("sent")'
    modules = worker(send, 'print("took", batch.messages[0].body)')
    first = await start_runner(tmp_path)
    await first.deploy(modules, "shop")
    assert (await first.fetch("/", "shop")).text == "sent"
    await first.web.close()
    first.process.process.kill()
    second = await start_runner(tmp_path, after=first)
    try:
        event = await told(second, "took late", "live:shop")
        assert event.method == "QUEUE"
    finally:
        await second.web.close()
        second.process.stop()


# Service bindings


async def test_a_worker_asks_another_one_through_its_binding(runner: Runner, name: str) -> None:
    config = {"services": [{"binding": "OTHER", "service": f"{name}-other"}]}
    other = (
        'return Response(f"{request.method} {request.url} {await request.text()}", 201, headers={"x-from": "other"})'
    )
    await runner.deploy(worker(other, config={}), f"{name}-other")
    ask = """
    answer = await env.OTHER.fetch("https://any.host/a/b?c=d", method="POST", body="hello")
    return Response(f"{answer.status} {answer.headers['x-from']} {await answer.text()}")
    """
    await runner.deploy(worker(ask, config=config), name)
    text = (await runner.fetch("/", name)).text
    assert text == f"201 other POST http://{name}-other.localhost/a/b?c=d hello"


async def test_workers_that_ask_in_a_circle_are_stopped(runner: Runner, name: str) -> None:
    config = {"services": [{"binding": "SELF", "service": name}]}
    ask = """
    from workers import OutsideError
    try:
        return Response(await (await env.SELF.fetch(request.url)).text())
    except OutsideError as error:
        return Response(str(error))
    """
    await runner.deploy(worker(ask, config=config), name)
    assert "do they ask in a circle?" in (await runner.fetch("/", name)).text


async def test_a_binding_to_nobody_says_so(runner: Runner, name: str) -> None:
    config = {"services": [{"binding": "OTHER", "service": "nobody-there"}, {"binding": "BAD", "service": "../x"}]}
    ask = """
    answer = await env.OTHER.fetch("https://x/")
    try:
        await env.BAD.fetch("https://x/")
    except Exception as error:
        return Response(f"{answer.status} {error}")
    """
    await runner.deploy(worker(ask, config=config), name)
    assert (await runner.fetch("/", name)).text == "404 “../x” cannot be the name of a worker."

"""Queues whose consumer is another worker than the one that sends, through the real runner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preview.client import AskData
from tests.runner.support import SHARED, Runner, start_runner

pytestmark = SHARED

MAIN = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        await self.env.QUEUE.send("from {name}", delaySeconds={delay})
        return Response("sent")
    async def queue(self, batch):
        for message in batch.messages:
            print("{name} took", message.body, message.attempts)
            {then}
"""


def worker(name: str, queues: Mapping[str, Any], then: str = "pass", delay: int = 0) -> dict[str, bytes]:
    main = MAIN.format(name=name, then=then, delay=delay)
    return {"main.py": main.encode(), "quickedit.json": json.dumps({"queues": queues}).encode()}


def sending(queue: str) -> dict[str, Any]:
    return {"producers": [{"binding": "QUEUE", "queue": queue}]}


def taking(queue: str, **settings: object) -> dict[str, Any]:
    return {"consumers": [{"queue": queue, "max_batch_timeout": 0, **settings}]}


def same_people(runner: Runner, one: str, other: str) -> None:
    runner.calls |= {(one, other), (other, one)}


async def took(runner: Runner, text: str, key: str) -> None:
    await runner.log(lambda event: event.program == key and any(text in record.text for record in event.records))


async def waiting(runner: Runner, worker: str, queue: str, *, preview: bool = False) -> int:
    answer = json.loads(await runner.web.data(AskData(worker, preview, "queue", queue, "list")))
    return len(answer["messages"])


async def sent(runner: Runner, host: str) -> None:
    reply = await runner.fetch("/", host)
    if reply.status == 500:  # what the worker raised is in its log
        event = await runner.log(lambda event: event.program.endswith(f":{host}") and event.status == 500)
        raise AssertionError([record.text for record in event.records])
    assert reply.text == "sent"


async def test_a_message_reaches_the_worker_that_consumes_the_queue(shared_runner: Runner) -> None:
    same_people(shared_runner, "orders", "mailer")
    await shared_runner.deploy(worker("mailer", taking("mail")), "mailer")
    await shared_runner.deploy(worker("orders", sending("mail")), "orders")
    await sent(shared_runner, "orders")
    await took(shared_runner, "mailer took from orders 1", "live:mailer")
    assert await waiting(shared_runner, "orders", "mail") == 0


async def test_what_was_sent_before_there_was_a_consumer_is_kept_for_it(shared_runner: Runner) -> None:
    same_people(shared_runner, "early", "late")
    await shared_runner.deploy(worker("early", sending("later")), "early")
    await sent(shared_runner, "early")
    assert await waiting(shared_runner, "early", "later") == 1
    await shared_runner.deploy(worker("late", taking("later")), "late")
    await took(shared_runner, "late took from early 1", "live:late")


async def test_what_waits_goes_to_another_worker_when_this_one_consumes_no_more(shared_runner: Runner) -> None:
    same_people(shared_runner, "moving", "heir")
    both = {**sending("moved"), **taking("moved")}
    await shared_runner.deploy(worker("heir", taking("moved")), "heir")
    await shared_runner.deploy(worker("moving", both, delay=2), "moving")
    await sent(shared_runner, "moving")
    await shared_runner.deploy(worker("moving", sending("moved")), "moving", 2)
    await took(shared_runner, "heir took from moving 1", "live:heir")
    assert not [event for event in shared_runner.logs if event.program == "live:moving" and event.method == "QUEUE"]


async def test_A4_messages_go_between_workers_alone_that_the_same_people_may_change(shared_runner: Runner) -> None:
    shared_runner.calls |= {("stranger", "taker"), ("taker", "other-stranger")}  # one way each
    same_people(shared_runner, "friend", "taker")
    await shared_runner.deploy(worker("taker", taking("shared")), "taker")
    for name in ("stranger", "other-stranger", "friend"):
        await shared_runner.deploy(worker(name, sending("shared")), name)
        await sent(shared_runner, name)
    await took(shared_runner, "taker took from friend", "live:taker")
    await asyncio.sleep(0.3)
    assert [await waiting(shared_runner, name, "shared") for name in ("stranger", "other-stranger", "friend")] == [
        1,
        1,
        0,
    ]
    heard = [record.text for event in shared_runner.logs if event.program == "live:taker" for record in event.records]
    assert not [text for text in heard if "stranger" in text]


async def test_a_previews_messages_reach_no_other_worker(shared_runner: Runner) -> None:
    same_people(shared_runner, "p-drafting", "real")
    await shared_runner.deploy(worker("real", taking("drafted")), "real")
    await shared_runner.preview(worker("drafting", sending("drafted")), "p-drafting")
    await sent(shared_runner, "p-drafting")
    await asyncio.sleep(0.3)
    assert await waiting(shared_runner, "p-drafting", "drafted", preview=True) == 1
    assert not [event for event in shared_runner.logs if event.program == "live:real" and event.method == "QUEUE"]


async def test_the_worker_that_sends_is_its_own_consumer_before_any_other(shared_runner: Runner) -> None:
    same_people(shared_runner, "both", "also")
    await shared_runner.deploy(worker("also", taking("twice")), "also")
    await shared_runner.deploy(worker("both", {**sending("twice"), **taking("twice")}), "both")
    await sent(shared_runner, "both")
    await took(shared_runner, "both took from both 1", "live:both")


async def test_dead_letters_reach_the_worker_that_consumes_them(shared_runner: Runner) -> None:
    same_people(shared_runner, "failing", "undertaker")
    failing = {**sending("work"), **taking("work", max_retries=0, dead_letter_queue="dead-work")}
    await shared_runner.deploy(worker("undertaker", taking("dead-work")), "undertaker")
    await shared_runner.deploy(worker("failing", failing, then="message.retry()"), "failing")
    await sent(shared_runner, "failing")
    await took(shared_runner, "undertaker took from failing 1", "live:undertaker")


async def test_a_message_that_waits_for_another_worker_outlives_the_runner(tmp_path: Path) -> None:
    first = await start_runner(tmp_path)
    await first.deploy(worker("sender", sending("kept")), "sender")
    await first.deploy(worker("keeper", taking("kept")), "keeper")
    await sent(first, "sender")  # nobody may call anybody yet
    assert await waiting(first, "sender", "kept") == 1
    await first.web.close()
    first.process.process.kill()
    first.calls = {("sender", "keeper"), ("keeper", "sender")}
    second = await start_runner(tmp_path, after=first)
    try:
        await took(second, "keeper took from sender 1", "live:keeper")
    finally:
        await second.web.close()
        second.process.stop()

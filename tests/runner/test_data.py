"""A worker's data and triggers as web asks for them, through the control socket of the real runner."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from preview.client import AskData, AskTrigger, Refused
from tests.runner.support import Runner, start_runner

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIN = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        await self.env.KV.put("from the worker", "1")
        return Response("ok")
    async def scheduled(self, controller):
        print("scheduled", controller.cron, controller.scheduledTime)
        if controller.cron == "fail":
            raise ValueError("as asked")
    async def queue(self, batch):
        for message in batch.messages:
            print(batch.queue, message.body, message.attempts)
            if message.body == "again":
                message.retry()
"""
CONFIG = {"kv_namespaces": [{"binding": "KV", "id": "space"}], "triggers": {"crons": ["0 0 * * *"]}}
MODULES = {"main.py": MAIN.encode(), "quickedit.json": json.dumps(CONFIG).encode()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner() -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        runner = await start_runner(Path(folder))
        await runner.preview(MODULES, "p-1")
        yield runner
        await runner.web.close()
        status = await asyncio.to_thread(runner.process.stop)
        assert status == 0, runner.process.output


async def data(runner: Runner, kind: Any, resource: str, method: str, body: bytes = b"", **args: Any) -> Any:
    asked = AskData("p-1", True, kind, resource, method, json.dumps(args).encode(), body)
    return json.loads(await runner.web.data(asked))


async def test_a_person_sees_what_the_worker_wrote_and_can_change_it(runner: Runner) -> None:
    assert (await runner.fetch("/")).text == "ok"
    page = await data(runner, "kv", "space", "list")
    assert [(key["name"], key["size"]) for key in page["keys"]] == [("from the worker", 1)]
    await data(runner, "kv", "space", "put", b"\xff\x00", key="mine", metadata={"a": 1}, ttl=60)
    found = await data(runner, "kv", "space", "get", key="mine")
    assert found == {"body": "/wA=", "encoding": "base64", "size": 2, "metadata": {"a": 1}}
    await data(runner, "kv", "space", "delete", key="mine")
    assert await data(runner, "kv", "space", "get", key="mine") is None


async def test_tables_and_rows_of_a_database_can_be_looked_at(runner: Runner) -> None:
    await data(
        runner,
        "d1",
        "main",
        "exec",
        sql='CREATE TABLE "odd ""name" (a, b); INSERT INTO "odd ""name" VALUES (1, x\'00\')',
    )
    (table,) = await data(runner, "d1", "main", "tables")
    assert table["name"] == 'odd "name' and table["type"] == "table"
    rows = await data(runner, "d1", "main", "rows", table=table["name"])
    assert rows == {"columns": ["a", "b"], "rows": [[1, [0]]], "count": 1}
    assert (await data(runner, "d1", "main", "query", sql="SELECT 1 AS one"))["columns"] == ["one"]
    with pytest.raises(Refused, match="D1_ERROR"):
        await data(runner, "d1", "main", "query", sql="SELEC")


async def test_objects_can_be_put_looked_at_and_deleted(runner: Runner) -> None:
    await data(runner, "r2", "files", "put", "é".encode(), key="a/b.txt", content_type="text/plain")
    listed = await data(runner, "r2", "files", "list", delimiter="/")
    assert listed["delimitedPrefixes"] == ["a/"]
    found = await data(runner, "r2", "files", "get", key="a/b.txt")
    assert found["body"] == "é" and found["info"]["httpMetadata"] == {"contentType": "text/plain"}
    await data(runner, "r2", "files", "delete", key="a/b.txt")
    assert (await data(runner, "r2", "files", "list"))["objects"] == []


async def test_a_reset_empties_the_layer_of_the_preview(runner: Runner) -> None:
    await data(runner, "kv", "space", "put", b"x", key="k")
    await data(runner, "", "", "reset")
    assert (await data(runner, "kv", "space", "list"))["keys"] == []


@pytest.mark.parametrize(
    ("kind", "method", "args"),
    [("kv", "nothing", {}), ("kv", "list", {"no": 1}), ("kv", "get", {"key": 5}), ("kv", "get", {}),
     ("d1", "rows", {"table": "x"}),
     ("queue", "put", {}), ("r2", "put", {"key": "x" * 2000})],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused(runner: Runner, kind: str, method: str, args: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        await data(runner, kind, "space", method, **args)


async def test_a_trigger_runs_the_scheduled_handler_with_that_time(runner: Runner) -> None:
    outcome = await runner.web.trigger(AskTrigger("draft:p-1", "scheduled", 1_700_000_000_000, "0 0 * * *"))
    assert outcome.error == "" and outcome.ms > 0
    event = await runner.log(lambda event: event.method == "CRON" and event.path == "0 0 * * *")
    assert event.status == 200
    assert [record.text.strip() for record in event.records] == ["scheduled 0 0 * * * 1700000000000"]
    failed = await runner.web.trigger(AskTrigger("draft:p-1", "scheduled", 0, "fail"))
    assert failed.error == "ValueError: as asked"
    event = await runner.log(lambda event: event.method == "CRON" and event.path == "fail")
    assert event.status == 500 and event.records[-1].path == "main.py"


async def test_a_trigger_hands_the_queue_handler_a_batch_and_says_what_became_of_it(runner: Runner) -> None:
    messages = [("json", b'"again"'), ("text", b"fine")]
    outcome = await runner.web.trigger(AskTrigger("draft:p-1", "queue", 0, queue="jobs", messages=messages))
    assert outcome.error == "" and outcome.outcomes == ["retry", "ack"]
    for wrong in ([], [("json", b"{")], [("xml", b"")], [("text", b"\xff")], [("text", b"x")] * 101):
        with pytest.raises(Refused):
            await runner.web.trigger(AskTrigger("draft:p-1", "queue", 0, queue="jobs", messages=wrong))
    assert (await runner.web.trigger(AskTrigger("draft:nobody", "queue", 0, "", "q", messages))).error != ""

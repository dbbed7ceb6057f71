"""A worker's data and triggers over the HTTP API, with the real runner: who sees it, what changes, and which layer."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
from typing import Any

from tests.web.conftest import DataPlane, Person, join
from tests.web.test_deploy import deploy, host_of, ready, write

MAIN = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        await self.env.KV.put("visits", "1")
        return Response("kept")

    async def scheduled(self, controller):
        print("ran at", controller.scheduledTime)

    async def queue(self, batch):
        raise RuntimeError(f"no {batch.messages[0].body}")
"""
CONFIG = {
    "kv_namespaces": [{"binding": "KV", "id": "space"}],
    "d1_databases": [{"binding": "DB", "database_name": "main"}],
    "queues": {"consumers": [{"queue": "jobs", "dead_letter_queue": "dead"}]},
    "triggers": {"crons": ["0 3 * * *"]},
}


async def call(person: Person, method: str, path: str, body: Any = None) -> Any:
    answer = await asyncio.to_thread(person.ask, method, path, body)
    return answer.json() if answer.status_code == 200 else answer.status_code


async def test_the_data_tab_sees_what_the_preview_wrote_and_live_data_stays_apart(
    owner: Person, mate: Person, outsider: Person, visitors: DataPlane
) -> None:
    name = owner.make()
    join(mate, name, "viewer")
    async with owner.editor(name) as editor:
        host = host_of(await editor.until("preview.address"))
        base = editor.welcome["revision"]
        ops: list[dict[str, Any]] = [{"op": "delete", "path": path} for path in ("main.py", "quickedit.json")]
        await editor.operate(1, base, *ops, write("main.py", MAIN), write("quickedit.json", json.dumps(CONFIG)))
        await ready(editor, base + 1)
        found = await call(owner, "GET", f"workers/{name}/data")
        assert [(b["kind"], b["name"], b["resource"]) for b in found["bindings"]] == [
            ("kv", "KV", "space"),
            ("d1", "DB", "main"),
            ("queue", "jobs", "jobs"),
            ("queue", "dead", "dead"),
        ]
        assert found["crons"] == ["0 3 * * *"] and found["consumers"] == ["jobs"] and found["live"] is False

        assert (await asyncio.to_thread(visitors.ask, host)).text == "kept"
        listing = {"layer": "preview", "method": "list"}
        keys = await call(owner, "POST", f"workers/{name}/data/KV", listing)
        assert [key["name"] for key in keys["keys"]] == ["visits"]
        assert (await call(owner, "POST", f"workers/{name}/data/KV", {**listing, "layer": "live"}))["keys"] == []

        waiting = await call(owner, "POST", f"workers/{name}/data/dead", listing)
        assert waiting == {"ready": 0, "waiting": 0, "messages": []}
        put = {"layer": "live", "method": "put", "args": {"key": "price"}, "body": "aGVsbG8=", "encoding": "base64"}
        assert await call(owner, "POST", f"workers/{name}/data/KV", put) is None
        shown = await call(
            owner, "POST", f"workers/{name}/data/KV", {**listing, "method": "get", "args": {"key": "price"}}
        )
        assert shown["body"] == "hello"
        await deploy(owner, name)
        assert await asyncio.to_thread(visitors.shows, name, "kept")
        assert await call(owner, "POST", f"workers/{name}/data-reset") is None
        live = await call(owner, "POST", f"workers/{name}/data/KV", {**listing, "layer": "live"})
        assert [key["name"] for key in live["keys"]] == ["price", "visits"]

        outcome = await call(
            owner, "POST", f"workers/{name}/trigger", {"event": "scheduled", "cron": "0 3 * * *", "time": 1000}
        )
        assert outcome["error"] == ""
        outcome = await call(
            owner, "POST", f"workers/{name}/trigger", {"event": "queue", "queue": "jobs", "messages": ['{"a": 1}']}
        )
        assert outcome["error"] == "RuntimeError: no {'a': 1}" and outcome["outcomes"] == ["retry"]
        records: list[str] = []
        while not any("ran at 1000" in text for text in records):
            records += [record["text"] for record in (await editor.until("log"))["records"]]

        for wrong in (
            {"layer": "live", "method": "drop"}, {"layer": "other", "method": "list"},
            {"layer": "live", "method": "get", "args": {"no": 1}},
            {"layer": "live", "method": "put", "args": {"key": "k"}, "body": "!", "encoding": "base64"}, {"method": "list"},
        ):  # fmt: skip
            assert await call(owner, "POST", f"workers/{name}/data/KV", wrong) == 400
        assert await call(owner, "POST", f"workers/{name}/data/NOPE", listing) == 404
        bad = {"layer": "preview", "method": "query", "args": {"sql": "SELEC"}}
        assert await call(owner, "POST", f"workers/{name}/data/DB", bad) == 400
        assert (
            await call(owner, "POST", f"workers/{name}/trigger", {"event": "queue", "queue": "q", "messages": ["{"]})
            == 400
        )
        # Whoever may only look sees which bindings there are; nobody else sees anything.
        assert (await call(mate, "GET", f"workers/{name}/data"))["canEdit"] is False
        assert await call(mate, "POST", f"workers/{name}/data/KV", listing) == 403
        assert await call(mate, "POST", f"workers/{name}/data-reset") == 403
        assert await call(mate, "POST", f"workers/{name}/trigger", {"event": "scheduled"}) == 403
        for method, path in (("GET", "data"), ("POST", "data/KV"), ("POST", "data-reset"), ("POST", "trigger")):
            assert await call(outsider, method, f"workers/{name}/{path}", {} if method == "POST" else None) == 404

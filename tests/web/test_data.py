"""A worker's data and triggers over the HTTP API, with the real runner: who sees it, what changes, and which layer."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
from typing import Any

from tests.web.conftest import DataPlane, Person, join
from tests.web.drafting import deploy, host_of, ready, write

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


async def test_editors_apply_migrations_of_the_draft_to_preview_data_and_of_the_deployed_version_to_live_data(
    owner: Person, mate: Person, outsider: Person, visitors: DataPlane
) -> None:
    name = owner.make()
    join(mate, name, "viewer")
    path = f"workers/{name}/migrations"

    async def pending(layer: str, person: Person = owner) -> Any:
        found = await call(person, "GET", f"{path}?layer={layer}")
        return [(one["binding"], one["database"], one["count"], one["pending"]) for one in found["migrations"]]

    async def apply(layer: str, *names: str, person: Person = owner) -> Any:
        return await call(person, "POST", path, {"layer": layer, "binding": "DB", "names": names})

    async with owner.editor(name) as editor:
        base = editor.welcome["revision"]
        ops: list[dict[str, Any]] = [{"op": "delete", "path": path} for path in ("main.py", "quickedit.json")]
        config = {"d1_databases": [{"binding": "DB", "database_name": "main", "migrations_dir": "./sql/"}]}
        made = [write("main.py", MAIN), write("quickedit.json", json.dumps(config))]
        await editor.operate(1, base, *ops, *made, write("sql/0001_init.sql", "CREATE TABLE a (b);"))
        await ready(editor, base + 1)
        one = ["0001_init.sql"]
        assert await pending("preview") == [("DB", "main", 1, one)] and await pending("live") == []
        assert await pending("preview", mate) == [("DB", "main", 1, one)]
        assert await apply("live", *one) == 404  # nothing is deployed
        await deploy(owner, name)

        # The draft goes on: what it has is not what live data gets.
        await editor.operate(2, base + 1, write("sql/0002_wrong.sql", "CREATE TABLE c (d);\nSELEC;"))
        await ready(editor, base + 2)
        two = [*one, "0002_wrong.sql"]
        assert await pending("preview") == [("DB", "main", 2, two)] and await pending("live") == [
            ("DB", "main", 1, one)
        ]
        assert await apply("live", *two) == 409
        assert await apply("preview", "0003_unseen.sql") == 409 and await apply("preview") == 409
        assert await call(owner, "GET", f"{path}?layer=other") == 400 and await call(owner, "GET", path) == 400
        assert await call(owner, "POST", path, {"layer": "live", "binding": "KV", "names": one}) == 404
        assert await apply("preview", *one, person=mate) == 403 and await apply("live", *one, person=mate) == 403
        assert await apply("preview", *one, person=outsider) == 404
        assert await call(outsider, "GET", f"{path}?layer=preview") == 404
        assert await pending("preview") == [("DB", "main", 2, two)]

        # Only what the person has seen is applied, and in the files' order.
        assert await apply("preview", *one) == {"applied": one, "failed": None}
        failed = await apply("preview", *reversed(two))
        assert failed["applied"] == [] and failed["failed"]["path"] == "sql/0002_wrong.sql"
        assert failed["failed"]["line"] == 2 and "syntax error" in failed["failed"]["message"]
        assert failed["failed"]["hint"] == "Nothing of it was done. Correct it, then apply again."
        assert await pending("preview") == [("DB", "main", 2, two[1:])] and await pending("live") == [
            ("DB", "main", 1, one)
        ]
        assert await apply("live", *one) == {"applied": one, "failed": None}
        assert await pending("live") == [("DB", "main", 1, [])]
        tables = {"layer": "live", "method": "tables"}
        listed = await call(owner, "POST", f"workers/{name}/data/DB", tables)
        assert [table["name"] for table in listed] == ["a", "d1_migrations"]

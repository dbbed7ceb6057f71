"""Deployments with the real runner: what goes live, what does not, and what stays as it was."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
from typing import Any

import pytest

from tests.web.conftest import DataPlane, Person, join
from tests.web.drafting import MAIN, deploy, host_of, open_main, ready, replace, write


async def test_a_missing_main_module_is_said_and_not_deployed(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        paths = [file["path"] for file in owner.ask("GET", f"workers/{name}/snapshot").json()["files"]]
        await editor.operate(1, 1, *[{"op": "delete", "path": path} for path in paths])
        await editor.until("committed")
        while (event := await editor.until("preview.failed"))["revision"] < 2:
            pass
        assert event["code"] == "no-main"
        assert event["message"]
    refused = owner.ask("POST", f"workers/{name}/deployments", {"message": ""})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "no-main")


def _checks(owner: Person, name: str) -> list[tuple[str, str, int]]:
    answer = owner.ask("POST", f"workers/{name}/checks")
    assert answer.status_code == 200, answer.text
    return [(check["state"], check["path"], check["line"]) for check in answer.json()["checks"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MAIN, [("passed", "", 0), ("passed", "", 0), ("passed", "", 0)]),
        ("x = 1\ny = (\n", [("failed", "main.py", 2), ("skipped", "", 0), ("skipped", "", 0)]),
        ("x = 1\nimport nothing_there\n", [("passed", "", 0), ("failed", "main.py", 2), ("skipped", "", 0)]),
        ("x = 1\n", [("skipped", "", 0), ("failed", "", 0), ("skipped", "", 0)]),
        (MAIN.replace("return", "1 / 0; return"), [("passed", "", 0), ("passed", "", 0), ("warning", "main.py", 7)]),
    ],
    ids=["good", "does not parse", "import raises", "no handler", "GET / raises"],
)
async def test_what_would_go_live_is_tried_before_and_the_line_to_fix_is_named(
    owner: Person, visitors: DataPlane, text: str, found: list[tuple[str, str, int]]
) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        await open_main(editor, text)
    assert await asyncio.to_thread(_checks, owner, name) == found
    deployed = await asyncio.to_thread(owner.ask, "POST", f"workers/{name}/deployments", {"message": ""})
    assert deployed.status_code == (400 if any(state == "failed" for state, _, _ in found) else 201), deployed.text


async def test_a_worker_whose_import_raises_does_not_replace_what_is_live(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        file = await open_main(editor)
        await deploy(owner, name)
        await editor.operate(2, 2, replace(file, MAIN, "import nothing_there\n" + MAIN))
        await editor.until("committed")
    refused = await asyncio.to_thread(owner.ask, "POST", f"workers/{name}/deployments", {"message": ""})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["hint"]) == (400, "does-not-start", "Fix main.py:1.")
    assert "nothing_there" in error["message"]
    assert (await asyncio.to_thread(visitors.ask, name)).text == "one"


async def test_a_deployed_worker_stays_as_it_is_until_the_next_deploy(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        file = await open_main(editor)
        first = await deploy(owner, name, message="first", revision=2)
        assert (first["version"], first["url"]) == (1, f"http://{name}.localhost:8001/")
        told = await editor.until("deployed")
        assert (told["version"], told["revision"], told["by"]["id"]) == (1, 2, owner.user.pk)
        assert (await asyncio.to_thread(visitors.ask, name)).text == "one"
        await editor.operate(2, 2, replace(file, MAIN, MAIN.replace("one", "two")))
        await ready(editor, 3)
        assert (await asyncio.to_thread(visitors.ask, name)).text == "one"
        changes = (await asyncio.to_thread(owner.ask, "GET", f"workers/{name}/changes")).json()
        assert changes["changes"] == [{"path": "main.py", "change": "changed", "plus": 1, "minus": 1}]
        assert (changes["live"], changes["next"], changes["revision"]) == (1, 2, 3)
        await deploy(owner, name)
        assert (await asyncio.to_thread(visitors.ask, name)).text == "two"


async def test_a_rollback_is_a_new_version_with_the_old_modules_and_needs_a_reason(
    owner: Person, visitors: DataPlane
) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        file = await open_main(editor)
        await deploy(owner, name)
        await editor.operate(2, 2, replace(file, MAIN, MAIN.replace("one", "two")))
        await editor.until("committed")
        await deploy(owner, name)
    path = f"workers/{name}/rollback"
    assert owner.ask("POST", path, {"version": 1, "reason": " "}).json()["error"]["code"] == "reason-missing"
    assert owner.ask("POST", path, {"version": 9, "reason": "x"}).status_code == 404
    assert owner.ask("POST", path, {"version": 1, "reason": "two was wrong"}).json()["version"] == 3
    assert visitors.ask(name).text == "one"
    history = owner.ask("GET", f"workers/{name}/deployments").json()["deployments"]
    assert [(row["version"], row["rollback_of"], row["live"]) for row in history] == [
        (3, 1, True), (2, None, False), (1, None, False)
    ]  # fmt: skip
    page = owner.browser.get(f"/workers/{name}/deployments").text
    assert "two was wrong" in page
    snapshot = owner.ask("GET", f"workers/{name}/snapshot").json()
    assert any("two" in item["text"] for item in snapshot["files"] if item["path"] == "main.py")


async def test_somebody_elses_edit_since_one_looked_stops_the_deploy(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        await open_main(editor)
    answer = owner.ask("POST", f"workers/{name}/deployments", {"message": "", "revision": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "moved")


async def test_variables_reach_the_draft_at_once_and_what_is_live_with_the_next_deploy(
    owner: Person, visitors: DataPlane
) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        host = host_of(await editor.until("preview.address"))
        await open_main(editor)
        await deploy(owner, name)
        await asyncio.to_thread(owner.ask, "PUT", f"workers/{name}/variables", {"variables": {"GREETING": "!"}})
        await asyncio.to_thread(visitors.shows, host, "one!")
        assert (await asyncio.to_thread(visitors.ask, name)).text == "one"
        await deploy(owner, name)
        assert (await asyncio.to_thread(visitors.ask, name)).text == "one!"


async def test_a_rename_moves_the_address_and_a_delete_ends_it(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        await open_main(editor)
        await deploy(owner, name)
    assert visitors.ask(name).status_code == 200
    owner.ask("PATCH", f"workers/{name}", {"name": f"{name}-new"})
    assert visitors.ask(name).status_code == 404
    assert visitors.ask(f"{name}-new").text == "one"
    deleted = owner.ask("DELETE", f"workers/{name}-new").json()
    assert visitors.ask(f"{name}-new").status_code == 404
    owner.ask("POST", "workers/restore", {"id": deleted["id"]})
    assert visitors.ask(f"{name}-new").text == "one"


def test_the_files_of_a_version_never_change(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    owner.ask("POST", f"workers/{name}/deployments", {"message": "first"})
    before = owner.ask("GET", f"workers/{name}/versions/1/files").json()
    draft = owner.ask("GET", f"workers/{name}/snapshot").json()["files"]
    assert {item["path"]: item["text"] for item in before["files"]} == {item["path"]: item["text"] for item in draft}
    assert owner.ask("GET", f"workers/{name}/versions/2/files").status_code == 404


CALLED = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("no method")

    async def shout(self, text):
        return text.upper()
"""
CALLER = """
from workers import OutsideError, Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            return Response(await self.env.OTHER.shout("hello"))
        except OutsideError as error:
            return Response(error.code)
"""


async def published(person: Person, name: str, main: str, **config: Any) -> str:
    """A worker of that person's, deployed; its name."""
    async with person.editor(person.make(name)) as editor:
        await open_main(editor, main)
        settings = write("wrangler.jsonc", json.dumps({"main": "main.py", **config}))
        await editor.operate(2, 2, {"op": "delete", "path": "quickedit.json"}, settings)
        await editor.until("committed")
    await deploy(person, name)
    return name


async def test_A4_a_worker_calls_methods_of_those_alone_that_all_who_may_change_it_may_change(
    owner: Person, mate: Person, visitors: DataPlane
) -> None:
    called = await published(owner, "calling-shout", CALLED)
    binding = {"services": [{"binding": "OTHER", "service": called}]}

    async def answer(name: str) -> str:
        return (await asyncio.to_thread(visitors.ask, name)).text

    assert await answer(await published(owner, "calling-same", CALLER, **binding)) == "HELLO"
    assert await answer(await published(mate, "calling-foreign", CALLER, **binding)) == "forbidden"
    shared = await published(owner, "calling-shared", CALLER, **binding)
    join(mate, shared, "editor")
    assert await answer(shared) == "forbidden"
    looked_at = await published(owner, "calling-looked-at", CALLER, **binding)
    join(mate, looked_at, "viewer")
    assert await answer(looked_at) == "HELLO"
    join(mate, called, "editor")
    assert await answer(await published(mate, "calling-editing", CALLER, **binding)) == "HELLO"

"""Drafts and deployments with the real runner: what the preview shows, what goes live, and what stays."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.web.conftest import DataPlane, Editor, Person, join

MAIN = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("asked for", request.url)
        return Response(WORD + getattr(self.env, "GREETING", ""))

WORD = "one"
"""


def write(path: str, text: str) -> dict[str, str]:
    return {"op": "create", "file": secrets.token_hex(8), "path": path, "text": text}


def replace(file: str, old: str, new: str) -> dict[str, Any]:
    """An edit that writes the whole text anew."""
    return {"op": "edit", "file": file, "changes": [[len(old), *new.split("\n")]]}


def host_of(address: dict[str, Any]) -> str:
    return str(urlsplit(address["origin"]).netloc).split(".")[0]


async def open_main(editor: Editor, text: str = MAIN) -> str:
    """A worker whose only main module is ours; its file id."""
    base = editor.welcome["revision"]
    ops = [{"op": "delete", "path": "main.py"}, write("main.py", text)]
    await editor.operate(1, base, *ops)
    committed = await editor.until("committed")
    return str(committed["ops"][1]["file"])


async def ready(editor: Editor, revision: int) -> dict[str, Any]:
    """The event that the preview runs that revision."""
    while True:
        event = await editor.until("preview.ready")
        if event["revision"] >= revision:
            return event


async def deploy(person: Person, name: str, **body: Any) -> dict[str, Any]:
    answer = await asyncio.to_thread(person.ask, "POST", f"workers/{name}/deployments", {"message": "", **body})
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_an_edit_changes_the_preview_by_itself_and_names_the_revision_it_runs(
    owner: Person, visitors: DataPlane
) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        address = await editor.until("preview.address")
        assert address["tier"] in ("A", "B")
        assert address["python"].startswith("3.")
        file = await open_main(editor)
        event = await ready(editor, 2)
        assert event["ms"] > 0
        host = host_of(address)
        assert (await asyncio.to_thread(visitors.ask, host)).text == "one"
        await editor.operate(2, 2, replace(file, MAIN, MAIN.replace("one", "two")))
        await ready(editor, 3)
        answer = await asyncio.to_thread(visitors.ask, host)
        assert (answer.text, answer.headers["x-quickedit-revision"]) == ("two", "3")


async def test_what_a_request_prints_comes_to_the_console(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        host = host_of(await editor.until("preview.address"))
        await open_main(editor)
        await ready(editor, 2)
        await asyncio.to_thread(visitors.ask, host, "/here")
        records: list[str] = []
        while not any("asked for" in text for text in records):
            log = await editor.until("log")
            records += [record["text"] for record in log["records"]]
        assert (log["method"], log["path"], log["revision"]) == ("GET", "/here", 2)


async def test_a_module_that_does_not_parse_keeps_the_last_good_page_and_names_the_line(
    owner: Person, visitors: DataPlane
) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        host = host_of(await editor.until("preview.address"))
        file = await open_main(editor)
        await ready(editor, 2)
        await editor.operate(2, 2, replace(file, MAIN, "x = 1\ny = (\n"))
        event = await editor.until("preview.unparsed")
        assert (event["revision"], event["path"], event["line"]) == (3, "main.py", 2)
        assert (await asyncio.to_thread(visitors.ask, host)).text == "one"
        refused = await asyncio.to_thread(owner.ask, "POST", f"workers/{name}/deployments", {"message": ""})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unparsed")
        assert "main.py:2" in refused.json()["error"]["hint"]


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


async def test_O3_a_preview_label_dies_with_its_session(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        host = host_of(await editor.until("preview.address"))
        await open_main(editor)
        await ready(editor, 2)
        assert (await asyncio.to_thread(visitors.ask, host)).status_code == 200
        await asyncio.to_thread(owner.browser.post, "/logout", data={"csrfmiddlewaretoken": owner.csrf})
        assert await editor.closed() == 4401
    assert visitors.ask(host).status_code == 404


async def test_each_member_has_a_preview_address_of_their_own(owner: Person, mate: Person, visitors: DataPlane) -> None:
    name = owner.make()
    join(mate, name, "editor")
    async with owner.editor(name) as one, mate.editor(name) as two:
        hosts = {host_of(await one.until("preview.address")), host_of(await two.until("preview.address"))}
        assert len(hosts) == 2


async def test_the_HTTP_tab_makes_a_request_to_the_draft(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        await open_main(editor)
        await ready(editor, 2)
    answer = owner.ask("POST", f"workers/{name}/requests", {"path": "/a?b=c", "headers": [["x-a", "b"]]}).json()
    assert (answer["status"], answer["body"], answer["encoding"]) == (200, "one", "text")


@pytest.mark.parametrize(
    "request_",
    [
        {"path": "a"}, {"path": "/a b"}, {"path": "/", "method": "GET X"}, {"path": "/", "headers": [["a\r\nb", "c"]]},
        {"path": "/", "headers": [["a", "b\r\nc: d"]]}, {"path": "/", "headers": [["a", "b"]] * 65}, {"path": "//" * 5000},
        {}, {"path": "/", "headers": [["a"]]}, {"path": "/\r\nx"},
    ],
)  # fmt: skip
def test_a_request_that_no_browser_could_send_is_refused(owner: Person, request_: dict[str, Any]) -> None:
    assert owner.ask("POST", f"workers/{owner.make()}/requests", request_).status_code == 400


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

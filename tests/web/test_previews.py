"""Drafts with the real runner: what the preview shows, to whom, and what the Console and the HTTP tab say of it."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
from typing import Any

import pytest

from tests.web.conftest import DataPlane, Person, join
from tests.web.drafting import MAIN, host_of, open_main, previewed, ready, replace


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
        host, _ = await previewed(editor)
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
        host, file = await previewed(editor)
        await editor.operate(2, 2, replace(file, MAIN, "x = 1\ny = (\n"))
        event = await editor.until("preview.unparsed")
        assert (event["revision"], event["path"], event["line"]) == (3, "main.py", 2)
        assert (await asyncio.to_thread(visitors.ask, host)).text == "one"
        refused = await asyncio.to_thread(owner.ask, "POST", f"workers/{name}/deployments", {"message": ""})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unparsed")
        assert "main.py:2" in refused.json()["error"]["hint"]


async def test_O3_a_preview_label_dies_with_its_session(owner: Person, visitors: DataPlane) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        host, _ = await previewed(editor)
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
        await previewed(editor)
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

"""What a person sees while typing: completion, documentation and signatures, over the protocol and through real jedi."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from quickedit.language.completing import Completing
from quickedit.language.documents import Document
from tests.language.conftest import ROOT, Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

HANDLER = """from workers import WorkerEntrypoint, Response

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        request.|
        return Response("hello")
"""


async def test_request_offers_the_platform_s_members_without_any_type_hint(client: Client) -> None:
    assert {"url", "method", "headers", "json", "text"} <= set(await client.labels("main.py", HANDLER))


@pytest.mark.parametrize(
    "text",
    [
        "import workers\nclass Default(workers.WorkerEntrypoint):\n    def fetch(self, request):\n        request.|\n",
        "async def on_fetch(request, env, ctx):\n    return request.|\n",
        "from workers import Request\nasync def on_fetch(request: Request):\n    request.|\n",
    ],
)
async def test_every_form_of_handler_knows_its_request(client: Client, text: str) -> None:
    assert {"url", "method", "headers"} <= set(await client.labels("main.py", text))


async def test_only_handlers_of_a_worker_get_the_platform_s_types(client: Client) -> None:
    assert await client.labels("main.py", "class Shop:\n    def fetch(self, request):\n        request.|\n") == []


async def test_self_env_is_known(client: Client) -> None:
    text = "from workers import *\nclass D(WorkerEntrypoint):\n    async def fetch(self, request):\n        self.|\n"
    assert {"env", "ctx"} <= set(await client.labels("main.py", text))


async def test_modules_that_code_for_cloudflare_imports_complete(client: Client) -> None:
    assert {"new", "redirect"} <= set(await client.labels("main.py", "from js import Response\nResponse.|\n"))
    text = "from js import HTMLRewriter\nHTMLRewriter.new().on('a', {}).|\n"
    assert {"on", "onDocument", "transform"} <= set(await client.labels("main.py", text))
    assert {"pathname", "searchParams"} <= set(await client.labels("main.py", "from js import URL\nURL.new('').|\n"))
    assert {"to_js", "run_sync"} <= set(await client.labels("main.py", "from pyodide.ffi import |\n"))
    assert {"fetch"} <= set(await client.labels("main.py", "from workers import asgi\nasgi.|\n"))


async def test_packages_of_the_runtime_complete(client: Client) -> None:
    assert {"FastAPI", "APIRouter"} <= set(await client.labels("main.py", "from fastapi import |\n"))
    assert {"Template", "Environment"} <= set(await client.labels("main.py", "import jinja2\njinja2.|\n"))


async def test_a_name_from_a_sibling_module_completes_and_says_what_it_is(client: Client) -> None:
    client.session.workspace_changed(
        {"main.py": "", "greetings.py": 'def greet(name: str) -> str:\n    "Says hello."\n'}
    )
    item = (await client.settled("main.py", "from greetings import greet\n\ngre|"))[0]
    assert item["label"] == "greet"
    resolved = await client.ask("completionItem/resolve", item)
    assert resolved["detail"] == "greet(name: str) -> str"
    assert resolved["documentation"]["value"] == "Says hello."


async def test_a_sibling_s_change_is_seen_at_once_as_often_as_it_changes(client: Client) -> None:
    for name in ("first", "second", "third", "fourth"):
        client.session.workspace_changed({"main.py": "", "shop.py": f"def {name}_thing(): ...\n"})
        assert f"{name}_thing" in await client.labels("main.py", "import shop\nshop.|")


async def test_a_module_that_was_deleted_completes_no_more(client: Client) -> None:
    client.session.workspace_changed({"main.py": "", "lib/shop.py": "def thing(): ...\n"})
    assert "thing" in await client.labels("main.py", "from lib import shop\nshop.|")
    client.session.workspace_changed({"main.py": ""})
    assert await client.labels("main.py", "from lib import shop\nshop.|") == []


async def test_imports_start_at_the_folder_of_the_main_module(client: Client) -> None:
    client.session.workspace_changed(
        {"quickedit.json": '{"main": "src/app.py"}', "src/app.py": "", "src/shop.py": "def thing(): ...\n"}
    )
    assert "thing" in await client.labels("src/app.py", "import shop\nshop.|")


async def test_a_function_of_the_standard_library_shows_its_signature(client: Client) -> None:
    place = await client.open("main.py", "import json\njson.dumps([], |)\n")
    answer = await client.ask("textDocument/signatureHelp", place)
    signature = answer["signatures"][0]
    assert signature["label"].startswith("dumps(obj")
    start, end = signature["parameters"][0]["label"]
    assert signature["label"][start:end].startswith("obj")


async def test_no_call_no_signature(client: Client) -> None:
    assert await client.ask("textDocument/signatureHelp", await client.open("main.py", "x = 1|\n")) is None


async def test_changes_arrive_in_utf_16_units(client: Client) -> None:
    place = await client.open("main.py", "s = '😀😀'; import js|\n")
    change = {"range": {"start": place["position"], "end": place["position"]}, "text": "on"}
    await client.tell("textDocument/didChange", {"textDocument": place["textDocument"], "contentChanges": [change]})
    place["position"]["character"] += 2
    answer = await client.ask("textDocument/completion", place)
    assert "json" in [item["label"] for item in answer["items"]]


async def test_a_file_that_is_not_open_is_answered_from_the_workspace(client: Client) -> None:
    client.session.workspace_changed({"main.py": "import json\njson."})
    place = {"textDocument": {"uri": f"{ROOT}/main.py"}, "position": {"line": 1, "character": 5}}
    answer = await client.ask("textDocument/completion", place)
    assert "dumps" in [item["label"] for item in answer["items"]]


async def test_private_names_come_last(client: Client) -> None:
    order = await client.labels("main.py", "class A:\n    __x__ = 1\n    _y = 1\n    z = 1\nA.|")
    assert order.index("z") < order.index("_y") < order.index("__x__")


async def test_a_question_asked_again_in_the_moment_it_is_cancelled_has_its_answer() -> None:
    completing = Completing()
    document = Document("main.py", "impor")

    async def analyser() -> list[dict[str, Any]]:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)  # as one that tells its process
            raise
        return [{"label": "import", "kind": 14, "rank": 1}]

    def ask() -> asyncio.Task[dict[str, Any]]:
        return asyncio.create_task(completing.complete(document, 0, 5, 1, analyser, analyser))

    first = ask()
    await asyncio.sleep(0.01)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    assert [item["label"] for item in (await ask())["items"]] == ["import"]
    completing.close()


async def test_a_question_whose_analyser_gave_up_is_asked_anew() -> None:
    completing = Completing()
    document = Document("main.py", "impor")
    asked = 0

    async def analyser() -> list[dict[str, Any]]:
        nonlocal asked
        asked += 1
        if asked <= 2:
            raise asyncio.CancelledError
        return [{"label": "import", "kind": 14, "rank": 1}]

    async def labels() -> list[str]:
        answer = await completing.complete(document, 0, 5, 1, analyser, analyser)
        return [item["label"] for item in answer["items"]]

    assert await labels() == []
    assert await labels() == ["import"]
    completing.close()


async def test_an_answer_that_was_lost_is_asked_for_again_and_the_list_says_so() -> None:
    completing = Completing()
    document = Document("main.py", "impor")
    answers = [None, {"isIncomplete": False, "items": [{"label": "import", "kind": 14, "rank": 1}]}]

    async def jedi() -> Any:
        return answers.pop(0)

    async def checker() -> Any:
        return None

    lost = await completing.complete(document, 0, 5, 1, jedi, checker)
    assert (lost["isIncomplete"], lost["items"]) == (True, [])
    found = await completing.complete(document, 0, 5, 1, jedi, checker)
    assert (found["isIncomplete"], [item["label"] for item in found["items"]]) == (False, ["import"])
    completing.close()


async def test_that_there_is_nothing_to_offer_is_an_answer(client: Client) -> None:
    place = await client.open("main.py", "x = 1\nx.nothing_has_this_name|\n")
    answer = await client.ask("textDocument/completion", place)
    assert (answer["isIncomplete"], answer["items"]) == (False, [])

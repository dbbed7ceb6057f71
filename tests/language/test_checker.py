"""What the type checker gives a person, through a real one: problems and fixes, and how it comes and goes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf import settings

from quickedit.language import budget, checker
from tests.language.conftest import ROOT, SHOP, WORKER, Client, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x: int = 'a'\n", "invalid-assignment"),
        ("import nothing_like_it\nprint(nothing_like_it)\n", "import-not-found"),
        ("import json\njson.dumbs([])\n", "missing-attribute"),
        ("'a'.uper()\n", "missing-attribute"),
        ("def f(a: int): ...\nf('a')\n", "invalid-argument-type"),
        ("def f(a: int): ...\nf()\n", "missing-argument"),
        ("async def f(): ...\nasync def g():\n    f()\n", "unused-awaitable"),
        ("print(undefined_name)\n", "unresolved-reference"),
        ("from fastapi import FastAPI\napp = FastAPI()\nprint(app.nothing_of_it)\n", "missing-attribute"),
    ],
)
async def test_a_mistake_is_underlined_and_explained_and_the_line_goes_when_it_is_mended(
    client: Client, text: str, code: str
) -> None:
    place = await opened(client, text)
    await client.told("main.py", code)
    problem = client.problems("main.py")[0]
    assert "\n" in problem["message"], "a sentence says what the rule is about"
    assert "/dev/shm" not in problem["message"] and "/tmp" not in problem["message"]
    change = {"textDocument": place["textDocument"], "contentChanges": [{"text": "x = 1\n"}]}
    await client.tell("textDocument/didChange", change)
    await client.told("main.py")


async def test_modules_that_are_not_open_have_their_problems_too(client: Client) -> None:
    await opened(client, "x = 1\n", shop="y: int = 'a'\n", other="z = 1\n")
    await client.told("shop.py", "invalid-assignment")
    client.session.workspace_changed({"main.py": "x = 1\n", "shop.py": "y = 'a'\n"})
    await client.told("shop.py")


async def test_a_change_of_a_signature_is_seen_in_the_modules_that_call_it(client: Client) -> None:
    await opened(client, "import shop\nshop.price(3)\n", shop=SHOP)
    await client.open("shop.py", SHOP.replace("amount: int", "amount: str"))
    await client.told("main.py", "invalid-argument-type")


async def test_a_handler_without_hints_is_checked_as_the_platform_calls_it(client: Client) -> None:
    await opened(client, WORKER + "        return request.methud + request.url\n")
    await client.told("main.py", "missing-attribute")
    problem = client.problems("main.py")[0]
    assert problem["range"] == {"start": {"line": 5, "character": 15}, "end": {"line": 5, "character": 29}}
    assert "methud" in problem["message"] and "Platform" not in problem["message"]


async def test_env_knows_the_settings_and_changes_with_them(client: Client) -> None:
    client.session.settings_changed(variables=["GREETING"])
    await opened(client, WORKER + "        return self.env.GREETNG\n")
    await client.told("main.py", "missing-attribute")
    client.session.settings_changed(variables=["GREETING", "GREETNG"])
    await client.told("main.py")
    client.session.settings_changed(variables=[], bindings={"DB": "d1"})
    assert {"DB"} == {
        label for label in await client.labels("main.py", WORKER + "        self.env.|\n") if not label.startswith("_")
    }


async def test_env_has_the_variables_and_bindings_of_the_configuration(client: Client) -> None:
    config = '{"main": "main.py", "vars": {"COLOUR": "red"}, "kv_namespaces": [{"binding": "CACHE", "id": "c"}]}'
    client.session.workspace_changed({"main.py": "", "wrangler.jsonc": config})
    assert {"COLOUR", "CACHE"} <= set(await client.labels("main.py", WORKER + "        self.env.|\n"))
    assert {"get", "put"} <= set(await client.labels("main.py", WORKER + "        self.env.CACHE.|\n"))


async def test_a_name_that_is_not_imported_gets_a_fix_that_imports_it(client: Client) -> None:
    place = await opened(client, '"""A worker."""\nimport json\n\nx = Deci|mal(1)\n')
    await client.told("main.py", "unresolved-reference", "F401")
    reach = {"start": place["position"], "end": place["position"]}
    actions = await client.ask("textDocument/codeAction", {**place, "range": reach, "context": {"diagnostics": []}})
    action = next(action for action in actions if action["title"] == "Import: from decimal import Decimal")
    (edit,) = action["edit"]["changes"][f"{ROOT}/main.py"]
    assert edit == {"range": {"start": {"line": 2, "character": 0}, "end": {"line": 2, "character": 0}},
                    "newText": "from decimal import Decimal\n"}  # fmt: skip


async def test_a_finding_of_the_linter_has_a_fix(client: Client) -> None:
    place = await opened(client, "import js|on\nx = 1\n")
    await client.told("main.py", "F401")
    reach = {"start": place["position"], "end": place["position"]}
    actions = await client.ask("textDocument/codeAction", {**place, "range": reach, "context": {"diagnostics": []}})
    assert actions[0]["title"] == "Remove unused import: `json`" and actions[0]["isPreferred"]
    (edit,) = actions[0]["edit"]["changes"][f"{ROOT}/main.py"]
    assert edit == {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}}, "newText": ""}


async def test_a_module_is_formatted_on_demand(client: Client) -> None:
    place = await opened(client, "x = {  'a':1 }\n")
    options = {"tabSize": 4, "insertSpaces": True}
    edits = await client.ask("textDocument/formatting", {"textDocument": place["textDocument"], "options": options})
    assert "".join(edit["newText"] for edit in edits) == 'x = {"a": 1}\n'


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\nsubprocess.run(['ls'])\n",
        "from threading import Thread\nThread(target=print).start()\n",
        "import socket\nsocket.socket()\n",
    ],
)
async def test_what_will_not_run_on_cloudflare_is_said_gently_and_a_setting_switches_it_off(
    client: Client, text: str
) -> None:
    await opened(client, text)
    await client.told("main.py", "cloudflare")
    assert {problem["severity"] for problem in client.problems("main.py")} == {3}, "information, no warning"
    try:
        await client.tell("workspace/didChangeConfiguration", {"settings": {"quickedit": {"portability": False}}})
        await client.told("main.py")
    finally:
        await client.tell("workspace/didChangeConfiguration", {"settings": {"quickedit": {"portability": True}}})


async def test_a_checker_rests_after_a_while_and_comes_back(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    own = client.session._workspace.checker
    place = await opened(client, "x|: int = 'a'\n")
    await client.told("main.py", "invalid-assignment")
    monkeypatch.setattr(checker, "IDLE", 0.05)
    await client.ask("textDocument/hover", place)
    await until(lambda: not own.running, "the checker rests")
    monkeypatch.undo()
    await client.tell(
        "textDocument/didChange",
        {"textDocument": {"uri": f"{ROOT}/main.py"}, "contentChanges": [{"text": "'a'.uper()"}]},
    )
    await client.told("main.py", "missing-attribute")
    assert own.starts >= 2


async def test_without_memory_for_a_checker_jedi_answers_alone_and_the_person_is_told_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "most", lambda: 0)
    for text in ("import json\njson.du|", "import json\njson.lo|"):
        assert await client.labels("main.py", text)
    assert client.session._workspace.checker.starts == 0
    assert len([body for body in client.received if body.get("method") == "window/showMessage"]) == 1


async def test_a_checker_that_rested_gives_its_place_to_one_that_is_needed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "most", lambda: 1)
    monkeypatch.setattr(budget, "RESTED", 0.3)  # above 0, or the two would take the place from each other in turns
    await opened(client, "x: int = 'a'\n")
    await client.told("main.py", "invalid-assignment")
    other = Client()
    try:
        await asyncio.sleep(0.5)
        await opened(other, "x: int = 'a'\n")
        await other.told("main.py", "invalid-assignment")
        assert not client.session._workspace.checker.running
    finally:
        await other.session.close()


async def until(true: Any, what: str) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)
    assert true(), what


async def test_packages_that_the_worker_asked_for_are_known_once_they_are_installed(client: Client) -> None:
    package = settings.ENVIRONMENTS_DIR / "0123abcd" / "greeting"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("def greet(name: str) -> str:\n    return name\n")
    text = "import greeting\n\nLENGTH: int = greeting.greet('you')\n"
    client.session.workspace_changed({"main.py": text})
    await client.open("main.py", text)

    await client.told("main.py", "import-not-found")
    client.session.packages_changed("0123abcd")
    await client.told("main.py", "invalid-assignment")
    items = await client.settled("main.py", text + "greeting.gre|")
    assert [item["label"] for item in items][:1] == ["greet"]
    client.session.packages_changed("")
    await client.open("main.py", text)
    await client.told("main.py", "import-not-found")

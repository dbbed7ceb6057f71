"""What the type checker says of a place or a text: hover, definitions, references, renames, symbols, colours."""

from __future__ import annotations

import asyncio

import pytest

from tests.language.conftest import ROOT, SHOP, WORKER, Client, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIN = "import shop\nfrom workers import Response\n\nprint(shop.price(3))\n"


async def test_hover_shows_signature_and_documentation(client: Client) -> None:
    answer = await client.ask("textDocument/hover", await opened(client, MAIN.replace(".price", ".pr|ice"), shop=SHOP))
    assert "def price(amount: int) -> float" in answer["contents"]["value"]
    assert "What it costs." in answer["contents"]["value"]


async def test_hover_over_a_handler_s_parameter_stands_where_the_person_wrote_it(client: Client) -> None:
    place = await opened(client, WORKER.replace("request", "requ|est") + "        return request.url\n")
    answer = await client.ask("textDocument/hover", place)
    assert "Request" in answer["contents"]["value"]
    assert answer["range"]["start"] == {"line": 4, "character": 26}
    assert answer["range"]["end"] == {"line": 4, "character": 33}


async def test_a_definition_is_found_in_a_module_of_the_worker(client: Client) -> None:
    place = await opened(client, MAIN.replace(".price", ".pr|ice"), shop=SHOP)
    (link,) = await client.ask("textDocument/definition", place)
    assert link["targetUri"] == f"{ROOT}/shop.py"
    assert link["targetSelectionRange"]["start"] == {"line": 0, "character": 4}


@pytest.mark.parametrize(
    ("text", "uri", "holds"),
    [
        ("from workers import Resp|onse\n", "stubs:/platform/workers/response.py", "class Response"),
        ("import json\njson.du|mps\n", "stubs:/stdlib/", "def dumps"),
        ("from workers import env\nenv.COL|OUR\n", "stubs:/worker/_env.pyi", "COLOUR: str"),
    ],
)
async def test_a_definition_outside_the_worker_opens_as_a_read_only_document(
    client: Client, text: str, uri: str, holds: str
) -> None:
    client.session.settings_changed(variables=["COLOUR"])
    (link,) = await client.ask("textDocument/definition", await opened(client, text))
    assert link["targetUri"].startswith(uri)
    assert holds in (await client.ask("workspace/textDocumentContent", {"uri": link["targetUri"]}))["text"]


@pytest.mark.parametrize(
    "uri",
    [
        "stubs:/platform/../../../../etc/passwd", "stubs:/stdlib//etc/passwd", "stubs:/nowhere/x.py",
        "stubs:/worker/../files/main.py", "file:///etc/passwd", "stubs:/platform/workers/../../../../../etc/hostname", "",
    ],
)  # fmt: skip
async def test_no_other_file_of_the_server_can_be_asked_for(client: Client, uri: str) -> None:
    await client.ask("textDocument/hover", await opened(client, "x| = 1\n"))
    assert await client.ask("workspace/textDocumentContent", {"uri": uri}) is None


async def test_references_are_found_in_all_modules(client: Client) -> None:
    place = await opened(client, MAIN.replace(".price", ".pr|ice"), shop=SHOP, more="from shop import price\n")
    answer = await client.ask("textDocument/references", {**place, "context": {"includeDeclaration": True}})
    assert {location["uri"] for location in answer} == {f"{ROOT}/{name}.py" for name in ("main", "shop", "more")}


async def test_a_rename_is_one_edit_over_all_modules(client: Client) -> None:
    place = await opened(client, MAIN.replace(".price", ".pr|ice"), shop=SHOP, more="from shop import price\n")
    reach = await client.ask("textDocument/prepareRename", place)
    assert (reach["start"]["character"], reach["end"]["character"]) == (11, 16)
    edit = await client.ask("textDocument/rename", {**place, "newName": "cost"})
    assert set(edit["changes"]) == {f"{ROOT}/{name}.py" for name in ("main", "shop", "more")}
    assert [change["newText"] for change in edit["changes"][f"{ROOT}/main.py"]] == ["cost"]


async def test_a_handler_s_parameter_is_renamed_without_its_hint(client: Client) -> None:
    place = await opened(client, WORKER.replace("request", "requ|est") + "        return request.url\n")
    edit = await client.ask("textDocument/rename", {**place, "newName": "req"})
    changes = edit["changes"][f"{ROOT}/main.py"]
    assert sorted((c["range"]["start"]["line"], c["range"]["start"]["character"]) for c in changes) == [
        (4, 26),
        (5, 15),
    ]
    assert {(c["range"]["end"]["character"] - c["range"]["start"]["character"]) for c in changes} == {7}


@pytest.mark.parametrize("name", ["", "1a", "a b", "class", 3])
async def test_what_is_no_name_is_refused_as_a_new_name(client: Client, name: object) -> None:
    place = await opened(client, "a| = 1\n")
    await client.session.handle({"id": "r", "method": "textDocument/rename", "params": {**place, "newName": name}})
    assert client.received[-1]["error"]["code"] == -32602


async def test_names_of_the_platform_are_not_renamed(client: Client) -> None:
    place = await opened(client, "from workers import Resp|onse\nResponse('')\n")
    assert await client.ask("textDocument/rename", {**place, "newName": "Answer"}) is None


async def test_symbols_tokens_folds_and_hints_are_those_of_the_person_s_text(client: Client) -> None:
    text = WORKER + "        size = len(request.url)\n        return size\n"
    document = {"textDocument": (await opened(client, text, shop=SHOP))["textDocument"]}
    (symbol,) = await client.ask("textDocument/documentSymbol", document)
    assert (symbol["name"], symbol["children"][0]["name"]) == ("Default", "fetch")
    assert {item["name"] for item in await client.ask("workspace/symbol", {"query": "pric"})} == {"price"}
    assert await client.ask("textDocument/foldingRange", document)
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    (hint,) = await client.ask("textDocument/inlayHint", {**document, "range": everything})
    assert hint["position"] == {"line": 5, "character": 12}
    tokens = (await client.ask("textDocument/semanticTokens/full", document))["data"]
    assert texts_of(tokens, text)[:9] == [
        "workers", "WorkerEntrypoint", "Default", "WorkerEntrypoint", "fetch", "self", "request", "size", "len",
    ]  # fmt: skip


async def test_a_string_over_several_lines_has_a_token_for_each_that_ends_with_its_line(client: Client) -> None:
    text = 'page = f"""<h1>🎉\n\n{1}</h1>\n</html>"""'
    document = {"textDocument": (await opened(client, text + "|"))["textDocument"]}
    tokens = (await client.ask("textDocument/semanticTokens/full", document))["data"]
    lengths = [len(line.encode("utf-16-le")) // 2 for line in text.split("\n")]
    line = start = 0
    for index in range(0, len(tokens), 5):
        line, start = line + tokens[index], tokens[index + 1] + (0 if tokens[index] else start)
        assert 0 < tokens[index + 2] <= lengths[line] - start
    assert line == len(lengths) - 1  # a token on the last line: the string was seen


def texts_of(data: list[int], text: str) -> list[str]:
    lines, line, start, found = text.split("\n"), 0, 0, []
    for index in range(0, len(data), 5):
        line, start = line + data[index], data[index + 1] + (0 if data[index] else start)
        found.append(lines[line][start : start + data[index + 2]])
    return found


async def test_colours_are_those_of_the_text_that_was_asked_about_or_none_of_a_later_one(client: Client) -> None:
    text = "".join(f"def step_{number}(a: int) -> int:\n    return a + {number}\n\n\n" for number in range(300))
    place = await opened(client, text)
    assert (await client.ask("textDocument/semanticTokens/full", place))["data"][0] == 0
    codes = []
    for above in range(40):
        asked = asyncio.create_task(client.answer("textDocument/semanticTokens/full", place))
        await asyncio.sleep(0.0005 * (above % 10))
        text = "#\n" + text
        change = {"textDocument": place["textDocument"], "contentChanges": [{"text": text}]}
        await client.tell("textDocument/didChange", change)
        answer = await asked
        if "error" in answer:
            codes.append(answer["error"]["code"])
        elif data := (answer["result"] or {}).get("data"):
            assert data[0] == above
    assert set(codes) == {-32801}, "none was overtaken, or it was not called so"

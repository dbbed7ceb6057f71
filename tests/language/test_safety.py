"""Analysis of a stranger's text reads nothing of the server, runs nothing, waits for nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from quickedit.language import frames, pool
from quickedit.language.mirror import Home
from tests.language.conftest import Client
from tests.support import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder of the server that no workspace holds, with a module in it."""
    (tmp_path / "treasure.py").write_text("def gold(): ...\n")
    return tmp_path


@pytest.mark.parametrize(
    "widening",
    ["sys.path.append({0!r})", "sys.path.insert(0, {0!r})", "sys.path = [{0!r}]", "sys.path += [{0!r}]"],
)
async def test_a_module_cannot_widen_the_search_path(client: Client, secret: Path, widening: str) -> None:
    text = f"import sys\n{widening.format(str(secret))}\nimport treasure\ntreasure.|"
    assert await client.labels("main.py", text) == []
    assert "treasure" not in await client.labels("main.py", text.replace("treasure.|", "import trea|"))


@pytest.mark.parametrize(
    "text", ["open('/etc/pass|')", "open('/etc/|')", "import os\nos.path.join('/', 'et|')", "x = './|'"]
)
async def test_a_string_completes_nothing_from_the_server_s_disk(client: Client, text: str) -> None:
    assert await client.labels("main.py", text) == []


async def test_installed_packages_of_the_server_are_not_offered(client: Client) -> None:
    for name in ("channels", "quickedit", "preview", "jedi", "parso", "msgspec"):
        assert name not in await client.labels("main.py", f"import {name[:4]}|")
        assert await client.labels("main.py", f"import {name}\n{name}.|") == []
    for package in ("quickedit", "quickedit.language", "jedi", "preview"):
        assert await client.labels("main.py", f"from {package} import |") == []


async def test_a_worker_s_module_may_be_named_as_a_package_of_the_server(client: Client) -> None:
    client.session.workspace_changed({"main.py": "", "jedi.py": "def knight(): ...\n"})
    assert "knight" in await client.labels("main.py", "import jedi\njedi.|")


async def test_a_module_beside_a_compiled_one_is_never_run(client: Client, tmp_path: Path) -> None:
    """``_decimal`` is compiled and imports ``numbers`` and ``collections`` when jedi looks into it."""
    canary = tmp_path / "ran"
    hostile = f"open({str(canary)!r}, 'w').write('ran')\nraise SystemExit\n"
    names = ("numbers.py", "collections.py", "_decimal.py", "conftest.py", "sitecustomize.py", "usercustomize.py")
    client.session.workspace_changed({"main.py": "", **dict.fromkeys(names, hostile)})
    for module in ("_decimal", "_asyncio", "_json", "_socket", "decimal"):
        await client.labels("main.py", f"import {module}\n{module}.|")
    assert not canary.exists()


async def test_compiled_modules_still_complete(client: Client) -> None:
    assert "sqrt" in await client.labels("main.py", "import math\nmath.sq|")


@pytest.mark.parametrize("configuration", ["ty.toml", "mypy.ini", "pyproject.toml", ".jedi/project.json", "notes.txt"])
async def test_the_mirror_holds_python_only(configuration: str) -> None:
    home = Home()
    try:
        mirror = home.new_mirror()
        mirror.update(
            {configuration: "x", "main.py": "x = 1", "types.pyi": "", "../out.py": "", "/abs.py": "", "a/../b.py": ""},
            "",
        )
        held = {str(path.relative_to(mirror.root)) for path in mirror.root.rglob("*") if path.is_file()}
        assert held == {"main.py", "types.pyi"}
    finally:
        home.remove()
    assert not home.path.exists()


async def test_an_analysing_process_can_read_no_file_of_the_server_and_open_no_socket(
    client: Client, secret: Path
) -> None:
    program = (
        "import errno, os, socket, sys\n"
        "from quickedit.language import confine\n"
        f"print(confine.confine({str(secret.parent / 'nothing')!r}))\n"
        "def attempt(what):\n"
        "    try:\n        what()\n    except OSError as error:\n        return errno.errorcode[error.errno]\n    return 'done'\n"
        f"print(attempt(lambda: open({str(secret / 'treasure.py')!r})))\n"
        "print(attempt(lambda: open('/etc/passwd')), attempt(lambda: os.listdir('/')))\n"
        "print(attempt(socket.socket), attempt(os.fork))\n"
        f"print(attempt(lambda: open({str(secret / 'new')!r}, 'w')))\n"
        "import json.tool; print(len(open(os.__file__).read()) > 1000)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert said.decode().split("\n")[:5] == ["[]", "EACCES", "EACCES EACCES", "EPERM EPERM", "EACCES"]


async def test_a_question_that_takes_too_long_costs_its_process_and_nobody_else_s_answers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.labels("main.py", "import json\njson.|")
    engine = client.session._engine
    assert engine is not None and engine._process is not None
    os.kill(engine._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(pool, "WALL_SECONDS", 0.2)
    place = await client.open("main.py", "import json\n\njson.|")
    answer = await client.ask("textDocument/completion", place)
    assert "dumps" in [item["label"] for item in answer["items"]], "the other analyser's answer waits for nobody"
    assert answer["isIncomplete"]
    await client.settled("main.py", "import json\n\njson.|")
    monkeypatch.undo()
    assert engine.kills >= 1
    assert "dumps" in await client.labels("main.py", "import json\n\n\njson.|")


async def test_a_killed_process_is_replaced(client: Client) -> None:
    await client.labels("main.py", "import json\njson.|")
    engine = client.session._engine
    assert engine is not None and engine._process is not None
    os.kill(engine._process.pid, signal.SIGKILL)
    await client.labels("main.py", "import json\njson.|")
    assert "dumps" in await client.labels("main.py", "import json\njson.|")


async def test_the_newest_question_is_answered_when_older_ones_are_cancelled(client: Client) -> None:
    place = await client.open("main.py", "import json\njson.|")

    def ask(number: int) -> asyncio.Task[None]:
        body = {"id": number, "method": "textDocument/completion", "params": place}
        return asyncio.create_task(client.session.handle(body))

    asked = [ask(number) for number in range(100, 105)]
    await asyncio.sleep(0)
    for number in range(100, 104):
        await client.tell("$/cancelRequest", {"id": number})
    await asyncio.gather(*asked, return_exceptions=True)
    answers = {body["id"]: body for body in client.received if body.get("id", 0) >= 100}
    assert [answers[number]["error"]["code"] for number in range(100, 104)] == [-32800] * 4
    assert "dumps" in [item["label"] for item in answers[104]["result"]["items"]]


async def test_a_question_cancelled_twice_on_its_way_keeps_the_next_from_being_given_its_answer(client: Client) -> None:
    """The next question cancels what the client has cancelled before it: that is how every key typed fast goes."""
    await client.labels("main.py", "import json\njson.|")
    engine = client.session._engine
    assert engine is not None and engine._process is not None
    project = {"root": str(client.session._workspace.mirror.root), "source": "", "path": "main.py"}

    def ask(text: str) -> asyncio.Task[Any]:
        return asyncio.create_task(engine.ask("complete", {**project, "text": text, "line": 2, "column": len("json.")}))

    os.kill(engine._process.pid, signal.SIGSTOP)
    first = ask("import json\njson.")
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.sleep(0.05)
    first.cancel()
    second = ask("import math as json\njson.")
    await asyncio.sleep(0.05)
    os.kill(engine._process.pid, signal.SIGCONT)
    assert "sqrt" in [item["label"] for item in (await second)["items"]]
    assert "dumps" in [item["label"] for item in (await ask("import json\njson."))["items"]]


START = {"line": 0, "character": 0}


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("textDocument/colorPresentation", {}, -32601),
        ("textDocument/hover", {}, -32602),
        ("textDocument/completion", {}, -32602),
        (
            "textDocument/completion",
            {"textDocument": {"uri": "file:///etc/passwd"}, "position": {"line": 0, "character": 0}},
            -32602,
        ),
        ("textDocument/completion", {"textDocument": {"uri": "file:///worker/../a.py"}, "position": {}}, -32602),
        ("textDocument/completion", {"textDocument": {"uri": "file:///worker/a.py"}, "position": {"line": -1}}, -32602),
        ("textDocument/completion", {"textDocument": 3}, -32602),
    ],
)
async def test_a_malformed_request_gets_an_error(
    client: Client, method: str, params: dict[str, object], code: int
) -> None:
    await client.session.handle({"id": "x", "method": method, "params": params})
    assert client.received[-1]["error"]["code"] == code


async def test_malformed_notifications_are_ignored(client: Client) -> None:
    for params in (
        {},
        {"textDocument": None},
        {"textDocument": {"uri": "file:///worker/main.py"}, "contentChanges": [{"range": 3}]},
    ):
        for method in (
            "textDocument/didOpen",
            "textDocument/didChange",
            "textDocument/didClose",
            "$/cancelRequest",
            "x/y",
        ):
            await client.tell(method, params)
    assert "dumps" in await client.labels("main.py", "import json\njson.|")


async def test_the_folder_in_memory_goes_with_the_session_and_the_pool() -> None:
    client = Client()
    client.session.workspace_changed({"main.py": "x = 1"})
    await client.labels("main.py", "x|")
    mirror, home = client.session._workspace.mirror.root, pool.pool().home.path
    assert (mirror / "main.py").read_text() == "x = 1"
    await client.session.close()
    assert not mirror.exists()
    await pool.pool().close()
    wait_until(lambda: not home.exists(), "the folder is gone")


async def test_a_frame_over_the_limit_is_refused() -> None:
    with pytest.raises(frames.BadFrame):
        frames.length(frames.HEADER.pack(frames.MAX_FRAME + 1))

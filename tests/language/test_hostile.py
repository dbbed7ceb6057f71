"""Text that is made to hurt whoever reads it: nothing of the server is read or run, no analyser's hang or end delays another
session, and a good module gets its squiggles again soon."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from quickedit.language import checker
from quickedit.language.checks import PAUSE
from quickedit.language.mirror import Home
from tests.language.conftest import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = "x: int = 'a'\n"
HOSTILE = {
    "two hundred thousand lines": "x = 1\n" * 200_000,
    "two hundred thousand empty lines": "\n" * 200_000,
    "a hundred thousand brackets": "x = " + "(" * 100_000,
    "brackets that close": "x = " + "[" * 50_000 + "]" * 50_000,
    "a sum of twenty thousand": "x = " + "+".join("1" * 20_000) + "\n",
    "a sum on many lines": "x = (\n" + "1 +\n" * 20_000 + "1)\n",
    "attributes in a row": "x = a" + ".a" * 9_000 + "\n",
    "nots in a row": "x = " + "not " * 4_900 + "True\n",
    "lambdas in each other": "x = " + "lambda: " * 2_400 + "1\n",
    "blocks in each other": "".join(" " * depth + "if x:\n" for depth in range(600)) + " " * 600 + "pass\n",
    "names that need each other": "".join(f"def f{n}(x): return f{(n + 1) % 500}(f{n}(x))\n" for n in range(500)),
    "a class of many bases": "".join(f"class C{n}(C{n - 1} if {n} else object): pass\n" for n in range(300)),
    "nulls and marks": "x = 1\x00\x01\ufeff\u2028y = 2\n",
    "an f-string in an f-string": "x = " + "f'{" * 150 + "1" + "}'" * 150 + "\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_module_takes_nobody_s_squiggles_and_answers(client: Client, text: str) -> None:
    """The deadline is generous for machines that do more than this; the work in it is a fraction of a second."""
    client.session.workspace_changed({"main.py": GOOD, "bad.py": text, "json.txt": ""})
    place = await client.open("bad.py", text + "|")
    await client.ask("textDocument/completion", place)
    await client.ask("textDocument/hover", place)
    began = time.monotonic()
    await client.open("main.py", GOOD)
    await client.told("main.py", "invalid-assignment")
    assert time.monotonic() - began < 10
    other = Client()
    try:
        assert "dumps" in await other.labels("main.py", "import json\njson.du|")
    finally:
        await other.session.close()


async def test_what_is_too_long_says_so_and_is_mended_by_getting_shorter(client: Client) -> None:
    place = await client.open("main.py", HOSTILE["two hundred thousand lines"])
    await asyncio.sleep(0)
    (notice,) = client.problems("main.py")
    assert "too long" in notice["message"]
    change = {"textDocument": place["textDocument"], "contentChanges": [{"text": GOOD}]}
    await client.tell("textDocument/didChange", change)
    await client.told("main.py", "invalid-assignment")


async def test_a_module_that_ends_the_checker_is_left_out_and_the_others_are_checked_again(client: Client) -> None:
    client.session.workspace_changed({"main.py": GOOD, "bad.py": "y = 1\n"})
    await client.open("main.py", GOOD)
    await client.told("main.py", "invalid-assignment")
    own = client.session._workspace.checker
    assert own.pid is not None
    os.kill(own.pid, signal.SIGSTOP)  # it dies before it has answered for this text, as of one that it cannot bear
    await client.open("bad.py", "y = 2\n")
    hover = asyncio.create_task(client.ask("textDocument/hover", await client.open("bad.py", "y| = 3\n")))
    async with asyncio.timeout(20):
        while "bad.py" not in own._unproven:
            await asyncio.sleep(0.01)
    os.kill(own.pid, signal.SIGKILL)
    await hover
    await client.told("bad.py", "None")
    assert "leaves it out" in client.problems("bad.py")[0]["message"]
    await client.open("main.py", "'a'.uper()\n")
    await client.told("main.py", "missing-attribute")
    await client.open("bad.py", GOOD)
    await client.told("bad.py", "invalid-assignment")


async def test_a_module_that_is_set_aside_is_gone_before_another_checker_can_find_it(client: Client) -> None:
    """Else that one would end by it as well, and a good module would be blamed."""
    client.session.workspace_changed({"main.py": GOOD, "bad.py": "y = 1\n"})
    await client.open("main.py", GOOD)
    await client.told("main.py", "invalid-assignment")
    workspace = client.session._workspace
    good, bad = (workspace.mirror.root / name for name in ("main.py", "bad.py"))
    assert (good.read_text(), bad.read_text()) == (GOOD, "y = 1\n")
    assert workspace._put_aside({"bad.py"}) == "bad.py"
    assert (good.read_text(), bad.read_text()) == (GOOD, "")


async def test_a_checker_that_hangs_is_replaced(client: Client) -> None:
    place = await client.open("main.py", "x|: int = 'a'\n")
    await client.told("main.py", "invalid-assignment")
    own = client.session._workspace.checker
    assert own.pid is not None
    os.kill(own.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert await client.ask("textDocument/hover", place) is None
    assert time.monotonic() - began < checker.WAIT + 5
    await client.open("main.py", "'a'.uper()\n")
    await client.told("main.py", "missing-attribute")
    assert own.starts == 2


async def test_a_checker_that_is_late_once_blames_no_module_and_twice_the_one_that_it_was_asked_about(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that has much to do it may be late once. Here it is late when it is stopped, and only then."""
    monkeypatch.setitem(checker.Checker.ask.__kwdefaults__, "wait", 2 * checker.WAIT)
    await client.open("main.py", GOOD)
    await client.told("main.py", "invalid-assignment")
    own = client.session._workspace.checker
    starts = own.starts
    assert own.pid is not None
    os.kill(own.pid, signal.SIGSTOP)
    await client.open("main.py", "'a'.uper()\n")
    await client.told("main.py", "missing-attribute")
    assert own.starts == starts + 1
    await asyncio.sleep(PAUSE + 1)  # all modules have been checked
    os.kill(own.pid, signal.SIGSTOP)
    await client.open("main.py", "'a'.upper(1)\n")
    async with asyncio.timeout(20):
        while own.starts == starts + 1:
            await asyncio.sleep(0)
    os.kill(own.pid, signal.SIGSTOP)
    await client.told("main.py", "None")
    assert "leaves it out" in client.problems("main.py")[0]["message"]


async def test_a_checker_that_hangs_does_not_delay_a_fix_and_a_cancelled_question_is_cancelled_there_too(
    client: Client,
) -> None:
    place = await client.open("main.py", "x = Decimal|(1)\n")
    await client.told("main.py", "unresolved-reference")
    own = client.session._workspace.checker
    assert own.pid is not None
    question = {
        **place,
        "range": {"start": place["position"], "end": place["position"]},
        "context": {"diagnostics": []},
    }
    await client.ask("textDocument/codeAction", question)  # the first one takes a moment of its own
    os.kill(own.pid, signal.SIGSTOP)
    try:
        answer = await client.ask("textDocument/codeAction", question)
        assert "Import: from decimal import Decimal" in [action["title"] for action in answer]
        (left,) = client.session._left
        assert not left.done(), "the checker has not answered yet, and nobody waited for it"
        asking = asyncio.create_task(
            client.session.handle(
                {"jsonrpc": "2.0", "id": "last", "method": "textDocument/codeAction", "params": question}
            )
        )
        await asyncio.sleep(0)  # the session has the question
        await asyncio.sleep(0)
        await client.tell("$/cancelRequest", {"id": "last"})
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0)
        assert client.session._left == {left}
    finally:
        os.kill(own.pid, signal.SIGCONT)


async def test_a_checker_that_hangs_does_not_delay_completions(client: Client) -> None:
    await client.labels("main.py", "import json\njson.d|")
    own = client.session._workspace.checker
    assert own.pid is not None
    os.kill(own.pid, signal.SIGSTOP)
    place = await client.open("main.py", "import json\n\njson.d|")
    answer = await client.ask("textDocument/completion", place)
    assert "dumps" in [item["label"] for item in answer["items"]]
    assert answer["isIncomplete"], "the checker has not answered yet, and nobody waited for it"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ty.toml", "[rules]\ninvalid-assignment = 'ignore'\n"),
        ("pyproject.toml", "[tool.ty.rules]\ninvalid-assignment = 'ignore'\n[tool.ruff]\nselect = []\n"),
        ("mypy.ini", "[mypy]\nplugins = evil.py\n"),
        ("evil.pth", "import os; os.system('touch /tmp/ran')\n"),
        ("ruff.toml", "lint.select = ['ALL']\n"),
        (".venv/pyvenv.cfg", "home = /usr\n"),
        ("_json.so", "\x7fELF bogus"),
    ],
)
async def test_no_analyser_s_configuration_of_the_worker_s_is_read(client: Client, path: str, text: str) -> None:
    client.session.workspace_changed({"main.py": GOOD, path: text})
    await client.open("main.py", GOOD)
    await client.told("main.py", "invalid-assignment")
    assert not (client.session._workspace.mirror.root / path).exists()


@pytest.mark.parametrize("name", ["conftest.py", "sitecustomize.py", "usercustomize.py", "jedi.py", "typing.py"])
async def test_nothing_of_a_worker_is_ever_run_by_the_checkers(client: Client, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "ran"
    client.session.workspace_changed({"main.py": GOOD, name: f"open({str(canary)!r}, 'w').write('ran')\n"})
    await client.open("main.py", GOOD)
    await client.told("main.py", "invalid-assignment")
    await client.labels("main.py", f"import {name[:-3]}\n{name[:-3]}.|")
    assert not canary.exists()


async def test_a_checker_and_a_linter_are_confined(client: Client) -> None:
    """By what the kernel says of the processes: no new privileges, a filter, no capability."""
    await client.open("main.py", "import os\n" + GOOD)
    await client.told("main.py", "invalid-assignment", "F401")
    for pid in (client.session._workspace.checker.pid, client.session._pool.linter.pid):
        said = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert said["NoNewPrivs"] == "1"
        assert said["Seccomp"] == "2"
        assert int(said["CapEff"], 16) == 0


async def test_a_stub_cannot_point_out_of_its_shelf_through_a_link(client: Client, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("treasure\n")
    client.session.workspace_changed({"main.py": ""})
    await client.ask("textDocument/hover", await client.open("main.py", "x| = 1\n"))
    (client.session._workspace.mirror.stubs / "link.py").symlink_to(tmp_path / "secret.py")
    assert await client.ask("workspace/textDocumentContent", {"uri": "stubs:/worker/link.py"}) is None


async def test_the_mirror_has_no_text_that_analysers_do_not_get() -> None:
    home = Home()
    try:
        mirror = home.new_mirror()
        mirror.update({"main.py": GOOD, "bad.py": HOSTILE["brackets that close"]}, "", without={"main.py"})
        assert {path.name: path.read_text() for path in mirror.root.iterdir()} == {"main.py": "", "bad.py": ""}
    finally:
        home.remove()

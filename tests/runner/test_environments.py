"""S18: packages that a worker asks for are installed from wheels only, confined, once for all who ask for the same."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
import time
from pathlib import Path

import pytest

from preview.client import RUN_WAIT
from preview.outside import environments, installer
from preview.outside.environments import Environments
from preview.outside.packages import installed
from tests.runner.asking import GREETING, WORKER, Made, asking
from tests.runner.index import Index
from tests.runner.support import Runner, start_runner


async def test_what_a_worker_asks_for_is_there_when_it_is_imported_and_shared_with_all_who_ask_for_the_same(
    index: Index,
) -> None:
    index.add_wheel("greeting", "1.2", GREETING, requires=["other>=1"])
    index.add_wheel("other", "1.0", {"other.py": b""})
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(environments.INDEX, index.url)
        runner: Runner = await start_runner(Path(folder))
        try:
            await runner.preview(asking("# mine", "greeting>=1"))
            reply = await runner.fetch()
            assert reply.text.startswith("Salve from /"), reply.text
            assert folder not in reply.text, "a path of the machine is shown to a worker"
            said = await runner.log(lambda event: any("Installed" in str(each) for each in event.records))
            assert "greeting 1.2" in str(said.records) and "other 1.0" in str(said.records)
            seen = len(index.seen)
            await runner.deploy(asking("greeting>=1"), "second")
            assert (await runner.fetch(host="second")).text == reply.text
            assert len(index.seen) == seen, "it was fetched once more"
        finally:
            await runner.web.close()
            await asyncio.to_thread(runner.process.stop)
        assert "Traceback" not in runner.process.output, runner.process.output


async def test_a_frame_in_such_a_package_is_shown_by_its_name_and_never_by_where_it_lies(index: Index) -> None:
    index.add_wheel("greeting", "1.2", {"greeting/__init__.py": b"def fail():\n    raise KeyError('there')\n"})
    failing = WORKER.replace(b"{greeting.HELLO}", b"{greeting.fail()}")
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, pytest.MonkeyPatch.context() as patch:
        os.chmod(folder, 0o711)  # in tier B root's workers are other users
        patch.setenv(environments.INDEX, index.url)
        runner: Runner = await start_runner(Path(folder), "--sandbox", "B")
        try:
            await runner.preview({**asking("greeting"), "main.py": failing})
            report = json.loads((await runner.fetch(headers={"accept": "application/json"})).body)["error"]
        finally:
            await runner.web.close()
            await asyncio.to_thread(runner.process.stop)
    assert "greeting/__init__.py" in [frame["path"] for frame in report["frames"]], json.dumps(report)
    assert folder not in json.dumps(report)


async def test_in_tier_B_a_folder_that_roots_workers_cannot_pass_is_named(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)
    made = Made(Environments(tmp_path / "packages", "http://127.0.0.1:9/simple"))
    made.environments.check("B", own_uids=True)
    assert await made.get("greeting") is None
    assert f"{tmp_path} is closed to those" in made.said[-1]


@pytest.mark.parametrize("tier", ["A", "B"])
async def test_S18_a_worker_reads_its_packages_and_neither_changes_them_nor_lists_others(
    index: Index, tier: str
) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    body = b"""
import json, os
from workers import Response, WorkerEntrypoint
import greeting
def attempt(what, *arguments):
    try:
        what(*arguments)
    except OSError:
        return "refused"
    return "done"
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        own = os.path.dirname(os.path.dirname(greeting.__file__))
        return Response.json([
            attempt(open, greeting.__file__), attempt(open, greeting.__file__, "a"), attempt(os.unlink, greeting.__file__),
            attempt(open, own + "/evil.py", "w"), attempt(os.mkdir, os.path.dirname(own) + "/evil"),
            attempt(os.listdir, os.path.dirname(own)),
        ])
"""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, pytest.MonkeyPatch.context() as patch:
        os.chmod(folder, 0o711)
        patch.setenv(environments.INDEX, index.url)
        runner: Runner = await start_runner(Path(folder), "--sandbox", tier)
        try:
            await runner.preview({**asking("greeting"), "main.py": body})
            done = json.loads((await runner.fetch()).body)
        finally:
            await runner.web.close()
            await asyncio.to_thread(runner.process.stop)
    assert done[:5] == ["done", "refused", "refused", "refused", "refused"]
    if os.geteuid() == 0 and tier == "A":  # else all workers may be one user
        assert done[5] == "refused"


async def test_progress_and_the_line_that_asks_are_in_the_log(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    folder = await made.get("", "greeting")
    assert folder is not None and (folder / "greeting" / "words.py").read_bytes() == GREETING["greeting/words.py"]
    assert list(folder.rglob("*.pyc")), "every start would compile it again"
    first, last = made.records
    assert first["text"] == "Installing greeting. The worker starts when that is done."
    assert last["text"].startswith("Installed greeting 1.2 in ")
    assert (first["path"], first["line"], first["level"]) == ("requirements.txt", 2, "info")
    made.records.clear()
    assert await made.get("", "greeting", changed=False) == folder
    assert made.records == []


async def test_many_who_ask_at_once_wait_for_one_installation(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    folders = await asyncio.gather(*(made.get("greeting") for _ in range(8)))
    assert len(set(folders)) == 1 and folders[0] is not None
    assert index.seen.count("/simple/greeting/") == 1
    assert sum(said.startswith("Installing") for said in made.said) == 1


async def test_one_who_let_a_moment_pass_finds_what_another_has_installed_meanwhile(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    late = asyncio.create_task(made.environments.get(asking("greeting"), made.records.extend, changed=True, settle=3))
    folder = await made.get("greeting")
    assert folder is not None and folder.name == await late
    assert index.seen.count("/simple/greeting/") == 1
    assert not [record for record in made.records if record["level"] == "error"]


async def test_an_asker_that_is_overtaken_leaves_the_installation_to_the_next_one(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    overtaken = asyncio.create_task(made.get("greeting"))
    await asyncio.sleep(0.05)
    overtaken.cancel()
    assert await made.get("greeting") is not None
    assert index.seen.count("/simple/greeting/") == 1


async def test_a_package_that_is_not_there_is_named_and_the_worker_runs_without(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    assert await made.get("greeting", "nowhere-to-be-found") is None
    said = "There is no package nowhere-to-be-found in the index. Is the name right?"
    assert (made.said[-1], made.records[-1]["level"], made.records[-1]["line"]) == (said, "error", 2)
    asked = len(index.seen)
    assert await made.get("greeting", "nowhere-to-be-found") is None
    assert len(index.seen) == asked, "what could not be had is asked for at every keystroke"
    assert made.said[-1] == said, "the changed file's author hears nothing"
    assert await made.get("greeting==7") is None
    assert made.said[-1] == "There is no version greeting==7 in the index."
    index.add_wheel("future", "1.0", {}, python=">=4")
    assert await made.get("future") is None
    assert re.fullmatch(r"future(==1.0)? needs Python >=4; workers here run on 3.*", made.said[-1]), made.said


async def test_nothing_is_fetched_while_somebody_may_be_typing_still(made: Made, index: Index) -> None:
    index.add_wheel("greet", "1.2", GREETING)
    index.add_wheel("greeting", "1.2", GREETING)
    half = asyncio.create_task(made.environments.get(asking("greet"), made.records.extend, changed=True, settle=0.2))
    await asyncio.sleep(0.1)
    half.cancel()
    assert await made.environments.get(asking("greeting"), made.records.extend, changed=True, settle=0.2)
    assert not [path for path in index.seen if path.rstrip("/").endswith("/greet")]


async def test_S18_nothing_is_built(made: Made, index: Index, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    index.add_source("greeting", "1.2", f"open({str(trace)!r}, 'w')\n".encode())
    assert await made.get("greeting") is None
    assert "nothing is built here" in made.said[-1]
    assert not trace.exists()


@pytest.mark.parametrize(
    "line",
    [
        "greeting @ http://127.0.0.1:{port}/files/greeting-1.2-py3-none-any.whl",
        "greeting@file:///etc/passwd",
        "greeting --index-url=http://127.0.0.1:{port}/elsewhere",
        "greeting; python_version > '3'",
        "-e ./greeting",
        "--extra-index-url http://127.0.0.1:{port}/elsewhere",
    ],
)
async def test_S18_nobody_chooses_where_a_package_comes_from(made: Made, index: Index, line: str) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    await made.get(line.format(port=index.port))
    assert not [path for path in index.seen if "elsewhere" in path]
    if "@" in line:
        assert index.seen == []
        assert "not by an address" in made.said[0]


async def test_S18_a_hostile_wheel_leaves_nothing_outside_its_folder_and_runs_nothing(
    made: Made, index: Index, tmp_path: Path
) -> None:
    trace = tmp_path / "it-ran"
    evil = f"open({str(trace)!r}, 'w')\n".encode()
    index.add_wheel(
        "greeting", "1.2",
        {
            **GREETING, "evil.pth": b"import evil; " + evil, "sitecustomize.py": evil,
            "greeting-1.2.data/scripts/uv": b"#!/bin/sh\ntouch it\n", "greeting-1.2.data/data/etc/evil": evil,
        },
    )  # fmt: skip
    folder = await made.get("greeting")
    assert folder is not None and not trace.exists()
    assert not (folder / "bin").exists()
    assert not [path for path in folder.rglob("*") if path.is_symlink() or path.stat().st_mode & 0o7022]
    for hostile in ("../../../evil.py", f"{tmp_path}/evil.py", "greeting/../../../evil.py"):
        index.files.clear()
        index.add_wheel("greeting", "1.3", {**GREETING, hostile: evil})
        await made.get(f"greeting==1.3,!={len(hostile)}")
        outside = [path for path in tmp_path.rglob("evil.py") if "ready" not in path.relative_to(tmp_path).parts]
        assert outside == [], hostile


@pytest.mark.parametrize(
    "line",
    [
        "greeting==1" + " " * 200_000 + "?",
        "greeting" + "==1" * 80_000,
        "greeting" + "[" * 200_000,
        "greeting==" + "1," * 100_000,
    ],
    ids=["blanks", "versions", "brackets", "commas"],
)
async def test_a_line_without_end_holds_up_nobody(made: Made, index: Index, line: str) -> None:
    began = time.monotonic()
    assert await made.get(line) is None
    assert time.monotonic() - began < 1
    assert index.seen == [] and "is not installed" in made.said[0] and len(made.said[0]) < 400


@pytest.mark.parametrize("entry", ["greeting\n--index-url http://127.0.0.1:9/", "greeting other", "greeting\nother"])
async def test_S18_an_entry_cannot_smuggle_a_second_line(made: Made, index: Index, entry: str) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    project = f"[project]\ndependencies = [{json.dumps(entry)}]\n".encode()
    assert await made.environments.get({"pyproject.toml": project}, made.records.extend, changed=True) == ""
    assert index.seen == [] and "is not installed" in made.said[0]


async def test_blanks_within_an_entry_mean_nothing(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    assert await made.get("greeting >= 1, < 2") == await made.get("greeting>=1,<2") is not None


async def test_the_versions_of_the_runtimes_own_packages_hold(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING, requires=["pyyaml==1.0"])
    assert await made.get("greeting") is None
    assert f"pyyaml=={installed()['pyyaml']}" in made.said[-1]


async def test_where_no_index_can_be_reached_it_is_said_soon(tmp_path: Path) -> None:
    away = Made(Environments(tmp_path, "http://127.0.0.1:9/simple"))
    began = time.monotonic()
    assert await away.get("greeting") is None
    assert "cannot be reached" in away.said[-1] and "Is this machine online?" in away.said[-1]
    assert time.monotonic() - began < 10


async def test_where_it_is_switched_off_what_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    off = Made(Environments(tmp_path, environments.OFF))
    assert await off.get("fastapi", "langchain-core") is None
    assert [(record["line"], record["level"]) for record in off.records] == [(2, "warning")]
    assert "langchain-core, which is not among the packages" in off.said[0]
    off.records.clear()
    assert await off.get("fastapi", "langchain-core", changed=False) is None and off.records == []


async def test_packages_that_are_too_large_are_not_kept(
    made: Made, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "MAX_BYTES", 1_000_000)
    index.add_wheel("greeting", "1.2", {**GREETING, "greeting/large.bin": bytes(2_000_000)})
    assert await made.get("greeting") is None
    assert list(made.environments.ready_ones.iterdir()) == []
    assert made.said[-1] == "The packages are larger than 0 MB together."


async def test_the_longest_unused_one_makes_room_unless_a_program_has_it(
    made: Made, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "MAX_KEPT", 1)
    names = []
    for number in range(3):
        index.add_wheel("greeting", f"1.{number}", GREETING)
        wanted = asking(f"greeting==1.{number}")
        names.append(await made.environments.get(wanted, made.records.extend, changed=True, used=lambda: names[:1]))
    assert {folder.name for folder in made.environments.ready_ones.iterdir()} == {names[0], names[2]}


def test_web_waits_longer_for_a_run_than_an_installation_may_take() -> None:
    assert installer.LONGEST + 15 < RUN_WAIT

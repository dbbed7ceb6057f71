"""A version keeps the packages that it was deployed with: the whole way from a deploy over its row to the runner and back."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from preview.client import Ready
from preview.outside import environments, packages
from preview.outside.environments import Environments
from quickedit.deployments import history, publish
from quickedit.threads import in_database
from quickedit.workers.models import Worker
from tests.runner.asking import GREETING, Made, asking
from tests.runner.index import Index, package_index
from tests.runner.support import Runner, start_runner

MAIN = b"""
from workers import Response, WorkerEntrypoint
import greeting
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(greeting.HELLO)
"""
MODULES = {"main.py": MAIN, "requirements.txt": b"greeting\n"}


async def test_what_is_deployed_and_rolled_back_has_the_packages_of_its_own_day(
    database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await in_database(User.objects.create, username="somebody")
    worker = await in_database(Worker.objects.create, name="shop")

    async def deploy(**more: object) -> str:
        wanted = publish.Wanted(worker.pk, "shop", person.pk, MODULES, 1, {}, "", **more)  # type: ignore[arg-type]
        live = await publish.publish(runner.web, wanted)
        runner.hosts["shop"] = publish.host_of(live), publish.program_of(live)
        return (await runner.fetch(host="shop")).text

    with package_index() as index:
        monkeypatch.setenv("QUICKEDIT_PACKAGE_INDEX", index.url)
        runner = await start_runner(tmp_path)
        try:
            index.add_wheel("greeting", "1.0", {"greeting.py": b"HELLO = 'Salve'\n"})
            assert await deploy() == "Salve"
            first = await in_database(history.version_of, worker.pk, 1)
            assert first.packages == {"greeting": "1.0"}
            index.add_wheel("greeting", "2.0", {"greeting.py": b"HELLO = 'Ave'\n"})
            for folder in (tmp_path / "packages" / "ready").iterdir():
                shutil.rmtree(folder)
            live = await in_database(history.live_of, worker.pk)
            assert live is not None
            assert isinstance(await runner.web.run(publish.program_of(live), MODULES), Ready)
            assert (await runner.fetch(host="shop")).text == "Salve", "what is live changed by itself"
            assert await deploy() == "Ave"
            assert await deploy(content_of=first.pk, packages=first.packages) == "Salve"
            assert (await in_database(history.version_of, worker.pk, 3)).packages == {"greeting": "1.0"}
        finally:
            await runner.web.close()
            await asyncio.to_thread(runner.process.stop)


def forget(made: Made) -> None:
    """What room is made for, or a lost disk does."""
    for folder in made.environments.ready_ones.iterdir():
        shutil.rmtree(folder)


async def test_the_versions_of_a_deployment_hold_when_there_are_newer_ones(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING, requires=["other>=1"])
    index.add_wheel("other", "1.0", {"other.py": b""})
    first = await made.get("greeting>=1")
    assert first is not None
    locked = await made.environments.versions(first.name)
    assert locked == {"greeting": "1.2", "other": "1.0"}
    seen = len(index.seen)
    assert await made.get("greeting>=1", locked=locked) == first, "the same folder, as its versions are these"
    assert len(index.seen) == seen
    index.add_wheel("greeting", "1.9", GREETING, requires=["other>=1"])
    index.add_wheel("other", "1.5", {"other.py": b""})
    forget(made)
    newer = await made.get("greeting>=1")
    assert newer is not None
    assert await made.environments.versions(newer.name) == {"greeting": "1.9", "other": "1.5"}
    held = await made.get("greeting>=1", locked=locked)
    assert held not in (None, newer)
    assert held is not None and await made.environments.versions(held.name) == locked
    assert await made.get("greeting>=1", locked=locked) == held


def test_S18_a_package_cannot_smuggle_a_line_among_the_versions_that_hold(tmp_path: Path) -> None:
    for name in ("good-1.0+local", "evil-1\n--index-url x", "evil-1 --index-url=x", "-r-1", "plain"):
        (tmp_path / f"{name}.dist-info").mkdir()
    assert packages.versions(tmp_path) == {"good": "1.0+local"}


async def test_versions_of_a_deployment_that_are_gone_give_way_and_it_is_said(made: Made, index: Index) -> None:
    index.add_wheel("greeting", "1.9", GREETING)
    found = await made.get("greeting>=1", locked={"greeting": "1.2"})
    assert found is not None
    assert await made.environments.versions(found.name) == {"greeting": "1.9"}
    [warning] = [record for record in made.records if record["level"] == "warning"]
    assert warning["text"].endswith("So the worker runs with other versions than it was deployed with.")
    assert (warning["path"], warning["line"]) == ("requirements.txt", 1)
    seen = len(index.seen)
    assert await made.get("greeting>=1", locked={"greeting": "1.2"}, changed=False) == found
    assert len(index.seen) == seen, "what is gone is looked for each time the worker wakes"


async def test_where_the_index_is_away_a_deployment_gets_no_other_versions(tmp_path: Path) -> None:
    away = Made(Environments(tmp_path, "http://127.0.0.1:9/simple"))
    assert await away.get("greeting", locked={"greeting": "1.2"}) is None
    assert [record["level"] for record in away.records] == ["info", "error"]


async def test_a_deployed_worker_keeps_its_versions_while_the_draft_gets_newer_ones(index: Index) -> None:
    index.add_wheel("greeting", "1.2", GREETING)
    modules = asking("greeting>=1")
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(environments.INDEX, index.url)
        runner: Runner = await start_runner(Path(folder))
        try:
            checked = await runner.web.run(runner.draft(modules, "check:1:x"), modules)
            assert isinstance(checked, Ready) and checked.packages == {"greeting": "1.2"}
            index.add_wheel("greeting", "2.0", {**GREETING, "greeting/words.py": b"HELLO = 'Ave'\n"})
            for made in (Path(folder) / "packages" / "ready").iterdir():
                shutil.rmtree(made)
            await runner.deploy(modules, "kept", packages=checked.packages)
            await runner.preview(modules)
            assert (await runner.fetch(host="kept")).text.startswith("Salve from")
            assert (await runner.fetch()).text.startswith("Ave from")
        finally:
            await runner.web.close()
            await asyncio.to_thread(runner.process.stop)

"""A version keeps the packages that it was deployed with: the whole way from a deploy over its row to the runner and back."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import shutil
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from preview.client import Ready
from quickedit.deployments import history, publish
from quickedit.threads import in_database
from quickedit.workers.models import Worker
from tests.runner.index import package_index
from tests.runner.support import start_runner

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

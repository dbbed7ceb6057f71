"""A runner of its own for each test; or one for all tests of a module, where they leave no trace that matters."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from preview.outside.environments import Environments
from tests.runner.asking import Made
from tests.runner.index import Index, package_index
from tests.runner.support import Runner, start_runner


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        made = await start_runner(Path(folder))
        yield made
        await made.web.close()
        status = await asyncio.to_thread(made.process.stop)
        assert status == 0, made.process.output
        assert "Traceback" not in made.process.output, made.process.output


@pytest.fixture
async def strict_runner() -> AsyncIterator[Runner]:
    """A runner with limits so short that a test can wait for them."""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        made = await start_runner(Path(folder), "--cpu", "1", "--wall", "2")
        yield made
        await made.web.close()
        await asyncio.to_thread(made.process.stop)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _module_runner() -> AsyncIterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        made = await start_runner(Path(folder))
        yield made
        await made.web.close()
        status = await asyncio.to_thread(made.process.stop)
        assert status == 0, made.process.output
        assert "Traceback" not in made.process.output, made.process.output


@pytest.fixture
def shared_runner(_module_runner: Runner) -> Runner:
    """The module's runner, its logs forgotten. Its tests run in the module's event loop: ``SHARED`` as their pytestmark."""
    _module_runner.logs.clear()
    return _module_runner


@pytest.fixture
def index() -> Iterator[Index]:
    with package_index() as made:
        yield made


@pytest.fixture
async def made(tmp_path: Path, index: Index) -> AsyncIterator[Made]:
    found = Made(Environments(tmp_path / "packages", index.url))
    yield found
    await found.environments.close()
    assert list((tmp_path / "packages" / "making").iterdir()) == [], "something is left of an installation"

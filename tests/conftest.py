"""Fixtures of every test: a Django on a database of its own, and the whole product as a person starts it.

Nothing of the person's own environment reaches a test: ``QUICKEDIT_*`` variables are taken away, the data directory is a new one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services import Postgres, Redis
from tests.support import Program, free_port, memory_directory, program

for _name in [name for name in os.environ if name.startswith("QUICKEDIT_") and name != "QUICKEDIT_CHROMIUM"]:
    del os.environ[_name]
_DATA = Path(tempfile.mkdtemp(prefix="quickedit-tests-", dir=memory_directory()))
os.environ["QUICKEDIT_DATA_DIR"] = str(_DATA)
os.environ["QUICKEDIT_PACKAGE_INDEX"] = "off"  # what a test installs comes from an index of its own
os.environ["DJANGO_SETTINGS_MODULE"] = "quickedit.settings"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running in the main thread, where no other may run beside it."""
    items.sort(key=lambda item: "tests/e2e/" in item.nodeid)


def pytest_unconfigure() -> None:
    shutil.rmtree(_DATA, ignore_errors=True)


@pytest.fixture(scope="session")
def django_ready() -> None:
    """Django set up, and the database of this test run migrated. Models may be imported at module level only after
    ``django.setup()``: tests of models begin with ``import tests.with_django``."""
    from django.core.management import call_command

    import tests.with_django  # noqa: F401

    call_command("migrate", verbosity=0, interactive=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this run."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis of this run."""
    server = Redis()
    yield server
    server.close()


@pytest.fixture(scope="session")
def migrated_postgres(django_ready: None, postgres: Postgres) -> str:
    """The URL of a migrated database on it."""
    from django.core.management import call_command

    from tests.databases import talking_to

    url = postgres.create()
    with talking_to(url):
        call_command("migrate", verbosity=0, interactive=False)
    return url


@pytest.fixture
def database(django_ready: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """An empty, migrated database; a real one, so that threads and processes of ours see the same. SQLite, unless a test is
    parametrised with ``over_both_databases``."""
    from django.core.management import call_command
    from django.db import connections

    from tests.databases import talking_to

    with contextlib.ExitStack() as stack:
        if getattr(request, "param", "sqlite") == "postgresql":
            url = request.getfixturevalue("migrated_postgres")
            stack.enter_context(talking_to(url))
            os.environ["QUICKEDIT_DATABASE_URL"] = url  # for the processes that a test starts
            stack.callback(os.environ.pop, "QUICKEDIT_DATABASE_URL")
        yield
        # Ids go on counting: the server that a run shares may still hold rooms of workers that had them.
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
        connections.close_all()


@dataclass(frozen=True)
class Live:
    """The whole product, running. ``login_url`` works once."""

    url: str
    login_url: str
    port: int
    workers_port: int
    data_dir: Path
    program: Program
    environment: dict[str, str]

    def login_link(self) -> str:
        """Another login URL, as ``quickedit login-link`` makes it."""
        with program(quickedit(), "login-link", env=self.environment) as made:
            return made.wait_for("/login?token=").strip()


def quickedit() -> Path:
    return Path(sys.executable).with_name("quickedit")


@pytest.fixture
def product_environment(tmp_path: Path) -> dict[str, str]:
    """What ``quickedit up`` needs to start beside anything else: free ports and a data directory of its own."""
    return {
        **os.environ,
        "QUICKEDIT_PORT": str(free_port()),
        "QUICKEDIT_WORKERS_PORT": str(free_port()),
        "QUICKEDIT_DATA_DIR": str(tmp_path / "data"),
    }


def start_product(environment: dict[str, str]) -> Live:
    """``quickedit up``, ready. Raises AssertionError with all that it printed when it does not get there."""
    started = Program([quickedit(), "up"], env=environment)
    try:
        login_url = started.wait_for("/login?token=").split()[-1]
    except BaseException:
        started.stop()
        raise
    port, workers_port = int(environment["QUICKEDIT_PORT"]), int(environment["QUICKEDIT_WORKERS_PORT"])
    data_dir = Path(environment["QUICKEDIT_DATA_DIR"])
    return Live(f"http://localhost:{port}", login_url, port, workers_port, data_dir, started, environment)


@pytest.fixture
def live(product_environment: dict[str, str]) -> Iterator[Live]:
    """The whole product for one test, and stopped after it."""
    running = start_product(product_environment)
    yield running
    running.program.stop()

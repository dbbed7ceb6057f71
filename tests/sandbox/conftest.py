"""The sandboxes that the tests of this folder share: one for each tier, and one without walls for the controls."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.support import HASTY, LIMITS, NOBODY, PATIENT, Limits, Sandbox, readable_python

TIERS = {"test_walls": ("A", "B", "B1"), "test_jail": ("A", "B", "B1"), "test_limits": ("A", "B")}
"""B1 is tier B with the rights of Landlock's first ABI, asked for in so many words. Where a test is about something else
than walls and limits, one tier says it all."""


ROOT = Path(__file__).resolve().parents[2]
ALONE = "test_ordinary_user.py"
FOR_EVERY_USER = ("walls", "jail", "controls", "limits", "children", "zygote", "tiers")
"""What depends on who runs it; frames and calls are bytes on a socket, whoever reads them."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The last of this folder is the one that waits for the whole of it, run by somebody else."""
    ours = [index for index, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ordered = sorted((items[index] for index in ours), key=lambda item: item.path.name == ALONE)
    for index, item in zip(ours, ordered, strict=True):
        items[index] = item


@pytest.fixture(scope="session", autouse=True)
def as_nobody(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str] | None]:
    """This folder's tests once more, by an ordinary user, beside those that root runs; None where that is not asked for."""
    if os.geteuid() != 0 or not any(item.path.name == ALONE for item in request.session.items):
        yield None
        return
    python, environment = readable_python()
    home = tempfile.mkdtemp(prefix="quickedit-nobody-")  # pytest's own folders are for root alone
    os.chown(home, NOBODY, NOBODY)
    command = [
        python, "-m", "pytest", *(f"tests/sandbox/test_{name}.py" for name in FOR_EVERY_USER),
        "-q", "-x", "-p", "no:cacheprovider", f"--basetemp={home}/t",
    ]  # fmt: skip
    with subprocess.Popen(
        command, user=NOBODY, group=NOBODY, extra_groups=[], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**environment, "TMPDIR": str(home), "HOME": str(home)},
    ) as running:  # fmt: skip
        yield running
        running.kill()
    shutil.rmtree(home, ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    tiers = TIERS.get(metafunc.module.__name__.rpartition(".")[2], ("A",))
    for name in {"sandbox", "hasty", "patient"} & set(metafunc.fixturenames):
        metafunc.parametrize(name, tiers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The real one, with short limits. A machine that has none fails every test of this folder, loudly."""
    running = start(request.param)
    yield running
    running.close()


@pytest.fixture(scope="session")
def hasty(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The same where a request has a second."""
    running = start(request.param, HASTY)
    yield running
    running.close()


@pytest.fixture(scope="session")
def patient(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The same where the memory ends before the CPU time, however busy the machine is."""
    running = start(request.param, PATIENT)
    yield running
    running.close()


def start(tier: str, limits: Limits = LIMITS) -> Sandbox:
    """As root, tier B has children with users of their own where the interpreter allows it, and B1 has them not."""
    python = readable_python()[0] if tier == "B" and os.geteuid() == 0 else sys.executable
    return Sandbox(tier[0], limits, python=python, landlock=1 if tier == "B1" else None)


@pytest.fixture(scope="session")
def no_walls() -> Iterator[Sandbox]:
    """The same with the sandbox off: what an attack does there proves that the test can fail."""
    running = Sandbox("off")
    yield running
    running.close()


@pytest.fixture
def canary() -> Iterator[Path]:
    """A file of the host that everybody there may read and change: only a wall can forbid it."""
    with tempfile.TemporaryDirectory(prefix="quickedit-test-") as folder:
        path = Path(folder, "canary.txt")
        path.write_text("the canary sings")
        path.chmod(0o666)
        os.chmod(folder, 0o777)
        yield path


@pytest.fixture
def named_sockets() -> Iterator[list[socket.socket]]:
    """Two datagram sockets that anybody may write to: one with a path, one with an abstract name."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="quickedit-test-"))
        os.chmod(folder, 0o755)
        receivers = []
        for name in (f"{folder}/log", f"\0quickedit-test-{os.getpid()}"):
            receiver = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            receiver.bind(name)
            receiver.setblocking(False)
            receivers.append(receiver)
        os.chmod(f"{folder}/log", 0o777)
        yield receivers

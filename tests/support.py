"""Shared by all tests: free ports, programs that are ready or dead by a deadline, a Chromium that works here.

Nothing here sleeps for a fixed time; every wait ends at a deadline with what was seen until then.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import selectors
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
over_both_databases = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
"""Runs a test, or as ``pytestmark`` those of a module, over SQLite and PostgreSQL (W3)."""
DEADLINE = 20.0
"""Seconds: how long a thing of ours may take on a busy machine before a test calls it dead."""


def memory_directory() -> str | None:
    """Where files live in memory, for data whose durability is not what a test is about: a busy disk syncs slowly. None where
    there is too little of it, as in a container."""
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return None
    return "/dev/shm" if found.f_bavail * found.f_frsize > 1 << 30 and os.access("/dev/shm", os.W_OK) else None


def free_port() -> int:
    """A port of the loopback that was free a moment ago, below those that the kernel gives to connections and to port 0: it
    stays free while a server that has it starts again. Where a server can bind port 0 itself, let it."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port := random.randrange(20_000, 32_000)))
            return port


def wait_until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """The first true value of ``condition``; asks again every 10 ms. Raises AssertionError at the deadline."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


class Program:
    """A child process in a session of its own, and all that it prints (both streams, in order)."""

    def __init__(self, command: Sequence[object], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
        self.command = [str(part) for part in command]
        self.output = ""
        self.process = subprocess.Popen(
            self.command, cwd=cwd, env=None if env is None else dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.stream: IO[bytes] = self.process.stdout
        os.set_blocking(self.stream.fileno(), False)

    @property
    def pid(self) -> int:
        return self.process.pid

    def read(self, seconds: float) -> bool:
        """Takes in what is printed within the time; False at the end of the output."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.stream, selectors.EVENT_READ)
            if not selector.select(max(0.0, seconds)):
                return True
        chunk = self.stream.read(65536)
        self.output += (chunk or b"").decode("utf-8", "replace")
        return chunk is None or bool(chunk)

    def printed(self) -> str:
        """All that it has printed so far."""
        size = -1
        while size != (size := len(self.output)):
            self.read(0)
        return self.output

    def wait_for(self, text: str, seconds: float = DEADLINE) -> str:
        """The first printed line that has ``text`` in it. Raises AssertionError when the program ends or the time is up."""
        end = time.monotonic() + seconds
        while True:
            lines = self.output.split("\n")
            for line in lines[:-1]:
                if text in line:
                    return line
            alive = self.read(min(0.5, end - time.monotonic()))
            if not alive and text not in self.output:
                self.process.wait(DEADLINE)
                raise AssertionError(f"ended with {self.process.returncode} before {text!r}:\n{self.output}")
            assert time.monotonic() < end, f"no {text!r} within {seconds} s:\n{self.output}"

    def stop(self, signal_: int = signal.SIGTERM, seconds: float = DEADLINE) -> int:
        """Signals the program and returns its status; kills its whole session where it does not end in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal_)
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            if not self.read(0.05):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(max(0.0, end - time.monotonic()))
        ended = self.process.poll() is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        self.stream.close()
        assert ended, f"did not end within {seconds} s of signal {signal_}:\n{self.output}"
        return status


@contextlib.contextmanager
def program(*command: object, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Iterator[Program]:
    """A program for the length of a block; it is stopped, or killed, at the end whatever happens."""
    started = Program(command, env=env, cwd=cwd)
    try:
        yield started
    finally:
        if not started.stream.closed:
            started.stop()


# --- Chromium -------------------------------------------------------------------------------------------------------


def chromium_path() -> str:
    """The machine's Chromium. ``scripts/setup.py test`` has seen to it that there is one."""
    wanted = os.environ.get("QUICKEDIT_CHROMIUM", "")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = wanted or next(filter(None, map(shutil.which, names)), None)
    assert found, "no Chromium: run `make test`, which installs it or says how"
    return found


def chromium_options() -> dict[str, Any]:
    """Keyword arguments for Playwright's ``chromium.launch``. As root Chromium refuses its own sandbox.

    Playwright switches storage partitioning off, users have it on. Of two ``--disable-features`` Chromium takes the
    last one, ours, which repeats Playwright's but for ``ThirdPartyStoragePartitioning``.
    """
    off = (
        "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
        "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "OptimizationHints",
        "NetworkTimeServiceQuerying", "Translate",
    )  # fmt: skip
    arguments = ["--disable-dev-shm-usage", "--disable-gpu", "--disable-features=" + ",".join(off)]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    return {"executable_path": chromium_path(), "headless": True, "args": arguments}


def page_data(html: str) -> dict[str, Any]:
    """What a page gives its script."""
    found = re.search(r'<script id="page-data"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert found, html[:500]
    data: dict[str, Any] = json.loads(found[1])
    return data

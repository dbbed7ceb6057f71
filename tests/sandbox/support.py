"""Hostile programs, one at a time, in the real sandbox: what every test of this folder uses.

The supervisor runs in a thread with an event loop of its own, so that tests are plain functions. Nothing is a mock.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from preview.outside.children import Answer, Child, Children, Failure, Limits

T = TypeVar("T")

LIMITS = Limits(cpu_s=0.5, wall_s=12, load_s=12, memory_mb=128, log_records=50, log_bytes=20_000)
"""Little CPU, and time enough to use it up on a machine that is busy with other things."""
HASTY = dataclasses.replace(LIMITS, wall_s=1.0)
PATIENT = dataclasses.replace(LIMITS, cpu_s=10.0)
"""For programs that use their memory up: touching it page by page costs CPU, on some machines a lot."""
NOBODY = 65534
META: dict[str, Any] = {"main": "main", "root": "", "env": {}, "changed": None}
HEAD = {"method": "GET", "url": "http://worker.localhost/", "headers": [], "private": True}
HELLO = b"from workers import Response\nasync def on_fetch(request): return Response('hello')"

_MAIN = """
from workers import Response, WorkerEntrypoint
import attack

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        outcome = attack.attempt()
        if hasattr(outcome, "__await__"):
            outcome = await outcome
        return Response.json(outcome)
"""


@dataclass
class Logs:
    """What a request logged, as the supervisor heard it."""

    records: list[dict[str, Any]] = field(default_factory=list)
    dropped: int = 0

    def add(self, records: list[dict[str, Any]], dropped: int) -> None:
        self.records += records
        self.dropped += dropped

    @property
    def size(self) -> int:
        return sum(len(record["text"]) for record in self.records)


class Sandbox:
    """A running Children, driven from plain functions. Every call has a deadline."""

    def __init__(self, sandbox: str = "auto", limits: Limits = LIMITS, spares: int = 2, **more: Any) -> None:
        self.limits = limits
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.children = self.do(self._start(sandbox, limits, spares, more))

    async def _start(self, sandbox: str, limits: Limits, spares: int, more: dict[str, Any]) -> Children:
        children = Children(limits, spares=spares, sandbox=sandbox, **more)
        await children.start()
        return children

    def do(self, work: Coroutine[Any, Any, T], within: float = 20.0) -> T:
        """The result of a coroutine, run in the supervisor's loop."""
        return self.begin(work).result(within)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """The same, not waited for."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def load(self, modules: dict[str, str | bytes], **meta: Any) -> Child:
        encoded = {path: text.encode() if isinstance(text, str) else text for path, text in modules.items()}
        return self.do(self.children.load(encoded, {**META, **meta}))

    def ask(self, child: Child, *, logs: Logs | None = None, **head: Any) -> Answer | Failure:
        full = {"method": "GET", "url": "http://worker.localhost/", "headers": [], "private": True, **head}
        return self.do(child.request(full, b"", (logs or Logs()).add))

    def attack(self, code: str, *, logs: Logs | None = None, **modules: str | bytes) -> Answer | Failure:
        """Runs ``attempt()`` of the code in a fresh child, in answer to one request, and ends the child."""
        child = self.load({"main.py": _MAIN, "attack.py": textwrap.dedent(code), **modules})
        try:
            return self.ask(child, logs=logs)
        finally:
            self.kill(child)

    def attacks(self, codes: list[str]) -> list[Answer | Failure]:
        """The same for many programs at once."""

        async def one(code: str) -> Answer | Failure:
            modules = {"main.py": _MAIN.encode(), "attack.py": textwrap.dedent(code).encode()}
            child = await self.children.load(modules, META)
            head = {"method": "GET", "url": "http://worker.localhost/", "headers": [], "private": True}
            outcome = await child.request(head, b"", lambda records, dropped: None)
            child.kill()
            return outcome

        async def all_of_them() -> list[Answer | Failure]:
            return await asyncio.gather(*map(one, codes))

        return self.do(all_of_them(), within=60)

    def tried(self, code: str, **modules: str | bytes) -> Any:
        """What ``attempt()`` returned. Fails where it did not return."""
        outcome = self.attack(code, **modules)
        assert isinstance(outcome, Answer), outcome
        return json.loads(outcome.body)

    def reason(self, child: Child) -> str:
        """Why it takes no more requests, once that is so."""

        async def exited() -> str:
            return (await asyncio.shield(child.exited)).reason

        return self.do(exited())

    def until(self, call: Callable[[], T], within: float = 20.0) -> T:
        """What ``call`` returns, as soon as it is true; asked in the supervisor's loop."""

        async def wait() -> T:
            while not (found := call()):
                await asyncio.sleep(0.01)
            return found

        return self.do(wait(), within)

    def kill(self, child: Child) -> None:
        self._loop.call_soon_threadsafe(child.kill)

    def still_works(self) -> bool:
        """Whether the next worker runs as if nothing had been."""
        number, pid = self.tried("def attempt(): return [6 * 7, __import__('os').getpid()]")
        return bool(number == 42 and (pid == 1) == (self.tier == "A"))

    @property
    def tier(self) -> str:
        return self.children.tier

    @property
    def own_uids(self) -> bool:
        assert self.children._zygote is not None
        return self.children._zygote.own_uids

    def close(self) -> None:
        self.do(self.children.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def no_log(records: list, dropped: int) -> None:
    pass


def failure(outcome: Answer | Failure) -> dict[str, Any]:
    """The report of a request that is expected to have failed."""
    assert isinstance(outcome, Failure), outcome
    return outcome.report


def line_of(report: dict[str, Any]) -> tuple[str, int]:
    """(path, line) of the innermost frame in the worker's own modules."""
    frame = [frame for frame in report["frames"] if frame["user"]][-1]
    return frame["path"], frame["line"]


def readable_python() -> tuple[str, dict[str, str]]:
    """An interpreter ≥ 3.11 that nobody may run, and what it needs to find pytest. Fails where there is none."""
    packages = str(Path(pytest.__file__).resolve().parent.parent)
    for candidate in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin"), "/usr/bin/python3.11"):
        if candidate is None:
            continue
        check = f"import sys, pytest, msgspec; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        if candidate != sys.executable:
            environment["PYTHONPATH"] = packages
        try:
            done = subprocess.run([candidate, "-c", check], user=NOBODY, group=NOBODY, extra_groups=[], env=environment,
                                  cwd="/", capture_output=True, timeout=30, check=False)  # fmt: skip
        except PermissionError:
            continue
        if done.returncode == 0:
            return candidate, environment
    pytest.fail(
        "No Python of this version can be read by an ordinary user (uid 65534), so the sandbox's ordinary-user mode is "
        "untested. Install the system's python3, or make the interpreter and the tree readable: chmod o+rX."
    )

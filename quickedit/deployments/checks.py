"""What is tried on a draft before it goes live: it parses, it starts in a fresh sandbox, it answers ``GET /``.

``publish`` refuses what does not start; the API shows all of it while a person still looks at what changes. Each visit
tries a program of its own, beside the draft and beside what is live, and ends it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from django.conf import settings

from preview import bundle
from preview.client import Fault, Host, HttpAnswer, Program, Ready, Refused, RunnerAway, RunnerClient, Unparsed
from quickedit.errors import BadInput, Unavailable

ANSWER_SECONDS = 5.0
"""Seconds that a worker may take for ``GET /`` before the check stops waiting; that is a warning, no failure."""

State = Literal["passed", "failed", "warning", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line for a person. A ``failed`` one keeps the draft from going live; a ``warning`` does not. ``path`` and
    ``line`` are where to look, "" and 0 where there is no such place. ``ms`` is how long it took."""

    name: str
    state: State
    ms: float = 0.0
    detail: str = ""
    path: str = ""
    line: int = 0


async def run(
    runner: RunnerClient, worker: tuple[int, str], modules: Mapping[str, bytes], variables: Mapping[str, str]
) -> list[Check]:
    """All checks of a worker (its id and name), in order; what follows a failure is skipped. Raises Unavailable while the
    runner is away."""
    parses, starts, answers = _titles(modules)
    began = time.perf_counter()
    try:
        async with _tried(runner, worker, modules, variables) as (program, result):
            ms = _since(began)
            if isinstance(result, Unparsed):
                failed = Check(parses, "failed", ms, result.message, result.path, result.line)
                return [failed, Check(starts, "skipped"), Check(answers, "skipped")]
            passed = Check(parses, "passed", ms)
            if (fault := result.fault) is not None:
                return [
                    passed,
                    Check(starts, "failed", ms, fault.text, fault.path, fault.line),
                    Check(answers, "skipped"),
                ]
            return [passed, Check(starts, "passed", result.ms), await _answers(runner, program, answers)]
    except Refused as error:
        refused = Check(starts, "failed", _since(began), " ".join(filter(None, (error.message, error.hint))))
    return [Check(parses, "skipped"), refused, Check(answers, "skipped")]


async def must_start(
    runner: RunnerClient,
    worker: tuple[int, str],
    modules: Mapping[str, bytes],
    variables: Mapping[str, str],
    packages: Mapping[str, str],
) -> Ready:
    """Nothing goes live that does not parse or whose import raises. Raises BadInput, and Unavailable while the runner is
    away."""
    try:
        async with _tried(runner, worker, modules, variables, packages) as (_, result):
            pass
    except Refused as error:
        raise BadInput(error.message, code=error.code, hint=error.hint) from error
    if isinstance(result, Unparsed):
        message = f"{result.path} does not parse: {result.message}"
        raise BadInput(message, code="unparsed", hint=place(result.path, result.line))
    if result.fault is not None:
        message = f"The worker does not start: {result.fault.text}"
        raise BadInput(message, code="does-not-start", hint=place(result.fault.path, result.fault.line))
    return result


def place(path: str, line: int) -> str:
    """The hint that names a line, or ""."""
    if not path:
        return ""
    return f"Fix {path}:{line}." if line else f"Fix {path}."


@asynccontextmanager
async def _tried(
    runner: RunnerClient,
    worker: tuple[int, str],
    modules: Mapping[str, bytes],
    variables: Mapping[str, str],
    packages: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[tuple[Program, Ready | Unparsed]]:
    """The modules as a program of their own for the length of a block."""
    number, name = worker
    key = f"check:{number}:{secrets.token_hex(8)}"
    program = Program(key, name, bundle.digest(modules), 0, None, dict(variables), dict(packages))
    try:
        try:
            yield program, await runner.run(program, modules)
        finally:
            with contextlib.suppress(RunnerAway):
                await runner.drop_program(program.key)
    except RunnerAway as error:
        hint = f"Look at the log of the runner (its socket is {settings.RUNNER_SOCKET.name}), then deploy again."
        raise Unavailable("The runner is away, so nothing was deployed.", code="runner-away", hint=hint) from error


async def _answers(runner: RunnerClient, program: Program, title: str) -> Check:
    label = "p-" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    await runner.put_host(Host(host=label, program=program.key, private=False, editor_origin=""))
    began = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await runner.request(label, "GET", "/", [("accept", "application/json")], b"")
    except TimeoutError:
        return Check(title, "warning", _since(began), f"no answer within {ANSWER_SECONDS:g} s")
    if answer.status < 500:
        return Check(title, "passed", _since(began), str(answer.status))
    fault = _fault(answer)
    return Check(title, "warning", _since(began), f"{answer.status} {fault.text}".rstrip(), fault.path, fault.line)


def _fault(answer: HttpAnswer) -> Fault:
    """What the runner's own error report says, in the form that programs get; nothing where the worker wrote the
    answer itself."""
    try:
        error = json.loads(answer.body)["error"]
        return Fault(f"{error['type']}: {error['message']}"[:300], str(error["path"] or ""), int(error["line"] or 0))
    except (ValueError, TypeError, LookupError, RecursionError):
        return Fault("", "", 0)


def _titles(modules: Mapping[str, bytes]) -> tuple[str, str, str]:
    count = sum(path.endswith(".py") for path in modules)
    parses = f"All {count} modules parse" if count != 1 else "The module parses"
    return parses, "Starts in a fresh sandbox", "Answers GET /"


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000

"""Runs one worker's draft: a short wait after the last operation, then the newest modules on the runner, and what came
of it.

One per worker, shared by everybody who has it open; ``quickedit.editor`` owns it and passes the events on. Runs overlap
rather than queue: an older run that is still loading (it may loop for ever) must not keep the newest one waiting, so
its result is dropped and the runner kills it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from django.conf import settings

from preview import bundle
from preview.client import Host, Program, Ready, Refused, RunnerAway, Unparsed
from quickedit.drafts import runner
from quickedit.wire import messages as wire

Event = wire.PreviewReadyToClient | wire.PreviewUnparsedToClient | wire.PreviewFailedToClient

RUNNER_AWAY, SUPERSEDED = "runner-away", "superseded"
BEHIND, PATIENCE = 0.05, 2.0
"""Seconds. Where so many people type that the event loop is BEHIND, previews wait for calmer moments, at most for PATIENCE:
acknowledgements come first."""
RETRY = 1.0
"""Seconds after which a draft that found no runner is tried again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The workspace as it is now: what a draft runs."""

    revision: int
    modules: Mapping[str, bytes]


def program_key(worker_id: int) -> str:
    """The runner's name for the worker's draft."""
    return f"draft:{worker_id}"


def program_of(worker_id: int, name: str, head: Head, variables: Mapping[str, str]) -> Program:
    """The draft at that head as the runner knows it. Raises bundle.ConfigError."""
    config = bundle.read_config(head.modules)
    return Program(
        key=program_key(worker_id),
        worker=name,
        digest=bundle.digest(head.modules),
        revision=head.revision,
        version=None,
        variables={**config.variables, **variables},
    )


def private_host(label: str, worker_id: int) -> Host:
    """A member's private preview: our page may frame it and gets its clicks on lines."""
    return Host(host=label, program=program_key(worker_id), private=True, editor_origin=settings.PUBLIC_ORIGIN)


class Draft:
    """``head`` gives the workspace now, ``describe`` the worker's name and variables now, ``emit`` gets every event, in
    order of revision. Lives in one event loop; ``close`` must be awaited."""

    def __init__(
        self,
        worker_id: int,
        *,
        head: Callable[[], Head],
        describe: Callable[[], Awaitable[tuple[str, Mapping[str, str]]]],
        emit: Callable[[Event], None],
        wait: float,
    ) -> None:
        self._worker_id = worker_id
        self._head = head
        self._describe = describe
        self._emit = emit
        self._wait = wait
        self._timer: asyncio.TimerHandle | None = None
        self._run: asyncio.Task[None] | None = None
        self._closed = False
        self.last: Event | None = None
        """The newest event, for those who open the worker later."""
        self.environment = ""
        """The name of the packages that were installed for the newest run, "" for none."""

    def changed(self) -> None:
        """An operation was committed: run when no further one comes within the wait."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            now = asyncio.get_running_loop().time()
            self._run_at(now + self._wait, latest=now + self._wait + PATIENCE)

    def _run_at(self, when: float, *, latest: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(when, self._due, when, latest)

    def _due(self, when: float, latest: float) -> None:
        now = asyncio.get_running_loop().time()
        behind = now - when
        if behind > BEHIND and now < latest:
            self._run_at(min(now + behind * 4, latest), latest=latest)
        else:
            self.run_now()

    def run_now(self) -> None:
        """Run what is there now, dirty or not, in place of whatever run is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        if self._run is not None:
            self._run.cancel()
        self._run = asyncio.get_running_loop().create_task(self._run_newest())

    async def close(self) -> None:
        """No more runs; the draft stays on the runner until it is idle there."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._run is not None:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)

    async def _run_newest(self) -> None:
        started = time.perf_counter()
        head = self._head()
        try:
            event = await self._outcome(head, started)
        except Exception:
            _log.exception("running the draft of worker %s failed", self._worker_id)
            event = _failed(
                head, "internal", "Something of ours went wrong while the draft was run.", "Save again to retry."
            )
        away = isinstance(event, wire.PreviewFailedToClient) and event.code == RUNNER_AWAY
        if event is not None and not (away and event == self.last):
            self.last = event
            self._emit(event)
        if away:
            self._timer = asyncio.get_running_loop().call_later(RETRY, self.run_now)

    async def _outcome(self, head: Head, started: float) -> Event | None:
        """What came of running that head; None where a newer run overtook it."""
        try:
            name, variables = await self._describe()
            program = program_of(self._worker_id, name, head, variables)
            result = await (await runner.client()).run(program, head.modules)
        except bundle.ConfigError as error:
            return _failed(head, error.code, error.message, error.hint or _where(error))
        except Refused as error:
            return None if error.code == SUPERSEDED else _failed(head, error.code, error.message, error.hint)
        except RunnerAway:
            hint = "It is started again by itself; the preview follows. Your edits are saved."
            return _failed(head, RUNNER_AWAY, "The runner that previews need is away.", hint)
        if isinstance(result, Ready):
            self.environment = result.environment
        return _event(head, result, started)


def _where(error: bundle.ConfigError) -> str:
    if not error.path:
        return ""
    return f"See {error.path}, line {error.line}." if error.line else f"See {error.path}."


def _failed(head: Head, code: str, message: str, hint: str) -> wire.PreviewFailedToClient:
    return wire.PreviewFailedToClient(revision=head.revision, code=code, message=message, hint=hint)


def _event(head: Head, result: Ready | Unparsed, started: float) -> Event:
    if isinstance(result, Unparsed):
        return wire.PreviewUnparsedToClient(
            revision=head.revision,
            path=result.path,
            line=result.line,
            column=result.column,
            message=result.message,
            stays=result.stays,
        )
    return wire.PreviewReadyToClient(revision=head.revision, ms=round((time.perf_counter() - started) * 1000, 2))

"""Deploy and rollback: check on the runner, keep the bundle, record it, and only then let visitors see it.

The order is what makes it safe: nothing is recorded that does not load, and nothing is shown that is not recorded.
Callers (API, later the console script) pass the runner's client, as this package may not reach for the draft's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from preview import bundle
from preview.client import Host, Program, RunnerAway, RunnerClient
from quickedit.deployments import bundles, checks, history
from quickedit.deployments.history import Live
from quickedit.errors import BadInput
from quickedit.threads import in_database

MAX_MESSAGE = 500
"""Characters of a deployment's message or a rollback's reason."""

_listeners: list[Callable[[Live], None]] = []


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall go live, and who says so. ``variables`` are the worker's own, over those of its configuration file;
    ``packages`` the versions that a rollback brings back."""

    worker_id: int
    worker_name: str
    by: int
    modules: Mapping[str, bytes]
    revision: int
    variables: Mapping[str, str]
    message: str
    content_of: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)


def on_deployed(callback: Callable[[Live], None]) -> Callable[[], None]:
    """Calls back in the event loop after every deployment through this process. Returns what ends it."""
    _listeners.append(callback)
    return lambda: _listeners.remove(callback)


def program_of(live: Live) -> Program:
    """The live version as the runner knows it."""
    return Program(
        key=f"live:{live.worker_id}",
        worker=live.worker_name,
        digest=live.digest,
        revision=live.revision,
        version=live.version,
        variables=dict(live.variables),
        packages=dict(live.packages),
    )


def host_of(live: Live) -> Host:
    """The public host of a live version: nobody may frame it, and its errors tell nothing."""
    return Host(host=live.worker_name, program=f"live:{live.worker_id}", private=False, editor_origin="")


async def publish(runner: RunnerClient, wanted: Wanted) -> Live:
    """Makes the modules live. Raises BadInput where they cannot run and Unavailable while the runner is away."""
    message = wanted.message.strip()
    if len(message) > MAX_MESSAGE:
        raise BadInput(f"The message has {len(message)} characters; {MAX_MESSAGE} are possible.", code="bad-message")
    try:
        config = bundle.read_config(wanted.modules)
    except bundle.ConfigError as error:
        raise BadInput(str(error), code=error.code, hint=error.hint or checks.place(error.path, error.line)) from error
    variables = {**config.variables, **wanted.variables}
    worker = (wanted.worker_id, wanted.worker_name)
    started = await checks.must_start(runner, worker, wanted.modules, variables, wanted.packages)
    digest = await in_database(bundles.store, wanted.modules)
    live = await in_database(
        history.record,
        wanted.worker_id,
        by=wanted.by,
        digest=digest,
        revision=wanted.revision,
        variables=variables,
        packages=started.packages,
        message=message,
        content_of=wanted.content_of,
    )
    await show(runner, live, wanted.modules)
    for listener in tuple(_listeners):
        listener(live)
    return live


async def show(runner: RunnerClient, live: Live, modules: Mapping[str, bytes]) -> None:
    """Has the runner answer with this version under the worker's name. A runner that is away asks for it when it is
    back.
    """
    try:
        await runner.run(program_of(live), modules)
        await runner.put_host(host_of(live))
    except RunnerAway:
        pass


async def hide(runner: RunnerClient, worker_id: int, name: str) -> None:
    """The runner stops answering under a name that the worker no longer has."""
    try:
        await runner.drop_host(name)
        await runner.drop_program(f"live:{worker_id}")
    except RunnerAway:
        pass

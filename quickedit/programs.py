"""What the runner may ask for: which host shows which program, and that program's modules. Composition only.

The runner asks when it starts afresh or meets a host it does not know. Drafts come from the live rooms, deployed
versions from the deployments' rows and bundles; this is the one place that knows both.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from preview import bundle
from preview.client import Host, Program
from quickedit import rooms
from quickedit.deployments import bundles, history, publish
from quickedit.drafts import draft, labels, runner
from quickedit.errors import QuickEditError
from quickedit.threads import in_database
from quickedit.workers import access
from quickedit.workers.models import Worker

_KEPT = 8
_recent: OrderedDict[str, Mapping[str, bytes]] = OrderedDict()
"""Modules of drafts that ``resolve`` has just named, by digest: the head may move before the runner asks for them."""


def install() -> None:
    """Called once, when the ASGI application is made."""
    runner.install(resolve, modules, may_call)


async def connect() -> None:
    """Has the runner hear of us as soon as this process serves, and again whenever it was away."""
    await runner.client()


async def close() -> None:
    """Ends what was started for the runner; for servers that say when they end."""
    await runner.close()


async def resolve(host: str) -> tuple[Host, Program] | None:
    """What a host shows; None where nothing of ours does. ``host`` is the first label, in lower case."""
    try:
        return await (_draft(host) if host.startswith(labels.PREFIX) else _deployed(host))
    except (QuickEditError, bundle.ConfigError):
        return None


async def modules(program: Program) -> Mapping[str, bytes]:
    """The modules of a program that ``resolve`` or a run named. Raises a QuickEditError where they are gone."""
    kept = _recent.get(program.digest)
    return kept if kept is not None else await in_database(bundles.load, program.digest)


async def may_call(caller: str, called: str) -> bool:
    """Whether a worker may call methods of another one; both by their ids."""
    return caller.isdecimal() and called.isdecimal() and await in_database(access.may_call, int(caller), int(called))


async def _deployed(name: str) -> tuple[Host, Program] | None:
    live = await in_database(history.live_by_name, name)
    return None if live is None else (publish.host_of(live), publish.program_of(live))


async def _draft(label: str) -> tuple[Host, Program] | None:
    shown = await in_database(labels.find, label)
    if shown is None:
        return None
    worker = await in_database(Worker.objects.get, pk=shown.worker_id)
    async with rooms.enter(shown.worker_id) as room:
        head = draft.Head(room.revision, room.modules())
    program = draft.program_of(worker.pk, worker.name, head, worker.variables)
    _recent[program.digest] = head.modules
    while len(_recent) > _KEPT:
        _recent.popitem(last=False)
    return draft.private_host(label, worker.pk), program

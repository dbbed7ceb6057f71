"""``quickedit dev DIR`` and ``python -m preview DIR``: a directory of modules on the real runtime, no editor, no
database.

It composes the runner's own parts around a directory: watches it, runs what changed, serves it on the loopback with
error pages and live reload, and prints what requests did. Whoever runs it owns the code, so error pages show
everything.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from preview.bundle import ConfigError, read_config
from preview.exchange import Host, LogEvent, Program, Ready, Refused, Unparsed
from preview.outside.addresses import Policy, parse_rules
from preview.outside.bindings import migrations, scripts
from preview.outside.bindings.stores import Stores
from preview.outside.bundles import Bundles
from preview.outside.capabilities import Capabilities
from preview.outside.children import Children, SandboxUnavailable
from preview.outside.environments import INDEX, Environments
from preview.outside.folder import Folder, Signature, TooMuch
from preview.outside.front import Front
from preview.outside.hosts import BadHost
from preview.outside.limits import Limits
from preview.outside.listener import PortInUse, bind, make_listener
from preview.outside.logs import LogSink, outside_requests
from preview.outside.programs import Programs
from preview.outside.reload import Reloading
from preview.outside.triggering import Triggering
from preview.protocol import pack_modules

ALLOW_HELP = "what fetch() may reach beside the public internet: 127.0.0.1:9000, 10.0.0.0/8, .corp.example, by commas"
SQL_HELP = "run a script on a D1 database before serving; may be given several times"
MIGRATE_HELP = "apply the D1 migrations that are not applied yet before serving, and before scripts"
ASK_EVERY = 0.06
"""Seconds between two looks at the directory."""
DATA = ".quickedit"
"""The folder beside the modules that keeps what bindings store: remove it to begin afresh."""
_KEY = "draft:dev"
_LOCAL = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
# A worker's text may carry terminal escapes: what reaches the terminal is printable.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def main(
    directory: str | Path,
    port: int = 8787,
    *,
    sandbox: str = "auto",
    allow: str = "",
    sql: Sequence[str] = (),
    migrate: bool = False,
) -> int:
    """Serves ``directory`` until Ctrl-C. Prints ``Ready on http://localhost:N``. Returns the exit status.

    ``allow`` lists what the worker's ``fetch`` may reach beside the public internet, as addresses.Rule reads it; ``migrate``
    applies all D1 migrations first; ``sql`` are scripts to run after that, each ``BINDING=FILE``.
    """
    root = Path(directory).resolve()
    if not root.is_dir():
        print(f"{directory} is not a directory: name the folder that holds the worker's modules.", file=sys.stderr)
        return 1
    try:
        uvloop.run(_serve(Folder(root), port, sandbox, allow, sql, migrate=migrate))
    except (SandboxUnavailable, PortInUse, TooMuch, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print("Stopped.", flush=True)
    return 0


async def _serve(folder: Folder, port: int, sandbox: str, allow: str, sql: Sequence[str], *, migrate: bool) -> None:
    """Raises SandboxUnavailable, PortInUse, TooMuch, ValueError for a list that cannot be read."""
    signature = folder.signature()
    listening = bind("127.0.0.1", port)
    limits = Limits()
    environments = Environments(folder.root / DATA / "packages", os.environ.get(INDEX, ""))
    children = Children(limits, spares=2, sandbox=sandbox, environments=environments.ready_ones)
    with tempfile.TemporaryDirectory(prefix="quickedit-dev-") as scratch:
        bundles = Bundles(Path(scratch))
        sink = LogSink(_print_events)
        own_ports = frozenset([listening.getsockname()[1]])
        policy = Policy(parse_rules(allow), own_ports=own_ports)
        capabilities = Capabilities(policy, folder.root / DATA, layered=False)
        bindings = capabilities.bindings
        programs = Programs(
            children, bundles, _NoSource(), outside_requests(sink), capabilities.calls,
            wall_s=limits.wall_s, environments=environments,
        )  # fmt: skip
        await children.start()
        environments.check(children.tier, children.own_uids)
        try:
            bindings.start(programs, sink, None, confined=children.tier != "off")
            await _prepare(bindings.stores, folder.read(signature), sql, migrate=migrate)
            front = Front(_OneHost(), programs, sink, tier=children.tier)
            app = Reloading(Triggering(front, bindings.events, _KEY, lambda: next(iter(bindings.crons(_KEY)), "")))
            await _Dev(folder, programs, app).serve(listening, signature)
            sink.flush()
        finally:
            bindings.stop()
            programs.close()
            await environments.close()
            await children.close()
            await capabilities.close()
            bundles.close()


async def _prepare(stores: Stores, modules: dict[str, bytes], sql: Sequence[str], *, migrate: bool) -> None:
    """Migrations, or what is to be said about them, then scripts. Raises ValueError for what cannot be done."""
    try:
        config = read_config(modules)
    except ConfigError:
        if migrate or sql:
            raise
        return  # the worker's first run says it, and a corrected file is served without a new start
    worker = _KEY.partition(":")[2]
    for line in await migrations.at_start(stores, worker, config, modules, apply=migrate):
        _print(line)
    for wanted in sql:
        _print(await scripts.run(stores, worker, config, wanted))


class _OneHost:
    """In place of Hosts: this machine's own names, all of them the one worker."""

    def __init__(self) -> None:
        self._host = Host("p-dev", _KEY, True, "")

    def label(self, header: bytes | None) -> str:
        if header is None or not _LOCAL.fullmatch(header):
            raise BadHost(421, "This server answers as localhost only.")
        return self._host.host

    def known(self, label: str) -> Host | None:
        return self._host

    async def resolve(self, label: str) -> tuple[Host, Program] | None:
        return None


class _NoSource:
    """The directory is read here, never asked for."""

    async def resolve(self, label: str) -> tuple[Host, Program] | None:
        return None

    async def modules(self, program: Program) -> bytes | None:
        return None


class _Dev:
    """One directory, served. Made within the event loop's lifetime of ``serve``."""

    def __init__(self, folder: Folder, programs: Programs, app: Reloading) -> None:
        self._folder = folder
        self._programs = programs
        self._app = app
        self._told: dict[str, str] = {}
        # Grows across restarts too, so that a page from before a restart reloads.
        self._revision = int(time.time())

    async def serve(self, listening: socket.socket, signature: Signature) -> None:
        """Until a signal comes, or the directory grows too large (raises TooMuch)."""
        await self.run(signature)
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        listener = make_listener(self._app, graceful=2)
        serving = asyncio.create_task(listener.serve(sockets=[listening]))
        watching = asyncio.create_task(self.watch(signature))
        stopping = asyncio.create_task(stopped.wait())
        _print(f"Ready on http://localhost:{listening.getsockname()[1]}")
        await asyncio.wait({serving, watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self._app.close()
        listener.should_exit = True
        await serving
        stopping.cancel()
        if watching.done():
            watching.result()
        watching.cancel()

    async def watch(self, last: Signature) -> None:
        """Runs what changed, for ever."""
        while True:
            await asyncio.sleep(ASK_EVERY)
            signature = self._folder.signature()
            if signature != last:
                changed = [path for path in signature.keys() | last.keys() if signature.get(path) != last.get(path)]
                last = signature
                await self.run(signature, sorted(changed))

    async def run(self, signature: Signature, changed: list[str] | None = None) -> None:
        """Makes what the directory holds now the worker, and says how that went."""
        for path, reason in self._folder.skipped.items():
            if self._told.get(path) != reason:
                self._told[path] = reason
                _print(f"Left out {path}: {reason}")
        packed = pack_modules(self._folder.read(signature))
        self._revision += 1
        digest = hashlib.sha256(packed).hexdigest()
        program = Program(_KEY, self._folder.root.name, digest, self._revision, None, {})
        what = "" if changed is None else f"{_some(changed)}: "
        try:
            outcome = await self._programs.run(program, packed)
        except Refused as refused:
            _print(f"{what}{refused.message} {refused.hint}".rstrip())
        else:
            if isinstance(outcome, Unparsed):
                place = f"{outcome.path}:{outcome.line}:{outcome.column}"
                _print(f"{place}: {outcome.message}. The last good version still answers, where there is one.")
            elif isinstance(outcome, Ready):
                _print(f"{what}ready in {outcome.ms:.1f} ms")
        self._app.changed(self._programs.revision(_KEY))


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def _print_events(events: list[LogEvent], lost: int) -> None:
    for event in events:
        for record in event.records:
            place = f"{record.path}:{record.line}: " if record.path else ""
            level = f"{record.level}: " if record.level in ("warning", "error") else ""
            _print(f"  {level}{place}{record.text}".rstrip())
        if event.method and event.status:
            _print(f"{event.method} {event.path} {event.status} {event.ms:.1f} ms")
    if lost:
        _print(f"({lost} events lost)")


def _print(text: str) -> None:
    try:
        print(_CONTROLS.sub("�", text), flush=True)
    except BrokenPipeError:
        os.kill(os.getpid(), signal.SIGTERM)

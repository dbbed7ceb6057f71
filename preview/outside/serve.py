"""The runner process: ``python -m preview.outside.serve --socket S --port P --data DIR --domain localhost:8001``.

Composition only: children, programs, hosts, the front on the public port, the control API on its Unix socket, all in
one event loop. When everything is up it prints one line of JSON, ``{"ready": true, "port": N, "tier": "A"}``, on
standard output; where it cannot start it says why on standard error and ends with status 1.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import platform
import signal
import sys
from pathlib import Path

import uvloop

from preview.exchange import Health
from preview.outside.addresses import Policy, parse_rules
from preview.outside.bundles import Bundles
from preview.outside.capabilities import Capabilities
from preview.outside.children import SANDBOXES, Children, SandboxUnavailable
from preview.outside.control import Control, Web
from preview.outside.environments import INDEX, Environments
from preview.outside.front import Front
from preview.outside.hosts import Hosts
from preview.outside.limits import Limits
from preview.outside.listener import PortInUse, bind, make_listener
from preview.outside.logs import LogSink, outside_requests
from preview.outside.programs import Programs
from preview.outside.within import asking, invoking

BEAT = "beat"
"""The line that says that the runner is alive."""


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT. Returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="runner: %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        uvloop.run(_serve(options))
    except (SandboxUnavailable, PortInUse, OSError, ValueError) as error:
        print(f"The runner cannot start: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m preview.outside.serve", description="The runner of Quick Edit.")
    parser.add_argument("--socket", type=Path, required=True, help="the control socket; its directory is made private")
    parser.add_argument("--port", type=int, required=True, help="the public port; 0 for a free one")
    parser.add_argument("--bind", default="127.0.0.1", help="the address of the public port")
    parser.add_argument("--data", type=Path, required=True, help="where bundles are kept")
    parser.add_argument("--domain", required=True, help="hosts are <label>.<domain>; a port in it shows in URLs only")
    parser.add_argument("--scheme", choices=("http", "https"), default="http", help="that of the public address")
    parser.add_argument("--sandbox", choices=SANDBOXES, default="auto")
    parser.add_argument("--spares", type=int, default=3, help="sandboxed processes that wait for a program")
    parser.add_argument("--cpu", type=float, default=Limits.cpu_s, help="seconds of CPU since a worker was idle")
    parser.add_argument("--wall", type=float, default=Limits.wall_s, help="seconds a request")
    parser.add_argument("--memory", type=int, default=Limits.memory_mb, help="MB of a worker")
    lists = "host names (.example.com with all below it), networks or addresses, each with :port, by commas"
    parser.add_argument("--allow", default="", help=f"what workers may reach beside the public internet: {lists}")
    parser.add_argument("--deny", default="", help="what workers may not reach, in the same form; it wins")
    parser.add_argument("--own-port", type=int, action="append", default=[], help="a port of ours, closed to workers")
    parser.add_argument("--beat", action="store_true", help=f"print {BEAT!r} every second for as long as all is well")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    limits = Limits(cpu_s=options.cpu, wall_s=options.wall, memory_mb=options.memory)
    listening = bind(options.bind, options.port)
    environments = Environments(options.data / "packages", os.environ.get(INDEX, ""))
    children = Children(limits, spares=options.spares, sandbox=options.sandbox, environments=environments.ready_ones)
    bundles = Bundles(options.data / "bundles")
    web = Web()
    sink = LogSink(web.tell_logs)
    own_ports = frozenset([listening.getsockname()[1], *options.own_port])
    policy = Policy(parse_rules(options.allow), parse_rules(options.deny), own_ports)
    capabilities = Capabilities(policy, options.data / "data")
    bindings = capabilities.bindings
    programs = Programs(
        children, bundles, web, outside_requests(sink), capabilities.calls,
        wall_s=limits.wall_s, environments=environments,
    )  # fmt: skip
    hosts = Hosts(options.domain, web)
    await children.start()
    environments.check(children.tier, children.own_uids)
    try:
        front = Front(hosts, programs, sink, scheme=options.scheme, tier=children.tier)
        health = Health(children.tier, children.python, platform.release())
        control = Control(options.socket, web, hosts, programs, front, options.domain, lambda: health, bindings)
        bindings.services.ask, bindings.permissions.ask = asking(front, options.domain), web.may_call
        listener = make_listener(front, front=front, with_parent=options.with_parent)
        await programs.start()
        await control.start()
        bindings.start(programs, sink, web, confined=children.tier != "off")
        bindings.services.invoke = invoking(front, bindings.events)
        _stop_on_signals(lambda: setattr(listener, "should_exit", True))
        serving = asyncio.create_task(listener.serve(sockets=[listening]))
        while not listener.started and not serving.done():
            await asyncio.sleep(0.005)
        # What is there now stays. With the usual threshold of 700 objects, those of a burst of requests are looked through
        # again and again for nothing.
        gc.freeze()
        gc.set_threshold(10_000)
        if listener.started:
            _say(
                {
                    "ready": True,
                    "port": listening.getsockname()[1],
                    "tier": children.tier,
                    "python": children.python,
                    "sandbox": children.describe(),
                    "pid": os.getpid(),
                }
            )
        beating = asyncio.create_task(_beat()) if options.beat else None
        await serving
        if beating is not None:
            beating.cancel()
        sink.flush()
        await control.close()
    finally:
        bindings.stop()
        programs.close()
        await environments.close()
        await children.close()
        await capabilities.close()
        bundles.close()


async def _beat() -> None:
    """Whoever started this process hears that its loop turns, and replaces it where it does not (F4)."""
    while True:
        print(BEAT, flush=True)
        await asyncio.sleep(1)


def _stop_on_signals(stop: object) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)  # type: ignore[arg-type]


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())

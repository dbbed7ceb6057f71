"""``quickedit doctor``: what this machine is, what it lacks for Quick Edit, and the exact command that helps. Changes nothing.

The sandbox is not guessed at: a runner is started as ``up`` starts it, and says which tier it got or why there is none.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickedit.cli import configuration, ports
from quickedit.cli.failure import CommandFailed

LOWEST_NODE = (20, 19)
PROBE_SECONDS = 30.0
MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True)
class Finding:
    """``good`` is None for what merely is good to know. ``help`` is what to type or do."""

    good: bool | None
    text: str
    help: str = ""


def run(arguments: argparse.Namespace) -> int:
    """0 where nothing that is needed is missing."""
    settings = configuration.load_settings()
    missing = False
    for finding in _findings(settings):
        mark = {True: "ok", False: "MISSING", None: "note"}[finding.good]
        print(f"{mark:<8} {finding.text}", flush=True)
        for line in finding.help.splitlines():
            print(f"         {line}")
        missing = missing or finding.good is False
    print("\nSomething is missing." if missing else "\nNothing is missing.")
    return 1 if missing else 0


def _findings(settings: Any) -> Iterator[Finding]:
    checks: list[Callable[[Any], Iterator[Finding]]] = [
        _system, _sandbox, _data, _ports, _node, _browser, _names,
    ]  # fmt: skip
    for check in checks:
        yield from check(settings)


def _system(_: Any) -> Iterator[Finding]:
    linux, machine = platform.system() == "Linux", platform.machine()
    help_ = "" if linux else "Quick Edit runs on Linux: use a Linux virtual machine."
    if linux and _kernel() < (5, 13):
        linux, help_ = False, "The sandbox needs Landlock, which Linux has since 5.13. Update the kernel."
    yield Finding(linux, f"{platform.system()} {platform.release()}, {os.cpu_count()} cores", help_)
    help_ = "" if machine in MACHINES else f"The sandbox knows the system calls of {' and '.join(MACHINES)}."
    yield Finding(machine in MACHINES, machine, help_)
    yield Finding(sys.version_info >= (3, 11), f"Python {platform.python_version()}", "")


def _kernel() -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _sandbox(settings: Any) -> Iterator[Finding]:
    if settings.SANDBOX == "off":
        yield Finding(None, "QUICKEDIT_SANDBOX is off: workers run WITHOUT A SANDBOX", "Unset it to have one.")
        return
    said, reason = _probe(settings.SANDBOX)
    if said is None:
        yield Finding(False, "no sandbox: no worker can run", reason)
        return
    yield from sandbox_findings(said)


def sandbox_findings(said: dict[str, Any]) -> Iterator[Finding]:
    """What a runner that started says of its sandbox, layer by layer, with what would make it stronger."""
    more = said.get("sandbox", {})
    if said["tier"] == "A":
        yield Finding(True, "sandbox tier A: namespaces, Landlock, seccomp, resource limits")
    else:
        yield Finding(True, f"sandbox tier {said['tier']}: Landlock, seccomp, resource limits")
        weaker = more.get("weaker") or "QUICKEDIT_SANDBOX asks for it."
        yield Finding(
            None, "no namespaces: workers see that the host's files exist, and write none of their own", weaker
        )
    landlock = int(more.get("landlock", 0))
    newer = "" if landlock >= 6 else "; the seccomp filter denies what it lacks (Linux 6.12 has ABI 6)"
    yield Finding(True, f"Landlock ABI {landlock}{newer}")
    if os.geteuid() == 0:
        own = bool(more.get("own_uids"))
        yield Finding(
            own or None,
            "each worker has a user id of its own" if own else "workers share root's user id, without its capabilities",
            "" if own else f"For a user id each:  {_open_the_interpreter()}",
        )
    groups = more.get("cgroups", [])
    if groups:
        yield Finding(True, f"control groups limit {' and '.join(groups)}")
    else:
        yield Finding(
            None,
            f"no control groups ({more.get('no_cgroups', 'unknown')}); resource limits do without",
            "Under systemd:  systemd-run --user --scope -p Delegate=yes quickedit up",
        )


def _open_the_interpreter() -> str:
    """The command that lets other users read the standard library: itself, and the way to it."""
    library = Path(os.path.realpath(os.__file__)).parent
    shut = [str(folder) for folder in reversed(library.parents) if not folder.stat().st_mode & 0o001]
    way = f"chmod a+x {' '.join(shut)} && " if shut else ""
    return f"{way}chmod -R a+rX {library}"


def _probe(sandbox: str) -> tuple[dict[str, Any] | None, str]:
    """What a runner says once it is up, or None and why it is not: it is started and stopped again."""
    with tempfile.TemporaryDirectory(prefix="quickedit-doctor-") as scratch:
        command = [
            sys.executable, "-m", "preview.outside.serve", "--socket", f"{scratch}/s/runner.sock", "--port", "0",
            "--data", scratch, "--domain", "localhost", "--with-parent", "--sandbox", sandbox,
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        ) as runner:
            timer = _kill_after(runner, PROBE_SECONDS)
            assert runner.stdout is not None
            said: list[str] = []
            try:
                for line in runner.stdout:
                    if line.startswith("{"):
                        return dict(json.loads(line)), ""
                    said.append(line.rstrip())
                return None, "\n".join(said[-12:]) or "The runner ended without a word."
            finally:
                timer.cancel()
                runner.terminate()


def _kill_after(process: subprocess.Popen[str], seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    return timer


def _data(settings: Any) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.DATA_DIR).free // 2**20
    writable = os.access(settings.DATA_DIR, os.W_OK)
    yield Finding(
        writable and free > 200,
        f"data in {settings.DATA_DIR}, {free} MB free",
        ""
        if writable and free > 200
        else "Set QUICKEDIT_DATA_DIR to a directory that you can write, with 200 MB free.",
    )
    memory = os.access("/dev/shm", os.W_OK)
    yield Finding(True if memory else None, "/dev/shm for language features" if memory else "no /dev/shm: /tmp is used")


def _ports(settings: Any) -> Iterator[Finding]:
    for port, variable, what in (
        (settings.PORT, "QUICKEDIT_PORT", "the editor"),
        (settings.WORKERS_PORT, "QUICKEDIT_WORKERS_PORT", "previews and deployed workers"),
    ):
        try:
            ports.must_be_free(settings.BIND, port, variable, what)
            yield Finding(True, f"port {port} is free for {what}")
        except CommandFailed as taken:
            yield Finding(None, f"port {port} is in use; fine while Quick Edit runs", str(taken).splitlines()[-1])


def _node(settings: Any) -> Iterator[Finding]:
    found = shutil.which("node")
    said = subprocess.run([found, "--version"], capture_output=True, encoding="utf-8").stdout if found else ""
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version and (int(version[1]), int(version[2])) >= LOWEST_NODE:
        yield Finding(True, f"Node {said.strip()}, to build the editor")
    else:
        yield Finding(None, "no Node ≥ 20.19; `make run` fetches one into .venv when the editor must be built")


def _browser(_: Any) -> Iterator[Finding]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    if any(map(shutil.which, names)):
        yield Finding(True, "Chromium, for the tests")
    else:
        yield Finding(None, "no Chromium; only the tests need it", "apt-get install chromium")


def _names(settings: Any) -> Iterator[Finding]:
    """Chromium, Firefox and curl resolve ``*.localhost`` by themselves; Safari and other programs ask the system."""
    editor = urlsplit(settings.EDITOR_ORIGIN).hostname or ""
    if not editor.endswith(".localhost"):
        return
    try:
        socket.getaddrinfo(editor, None)
        yield Finding(True, f"{editor} resolves on this system")
    except OSError:
        yield Finding(
            None,
            f"{editor} does not resolve on this system: Chromium, Firefox and curl do not mind, Safari does",
            f"For Safari, add to /etc/hosts, with the name of each worker:\n127.0.0.1 {editor} <worker>.localhost",
        )

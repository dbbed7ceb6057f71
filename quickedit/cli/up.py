"""``quickedit up``: checks, migrates, starts the runner and the web process, prints one login URL, and keeps them running.

The runner starts first and gets ready while this process loads Django, brings the database up to date and imports the
application; then the web process is forked from it. The runner gets an environment of named variables only: no secret.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from quickedit import __version__
from quickedit.accounts.redact import redact
from quickedit.cli import configuration, ports, web
from quickedit.cli.failure import CommandFailed
from quickedit.cli.parts import Part
from quickedit.cli.supervise import Supervisor, single_threaded

# The last processes of a Quick Edit that was killed take a moment to be gone, and keep its lock and its ports until then.
_PATIENCE = 3.0  # seconds

_FOR_THE_RUNNER = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE")


def run(arguments: argparse.Namespace) -> int:
    """Runs until SIGINT, SIGTERM or SIGHUP; 0 then. Raises CommandFailed where it cannot start."""
    began = time.monotonic()
    settings = configuration.load_settings()
    say = _Printer(sys.stdout)
    say(f"Quick Edit {__version__}, data in {_short(settings.DATA_DIR)}")
    with _only_one(settings.DATA_DIR, say):
        _check(settings, say)
        parts = [
            Part("runner", lambda: _exec_runner(settings), beats=True),
            Part("web", lambda: web.serve(settings.BIND, settings.PORT)),
        ]
        with Supervisor(parts, say, say.log) as supervisor:
            supervisor.start("runner")
            url = _prepare(say)
            supervisor.start("web")
            supervisor.wait_ready(lambda part: say(_ready_line(part, began)))
            if supervisor.stopping is None:
                _announce(say, url, settings.LOGIN_LINK_MINUTES)
                web.prepare_restart()
                supervisor.run()
            say("Stopping …")
    say("Stopped. Your work is in the data directory.")
    return 0


def _prepare(say: Callable[[str], None]) -> str:
    """Everything between the start of the runner and the fork of the web process. Returns the login URL."""
    configuration.load_django()
    # Models can be imported only once Django is set up, which is why these are not at the top.
    from django.core.exceptions import ImproperlyConfigured

    from quickedit.cli import database, login_link

    if database.behind():
        say("Bringing the database up to date …")
        database.migrate()
    try:
        web.prepare()
    except ImproperlyConfigured as error:
        raise CommandFailed(f"A setting is not right: {error}", 2) from error
    url = login_link.make()
    if not single_threaded():
        raise AssertionError("something imported at start runs a thread, which a forked process would not have")
    return url


def _check(settings: Any, say: Callable[[str], None]) -> None:
    if not (settings.FRONTEND_DIST / ".vite" / "manifest.json").is_file():
        raise CommandFailed(
            f"The editor is not built ({settings.FRONTEND_DIST}). `make run` builds it and starts everything."
        )
    for port, variable, what in (
        (settings.PORT, "QUICKEDIT_PORT", "the editor"),
        (settings.WORKERS_PORT, "QUICKEDIT_WORKERS_PORT", "previews and deployed workers"),
    ):
        free = partial(ports.must_be_free, settings.BIND, port, variable, what)
        _patiently(say, f"Port {port} is in use. Waiting a moment for it to be free …", free)


def _patiently(say: Callable[[str], None], waiting: str, attempt: Callable[[], None]) -> None:
    """Tries again what raises CommandFailed until it does not, or _PATIENCE is over. Says ``waiting`` where it waits."""
    deadline = 0.0
    while True:
        try:
            return attempt()
        except CommandFailed:
            if not deadline:
                say(waiting)
                deadline = time.monotonic() + _PATIENCE
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


@contextlib.contextmanager
def _only_one(data_dir: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Two Quick Edits on one data directory would hand each other's runner away: the second is refused."""
    with (data_dir / "up.lock").open("a+") as lock:
        _patiently(say, "Another Quick Edit is there. Waiting a moment for its end …", partial(_take, lock, data_dir))
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _take(lock: IO[str], data_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise CommandFailed(
            f"Quick Edit is running already on {data_dir} (process {lock.read().strip() or 'unknown'}). "
            "For another login URL:  .venv/bin/quickedit login-link"
        ) from None


def _exec_runner(settings: Any) -> None:
    """In the child: becomes the runner."""
    environment = {name: os.environ[name] for name in _FOR_THE_RUNNER if name in os.environ}
    environment["QUICKEDIT_PACKAGE_INDEX"] = settings.PACKAGE_INDEX
    command = [
        sys.executable, "-m", "preview.outside.serve",
        "--socket", str(settings.RUNNER_SOCKET), "--bind", settings.BIND, "--port", str(settings.WORKERS_PORT),
        "--data", str(settings.DATA_DIR), "--domain", settings.WORKERS_DOMAIN, "--scheme", settings.WORKERS_SCHEME,
        "--sandbox", settings.SANDBOX, "--beat", "--own-port", str(settings.PORT),
        "--allow", settings.OUTBOUND_ALLOW, "--deny", settings.OUTBOUND_DENY,
    ]  # fmt: skip
    os.execve(sys.executable, command, environment)


def _ready_line(part: Part, began: float) -> str:
    detail = ""
    if part.ready and "tier" in part.ready:
        tier = part.ready["tier"]
        sandbox = "WITHOUT A SANDBOX: QUICKEDIT_SANDBOX is off" if tier == "off" else f"sandbox tier {tier}"
        detail = f": {sandbox}, Python {part.ready.get('python', '')}"
    return f"  {part.name:<7} ready after {time.monotonic() - began:.1f} s{detail}"


def _announce(say: _Printer, url: str, minutes: int) -> None:
    say(f"\nOpen this to sign in (it works once, within {minutes} minutes; Ctrl-C here stops everything):\n")
    say.secret(f"  {url}\n")


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


class _Printer:
    """Prints whole lines at once. The login URL is the one line whose token is not redacted."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __call__(self, line: str) -> None:
        self.secret(redact(line))

    def log(self, name: str, line: str) -> None:
        self(f"{name} | {line}")

    def secret(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(line, file=self._stream, flush=True)

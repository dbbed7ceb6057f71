"""A PostgreSQL and a Redis of a test run's own: on the loopback, in a temporary directory, stopped at its end.

``scripts/setup.py test`` has seen to it that both are installed. As root they run as another user, as PostgreSQL insists.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.support import free_port, memory_directory, wait_until

_databases = itertools.count(1)


def _find(program: str) -> str:
    """The newest one, also where Debian keeps PostgreSQL's."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[4]))
    found = shutil.which(program) or (str(places[-1]) if places else None)
    assert found, f"no {program}: run `make test`, which installs it or says how"
    return found


def _user() -> dict[str, Any]:
    """As whom the servers run, as arguments of Popen."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise AssertionError("neither a user “postgres” nor “nobody” is here to run PostgreSQL as")


class Service:
    """A server program that can be stopped and started again with its data."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="quickedit-service-", dir=memory_directory()))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if user := _user():
            os.chown(self.directory, user["user"], user["group"])

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        log = (self.directory / "log").open("ab")
        self._process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, **_user()
        )
        wait_until(lambda: self._process and (self._process.poll() is not None or self.is_ready()), "a service", 60)
        assert self._process.poll() is None, (self.directory / "log").read_text()[-2000:]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT ends it in order, SIGKILL and (PostgreSQL) SIGQUIT as a crash does."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        self.stop(signal.SIGINT)
        shutil.rmtree(self.directory, ignore_errors=True)


class Postgres(Service):
    """Without fsync: what these tests do to it is kill it, not cut the power, and the machine is busy enough."""

    def __init__(self) -> None:
        super().__init__()
        subprocess.run(
            [_find("initdb"), "-D", str(self.directory / "data"), "-U", "quickedit", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=self.directory, **_user(),
        )  # fmt: skip
        self.start()

    def command(self) -> list[str]:
        settings = (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=100",
        )
        return [
            _find("postgres"),
            "-D",
            str(self.directory / "data"),
            *(word for each in settings for word in ("-c", each)),
        ]

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        return f"postgresql://quickedit@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(_databases)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


class Redis(Service):
    """Keeps nothing, as nothing of ours needs it to."""

    def __init__(self) -> None:
        super().__init__()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        port = str(self.port)
        return [_find("redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def is_ready(self) -> bool:
        import redis

        try:
            return bool(redis.Redis.from_url(self.url).ping())
        except redis.ConnectionError:
            return False

"""The whole product for a benchmark: ``quickedit up`` on free ports and an empty data directory, and a signed-in person.

Benchmarks of the bridge and of the browser use it. Nothing is measured here but the start.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import websockets

from tests.support import Program, free_port, page_data

QUICKEDIT = Path(sys.executable).with_name("quickedit")


@dataclass
class Product:
    """A running installation. ``start_ms`` is from the command to the printed login URL."""

    port: int
    workers_port: int
    environment: dict[str, str]
    program: Program
    login_url: str
    start_ms: float

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def login_link(self) -> str:
        """Another login URL."""
        made = Program([QUICKEDIT, "login-link"], env=self.environment)
        try:
            return made.wait_for("/login?token=").split()[-1]
        finally:
            made.stop()


@contextmanager
def product(data: Path | None = None) -> Iterator[Product]:
    """Starts it and stops it. Raises AssertionError with what was printed where it does not start."""
    with tempfile.TemporaryDirectory(prefix="quickedit-bench-") as directory:
        port, workers_port = free_port(), free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QUICKEDIT_")} | {
            "QUICKEDIT_PORT": str(port),
            "QUICKEDIT_WORKERS_PORT": str(workers_port),
            "QUICKEDIT_DATA_DIR": str(data or Path(directory) / "data"),
        }
        began = time.perf_counter()
        program = Program([QUICKEDIT, "up"], env=environment)
        try:
            url = program.wait_for("/login?token=").split()[-1]
            start_ms = (time.perf_counter() - began) * 1000
            yield Product(port, workers_port, environment, program, url, start_ms)
        finally:
            program.stop()


class Person:
    """Signed in over HTTP, as the browser is: the API and the bridge."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{product.port}",
            headers={"host": product.host, "origin": f"http://{product.host}"},
            timeout=20,
        )
        link = urlsplit(product.login_url)
        self.http.get(f"{link.path}?{link.query}")
        self.csrf: str = page_data(self.http.get("/").text)["csrfToken"]

    def make_worker(self, name: str, template: str = "hello") -> None:
        answer = self.http.post(
            "/api/v1/workers", json={"name": name, "template": template}, headers={"x-csrftoken": self.csrf}
        )
        answer.raise_for_status()

    def make_workers(self, prefix: str, count: int) -> list[str]:
        """Their names: the prefix and a number."""
        names = [f"{prefix}{number}" for number in range(count)]
        for name in names:
            self.make_worker(name)
        return names

    def snapshot(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/api/v1/workers/{name}/snapshot").json()
        return found

    def bridge(self, name: str) -> websockets.connect:
        """The editor's socket, not yet open."""
        cookie = "; ".join(f"{each.name}={each.value}" for each in self.http.cookies.jar)
        return websockets.connect(
            f"ws://{self.product.host}/ws/workers/{name}",
            host="127.0.0.1",
            port=self.product.port,
            origin=f"http://{self.product.host}",  # type: ignore[arg-type]
            additional_headers={"cookie": cookie},
            max_size=None,
        )

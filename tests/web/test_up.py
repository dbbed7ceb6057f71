"""``quickedit up`` where its port is held, for good or by the last processes of a Quick Edit that was killed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import quickedit
from tests.support import program

WAITING = "is in use. Waiting a moment for it to be free"


@contextmanager
def held(port: str) -> Iterator[socket.socket]:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", int(port)))
        holder.listen()
        yield holder


@pytest.mark.parametrize("variable", ["QUICKEDIT_PORT", "QUICKEDIT_WORKERS_PORT"])
def test_a_port_that_stays_in_use_is_named_with_what_holds_it_and_the_variable_that_chooses_another(
    product_environment: dict[str, str], variable: str
) -> None:
    port = product_environment[variable]
    with held(port), program(quickedit(), "up", env=product_environment) as started:
        started.wait_for(f"Port {port} {WAITING}")
        started.wait_for(f"Port {port} is in use by")
        started.wait_for(f"{variable}={int(port) + 10} make run")
        assert started.process.wait(20) == 1
        assert "/login?token=" not in started.output


def test_a_port_that_is_free_a_moment_later_is_waited_for(product_environment: dict[str, str]) -> None:
    port = product_environment["QUICKEDIT_PORT"]
    with held(port) as holder, program(quickedit(), "up", env=product_environment) as started:
        started.wait_for(f"Port {port} {WAITING}")
        holder.close()
        started.wait_for("/login?token=")


def test_a_second_quick_edit_on_the_same_data_is_refused_and_the_first_goes_on(
    product_environment: dict[str, str],
) -> None:
    with program(quickedit(), "up", env=product_environment) as first:
        first.wait_for("/login?token=")
        with program(quickedit(), "up", env=product_environment) as second:
            second.wait_for("Waiting a moment for its end")
            second.wait_for(f"Quick Edit is running already on {product_environment['QUICKEDIT_DATA_DIR']}")
            assert second.process.wait(20) == 1
        assert first.process.poll() is None

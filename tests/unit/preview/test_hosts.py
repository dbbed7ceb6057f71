"""Which Host headers are ours, and how names are learnt and forgotten."""

from __future__ import annotations

import asyncio

import pytest

from preview.exchange import Host, PeerAway, Program
from preview.outside.hosts import BadHost, Hosts

PROGRAM = Program("live:1", "shop", "0" * 64, 3, 1, {})
SHOP = Host("shop", "live:1", False, "")


class Directory:
    """A source that knows one name and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.known = {"shop": (SHOP, PROGRAM)}
        self.away = False

    async def resolve(self, label: str) -> tuple[Host, Program] | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise PeerAway("away")
        return self.known.get(label)

    async def modules(self, program: Program) -> bytes | None:
        return None


@pytest.mark.parametrize("header", [b"shop.localhost", b"shop.localhost:8001", b"SHOP.localhost:1", b"shop.LOCALHOST"])
def test_a_name_directly_under_the_domain_is_its_first_label(header: bytes) -> None:
    assert Hosts("localhost:8001", Directory()).label(header) == "shop"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 400), (b"shop.localhost:port", 400), (b"shop.localhost:80:80", 400), (b"localhost:8001", 404), (b"", 421),
        (b"127.0.0.1:8001", 421), (b"[::1]:8001", 400), (b"evil.com", 421), (b"shop.localhost.evil.com", 421),
        (b"a.shop.localhost", 421), (b"xlocalhost", 421), (b".localhost", 421), (b"-a.localhost", 421), (b"a-.localhost", 421),
        (b"shop.localhost.", 421), (b"sh op.localhost", 421), (b"sh\xf6p.localhost", 421), (b"a" * 64 + b".localhost", 421),
    ],
)  # fmt: skip
def test_O10_a_foreign_or_malformed_host_header_is_refused(header: bytes | None, status: int) -> None:
    with pytest.raises(BadHost) as caught:
        Hosts("localhost:8001", Directory()).label(header)
    assert caught.value.status == status


async def test_a_name_is_asked_about_once_by_however_many() -> None:
    source = Directory()
    hosts = Hosts("localhost", source)
    found = await asyncio.gather(*(hosts.resolve("shop") for _ in range(50)))
    assert source.asked == 1 and all(each == (SHOP, PROGRAM) for each in found)
    assert hosts.known("shop") == SHOP


async def test_an_unknown_name_is_not_asked_about_again_at_once() -> None:
    source = Directory()
    hosts = Hosts("localhost", source)
    assert [await hosts.resolve("nobody") for _ in range(20)] == [None] * 20
    assert source.asked == 1


async def test_a_name_that_is_put_after_it_was_unknown_answers_at_once() -> None:
    hosts = Hosts("localhost", Directory())
    assert await hosts.resolve("new") is None
    hosts.put(Host("new", "live:2", False, ""))
    assert hosts.known("new") is not None


async def test_O3_a_name_dropped_while_web_answers_is_asked_about_again() -> None:
    source = Directory()
    hosts = Hosts("localhost", source)
    asking = asyncio.create_task(hosts.resolve("shop"))
    while not source.asked:
        await asyncio.sleep(0)
    source.known.clear()
    hosts.drop("shop")
    await asking
    assert source.asked == 2


async def test_dropping_a_program_drops_its_names_and_no_others() -> None:
    hosts = Hosts("localhost", Directory())
    for host in (SHOP, Host("p-1", "draft:1", True, ""), Host("p-2", "draft:1", False, "")):
        hosts.put(host)
    hosts.drop_program("draft:1")
    assert hosts.known("p-1") is hosts.known("p-2") is None and hosts.known("shop") == SHOP


async def test_web_being_away_is_said_and_not_remembered() -> None:
    source = Directory()
    source.away = True
    hosts = Hosts("localhost", source)
    with pytest.raises(PeerAway):
        await hosts.resolve("shop")
    source.away = False
    assert await hosts.resolve("shop") == (SHOP, PROGRAM)

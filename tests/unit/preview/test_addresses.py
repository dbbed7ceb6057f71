"""S17: what a worker's requests may reach, address by address."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from preview.outside.addresses import Blocked, Policy, Rule, is_public, parse_rules

CLOSED = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "100::1", "3fff::1",
]  # fmt: skip
OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "100.128.0.1",
    "193.0.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
]


@pytest.mark.parametrize("text", CLOSED)
def test_S17_an_address_that_is_not_the_public_internet_is_closed(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", OPEN)
def test_a_public_address_is_open(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0", "[::1]".strip("[]"),
        "::ffff:127.0.0.1", "169.254.169.254", "localhost.", "LOCALHOST",
    ],
)  # fmt: skip
def test_S17_every_spelling_of_this_machine_is_refused_after_it_was_resolved(host: str) -> None:
    with pytest.raises((Blocked, OSError)):
        asyncio.run(Policy().resolve(host, 80))


def test_an_allowed_address_is_reached_and_our_own_ports_are_not() -> None:
    policy = Policy(allow=parse_rules("127.0.0.1"), own_ports=frozenset([8001]))
    assert asyncio.run(policy.resolve("127.0.0.1", 9000)) == "127.0.0.1"
    with pytest.raises(Blocked, match="Quick Edit itself"):
        asyncio.run(policy.resolve("127.0.0.1", 8001))


def test_the_list_of_what_is_denied_wins() -> None:
    policy = Policy(allow=parse_rules("127.0.0.0/8"), deny=parse_rules("127.0.0.2 .example.com"))
    for host in ("127.0.0.2", "example.com", "a.b.example.com"):
        with pytest.raises(Blocked, match="list of hosts"):
            asyncio.run(policy.resolve(host, 443))


def test_a_name_with_one_closed_address_among_its_open_ones_is_refused() -> None:
    policy = Policy()
    policy.check("name", ipaddress.ip_address("1.1.1.1"), 443)
    with pytest.raises(Blocked):
        policy.check("name", ipaddress.ip_address("10.0.0.1"), 443)


def test_the_port_of_mail_servers_is_closed() -> None:
    with pytest.raises(Blocked, match="25"):
        asyncio.run(Policy(allow=parse_rules("127.0.0.1")).resolve("127.0.0.1", 25))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("example.com", Rule(name="example.com")),
        ("Example.com:8080", Rule(name="example.com", port=8080)),
        ("10.0.0.0/8", Rule(network=ipaddress.ip_network("10.0.0.0/8"))),
        ("127.0.0.1:80", Rule(network=ipaddress.ip_network("127.0.0.1"), port=80)),
        ("::1", Rule(network=ipaddress.ip_network("::1"))),
        ("[::1]:80", Rule(network=ipaddress.ip_network("::1"), port=80)),
        ("fd00::/8", Rule(network=ipaddress.ip_network("fd00::/8"))),
    ],
)
def test_a_rule_is_a_name_or_a_network_with_or_without_a_port(text: str, rule: Rule) -> None:
    assert Rule.parse(text) == rule


@pytest.mark.parametrize("text", ["10.0.0.1/8", "a/b", "example.com:0", "example.com:port", "http://example.com"])
def test_a_list_with_a_wrong_entry_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rules(text)

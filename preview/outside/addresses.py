"""Which addresses a worker's outbound requests may reach (S17): everything that is the public internet, and no more.

`outbound` asks here for the address that it then connects to, so that no second look-up of a name can give another one.
Lists of the operator's open what is closed by default, or close what is open.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOK_UP = 5.0
"""Seconds for a name to resolve."""
_CLOSED_PORTS = frozenset([25])
"""SMTP, which no HTTP server speaks and which relays of spam are made of."""

_CLOSED_4 = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
"""IANA's special-purpose registry for IPv4: private, shared, loopback, link-local with the clouds' metadata, tests,
relays of 6to4, multicast and what is reserved."""
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is handed out. Outside it lie loopback, private, link-local, mapped (::ffff:0:0/96), NAT64
(64:ff9b::/96) and multicast addresses."""
_CLOSED_6 = [
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
"""Within 2000::/3: Teredo and other tunnels, documentation, 6to4, each of which may hold an IPv4 address."""


class Blocked(Exception):
    """A host or port that a worker may not reach. The message says which rule forbids it."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet in plain form, not one wrapped in another."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    return address in _GLOBAL_6 and not any(address in network for network in _CLOSED_6) and not address.scope_id


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a list: a host name (with all names below it where it begins with a dot), or a network; and a port,
    0 for any."""

    name: str = ""
    network: Network | None = None
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Rule:
        """`example.com`, `.example.com`, `10.1.0.0/16`, `[::1]`, each with `:port`. Raises ValueError."""
        text = text.strip().lower()
        host, colon, port = text.rpartition(":")
        if not colon or "]" in port or (":" in host and not host.startswith("[")):
            host, port = text, ""
        if port and not (port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"{text!r} names no port")
        number = int(port or 0)
        bare = host.removeprefix("[").removesuffix("]")
        try:
            return cls(network=ipaddress.ip_network(bare), port=number)
        except ValueError:
            if not bare or "/" in bare or ":" in bare or any(letter.isspace() for letter in bare):
                raise ValueError(f"{text!r} is neither a host name nor a network") from None
            return cls(name=bare, port=number)

    def fits(self, host: str, address: Address | None, port: int) -> bool:
        """Whether a host, or the address that it resolved to, is meant."""
        if self.port and self.port != port:
            return False
        if self.network is not None:
            return address is not None and address.version == self.network.version and address in self.network
        return host == self.name or (self.name.startswith(".") and (host.endswith(self.name) or host == self.name[1:]))


def parse_rules(text: str) -> tuple[Rule, ...]:
    """A list by commas or spaces. Raises ValueError with the entry that is wrong."""
    return tuple(Rule.parse(entry) for entry in text.replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class Policy:
    """``deny`` wins over ``allow``, and ``own_ports`` of this machine are closed whatever the lists say."""

    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()
    own_ports: frozenset[int] = frozenset()

    async def resolve(self, host: str, port: int) -> str:
        """The address to connect to, checked. Raises Blocked, or OSError where the name has none."""
        host = host.lower().rstrip(".")
        if port in _CLOSED_PORTS:
            raise Blocked(f"Port {port} is closed to workers.")
        if any(rule.fits(host, None, port) for rule in self.deny):
            raise Blocked(f"{host} is on the list of hosts that workers may not reach.")
        addresses = await look_up(host, port)
        for address in addresses:
            self.check(host, address, port)
        return str(addresses[0])

    def check(self, host: str, address: Address, port: int) -> None:
        """Raises Blocked. All addresses of a name must pass: a name with a private one beside a public one is a trick."""
        if port in self.own_ports and (address.is_loopback or is_of_this_machine(address)):
            raise Blocked("A worker cannot reach Quick Edit itself.")
        if any(rule.fits(host, address, port) for rule in self.deny):
            raise Blocked(f"{host} is on the list of hosts that workers may not reach.")
        if any(rule.fits(host, address, port) for rule in self.allow):
            return
        if not is_public(address) or is_of_this_machine(address):
            raise Blocked(f"{host} is not on the public internet, and workers reach nothing else.")


async def look_up(host: str, port: int) -> list[Address]:
    """The addresses of a host, an address standing for itself. Raises OSError, also where it takes too long."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LOOK_UP):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses: Iterable[Address] = dict.fromkeys(ipaddress.ip_address(each[4][0]) for each in found)
    return list(addresses)


def is_of_this_machine(address: Address) -> bool:
    """Whether one of this machine's interfaces has that address: only then can a socket be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True

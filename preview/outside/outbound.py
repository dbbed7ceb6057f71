"""`fetch()` of workers: HTTP requests to other servers, made here by the supervisor, under one policy and its limits.

A capability of `calls`; `requests`, `httpx` and `urllib` inside a worker come the same way. Every connection goes to
an address that `addresses` has checked, redirects included; nothing of this process's own environment, such as its proxy
variables, takes part; no cookie or cache is shared, as there is none.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
import zlib
from collections.abc import Iterable
from typing import Annotated, Any, Literal
from urllib.parse import urljoin, urlsplit

import certifi
import httpcore
import msgspec

from preview.outside.addresses import Blocked, Policy
from preview.outside.calls import CallError, Context

MAX_FETCHES = 50
"""Requests to other servers that one request may make, redirects counted: Cloudflare's limit of its free plan."""
AT_ONCE = 6
"""Of them at once, for one worker: Cloudflare's number of open connections. Further ones wait."""
MAX_BODY = 10 * 1024 * 1024 - 64 * 1024
"""Bytes of a request's or a response's body, decoded: what fits into one frame with its head."""
MAX_HELD = 256 * 1024 * 1024
"""Bytes of all responses that this process holds at once; above it further ones are refused until some are handed on."""
MAX_HEAD = 64 * 1024
MAX_HEADERS = 128
MAX_URL = 16 * 1024
MAX_REDIRECTS = 20
CONNECT_WAIT, READ_WAIT, LONGEST = 10.0, 20.0, 30.0
"""Seconds: to connect, between two pieces of a response, for all of it."""

_DROPPED = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "host", "content-length", "expect",
})  # fmt: skip
_ACROSS_ORIGINS = frozenset(["authorization", "cookie"])
_OF_A_BODY = frozenset(["content-type", "content-encoding", "content-language", "content-location"])


class _Fetch(msgspec.Struct, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(max_length=MAX_URL)]
    method: Annotated[str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$")] = "GET"
    headers: Annotated[list[tuple[str, str]], msgspec.Meta(max_length=MAX_HEADERS)] = []
    redirect: Literal["follow", "manual", "error"] = "follow"
    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Outbound:
    """One runner's way out. ``authorities`` is a file of certificate authorities, certifi's where it is "". Close it in
    the loop that used it."""

    def __init__(self, policy: Policy, authorities: str = "") -> None:
        self._policy = policy
        self._authorities = authorities
        self._held = 0

    @functools.cached_property
    def _pool(self) -> httpcore.AsyncConnectionPool:  # at the first fetch: reading certificates takes 20 ms
        return httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(cafile=self._authorities or certifi.where()),
            max_connections=256,
            max_keepalive_connections=32,
            keepalive_expiry=15.0,
            network_backend=_CheckedBackend(self._policy),
        )

    async def close(self) -> None:
        if "_pool" in vars(self):
            await self._pool.aclose()

    async def call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
        """`fetch` with the fields of _Fetch and a request's body; the answer is {"status", "headers", "url",
        "redirected"} and a response's body."""
        if method != "fetch":
            raise CallError("bad-argument", f"There is no {method} here.")
        fetch = msgspec.convert(args, _Fetch)
        if len(body) > MAX_BODY:
            raise CallError("too-large", f"A request's body can be {MAX_BODY:,} bytes; this one has {len(body):,}.")
        wait = min(fetch.timeout or LONGEST, LONGEST)
        async with context.gate("fetch", AT_ONCE):
            began = time.perf_counter()
            outcome = "cancelled"
            try:
                async with asyncio.timeout(wait):
                    answer, data = await self._follow(context, fetch, body)
                outcome = f"{answer['status']}, {len(data):,} bytes"
                return answer, data
            except TimeoutError:
                outcome = f"no answer within {wait:g} s"
                raise CallError("timeout", f"{_shown(fetch.url)} gave {outcome}.") from None
            except CallError as error:
                outcome = error.message
                raise
            finally:
                ms = (time.perf_counter() - began) * 1000
                context.say(f"fetch {fetch.method} {_shown(fetch.url)} → {outcome} in {ms:.0f} ms", "debug")

    async def _follow(self, context: Context, fetch: _Fetch, body: bytes) -> tuple[dict[str, Any], bytes]:
        url, method, headers = fetch.url, fetch.method.upper(), _sent(fetch.headers)
        for hop in range(MAX_REDIRECTS + 1):
            context.spend("fetch", MAX_FETCHES)
            status, received, data = await self._once(url, method, headers, body)
            target = next((value for name, value in received if name.lower() == "location"), None)
            if status not in (301, 302, 303, 307, 308) or target is None or fetch.redirect == "manual":
                return {"status": status, "headers": received, "url": url, "redirected": hop > 0}, data
            if fetch.redirect == "error":
                raise CallError("redirect", f"{_shown(url)} answered with a redirect, which this fetch forbids.")
            following = _joined(url, target)
            if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
                method, body = "GET", b""
                headers = [(name, value) for name, value in headers if name.lower() not in _OF_A_BODY]
            if urlsplit(following)[:2] != urlsplit(url)[:2]:
                headers = [(name, value) for name, value in headers if name.lower() not in _ACROSS_ORIGINS]
            url = following
        raise CallError("redirect", f"{_shown(fetch.url)} redirects more than {MAX_REDIRECTS} times.")

    async def _once(
        self, url: str, method: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        target = _target(url)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        given = {name.lower() for name, _ in headers}
        raw.append((b"host", target.host + (b"" if target.port is None else b":%d" % target.port)))
        if "accept-encoding" not in given:
            raw.append((b"accept-encoding", b"gzip, deflate"))
        if not body and method in ("POST", "PUT", "PATCH"):
            raw.append((b"content-length", b"0"))  # that of a body is httpcore's to say
        wait = {"connect": CONNECT_WAIT, "read": READ_WAIT, "write": READ_WAIT, "pool": LONGEST}
        try:
            async with self._pool.stream(
                method.encode(), target, headers=raw, content=body or None, extensions={"timeout": wait}
            ) as response:
                received = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
                if len(received) > MAX_HEADERS or sum(len(name) + len(value) for name, value in received) > MAX_HEAD:
                    raise CallError(
                        "too-large", f"{_shown(url)} sent more than {MAX_HEADERS} headers or 64 KiB of them."
                    )
                data = b"" if method == "HEAD" else await self._read(response, received, url)
                if data and _encoding(received):
                    dropped = ("content-encoding", "content-length")
                    received = [pair for pair in received if pair[0].lower() not in dropped]
                return response.status, received, data
        except Blocked as blocked:
            raise CallError("blocked", str(blocked)) from None
        except httpcore.TimeoutException:
            raise CallError("timeout", f"{_shown(url)} did not answer in time.") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
            reason = str(error) or type(error).__name__
            raise CallError("network", f"{_shown(url)} could not be reached: {reason[:300]}") from None

    async def _read(self, response: httpcore.Response, headers: list[tuple[str, str]], url: str) -> bytes:
        """The body, decoded and bounded: a small gzip file of a gigabyte of zeros ends at the limit."""
        decode = _decoder(_encoding(headers))
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in response.aiter_stream():
                while piece:
                    decoded, piece = decode(piece, MAX_BODY + 1 - size)
                    size += len(decoded)
                    self._held += len(decoded)
                    pieces.append(decoded)
                    if size > MAX_BODY:
                        raise CallError("too-large", f"{_shown(url)} sent more than {MAX_BODY:,} bytes.")
                    if self._held > MAX_HELD:
                        raise CallError("busy", "Too many large responses at once. Try again in a moment.")
                    if not decoded:
                        break
        finally:
            self._held -= size
        return b"".join(pieces)


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the address that the policy has checked, never to a name."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        address = await self._policy.resolve(host, port)
        return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise Blocked("Workers reach no sockets of this machine.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target.encode("latin-1").decode("utf-8", "replace"))
    except ValueError:
        raise CallError("redirect", f"{_shown(url)} redirects to what is no address.") from None


def _target(url: str) -> httpcore.URL:
    """The parts of an absolute http or https URL. Raises CallError."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = _quoted(path)
    except ValueError:
        raise CallError("bad-argument", f"{_shown(url)} is no address that can be fetched.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise CallError("bad-argument", f"{_shown(url)} is not an absolute http or https address.")
    if parts.username is not None or parts.password is not None:
        raise CallError("bad-argument", "An address to fetch must not hold a user name or password.")
    return httpcore.URL(scheme=parts.scheme.encode(), host=host, port=port, target=target)


def _quoted(target: str) -> bytes:
    """A path with its query as HTTP can carry it: what is not printable ASCII is percent-encoded, the rest is left."""
    return b"".join(
        bytes([byte]) if 0x21 <= byte <= 0x7E else b"%%%02X" % byte for byte in target.encode("utf-8", "replace")
    )


def _sent(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = []
    for name, value in headers:
        try:
            name.encode("ascii")
            value.encode("latin-1")
        except UnicodeEncodeError:
            raise CallError("bad-argument", f"The header {name[:80]!r} holds what headers cannot carry.") from None
        if name.lower() not in _DROPPED:
            kept.append((name, value))
    if sum(len(name) + len(value) for name, value in kept) > MAX_HEAD:
        raise CallError("too-large", "A request's headers can be 64 KiB together.")
    return kept


def _encoding(headers: list[tuple[str, str]]) -> str:
    return next((value.strip().lower() for name, value in headers if name.lower() == "content-encoding"), "")


def _decoder(encoding: str) -> Any:
    """(data, most) → (decoded, what is left of data). Unknown encodings pass through, for the worker to decode."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return lambda data, most: (data, b"")
    inflate = zlib.decompressobj(wbits=47 if encoding != "deflate" else 15)

    def decode(data: bytes, most: int) -> tuple[bytes, bytes]:
        try:
            return inflate.decompress(data, most), inflate.unconsumed_tail
        except zlib.error as error:
            raise CallError("network", f"The response's {encoding} data is damaged: {error}") from None

    return decode


def _shown(url: str) -> str:
    """An address for messages and logs, without its query: that is where people put keys."""
    head, mark, _ = url.partition("?")
    shown = head[:300].encode("ascii", "backslashreplace").decode()
    if "@" in shown.partition("/")[2]:
        shown = f"{shown.partition('//')[0]}//…@{shown.rpartition('@')[2]}"
    return shown + ("?…" if mark else "")

"""What the front lets through: limits of a request, and which headers pass in and out, and how they change on the way.

Pure functions over header lists; ``front`` calls them for every request. They guard tenants against each other and the
editor against all of them, so they never trust what a worker or a visitor wrote.
"""

from __future__ import annotations

import functools
import re

Headers = list[tuple[bytes, bytes]]

MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request's body; above it the answer is 413."""
MAX_HEAD = 32 * 1024
"""Bytes of a request's target and headers; above it the answer is 431. Half of what a frame to a child holds, since
JSON escapes grow it."""
MAX_BUFFERED = 256 * 1024 * 1024
"""Bytes of large answers held at once by the whole runner; above it the answer is 503."""
BODY_WAIT = 60.0
"""Seconds for a request's body to arrive; above it the answer is 408."""
BODY_PAUSE = 20.0
"""Seconds between two pieces of it; above it the answer is 408."""
HEAD_WAIT = 20.0
"""Seconds for a request's head to arrive, after which the connection is closed."""

HOP_BY_HOP = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    ]
)
HOP_BY_HOP_OF_WEBSOCKETS = HOP_BY_HOP - {b"connection", b"upgrade"}
CONTROL_COOKIES = frozenset(
    prefix + name
    for prefix in (b"", b"__Host-", b"__Secure-")
    for name in (b"quickedit", b"quickedit-csrf", b"sessionid")
)
"""The control plane's cookies. They are host-only and never sent here; were one tossed or mis-set, user code must not
see it."""

_CHANGED_ON_A_PREVIEW = frozenset([b"content-security-policy", b"referrer-policy", b"set-cookie", b"x-frame-options"])
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")


def request_headers(headers: Headers, *, websocket: bool = False) -> list[list[str]]:
    """What a worker sees of a request's headers: no hop-by-hop headers, none of the control plane's cookies. Of a
    WebSocket's handshake it sees that it is one, as on Cloudflare."""
    dropped = HOP_BY_HOP_OF_WEBSOCKETS if websocket else HOP_BY_HOP
    for name, value in headers:
        if name == b"connection" and not websocket and value.lower() not in (b"keep-alive", b"close"):
            dropped = dropped | {token.strip().lower() for token in value.split(b",")}
    kept = []
    for name, value in headers:
        if name in dropped:
            continue
        if name == b"cookie":
            value = _without_control_cookies(value)
            if not value:
                continue
        kept.append([name.decode("latin-1"), value.decode("latin-1")])
    return kept


def _without_control_cookies(value: bytes) -> bytes:
    if b"quickedit" not in value and b"sessionid" not in value:
        return value
    pairs = (pair.strip() for pair in value.split(b";"))
    return b"; ".join(pair for pair in pairs if pair.partition(b"=")[0].strip() not in CONTROL_COOKIES)


def response_headers(headers: list[tuple[str, str]]) -> Headers:
    """A worker's headers as bytes, cookies bound to this host alone. The child's supervisor has checked them already
    (``preview.protocol.check_response``), and left out those that belong to the connection."""
    checked: Headers = []
    for name, value in headers:
        lowered = name.lower()
        if lowered == "set-cookie":
            value = _host_only(value)
        checked.append((lowered.encode("latin-1"), value.encode("latin-1")))
    return checked


def _host_only(cookie: str) -> str:
    """Without its Domain: a worker must not set cookies for its siblings, whose code is somebody else's."""
    return ";".join(part for part in cookie.split(";") if part.partition("=")[0].strip().lower() != "domain")


def preview_headers(headers: Headers, *, editor_origin: str, revision: int, timing: str) -> Headers:
    """A checked answer's headers as a preview sends them.

    ``editor_origin`` is "" where nobody frames it. The pane may frame it whatever the worker's own policy says, its
    cookies work inside that frame, its address does not leak by the Referer header, and it is not cached unless the
    worker says so.
    """
    kept: Headers = []
    names = set()
    for name, value in headers:
        if name in _CHANGED_ON_A_PREVIEW:
            if name == b"content-security-policy":
                value = without_frame_ancestors(value)
                if not value:
                    continue
            elif name == b"set-cookie":
                value = partitioned(value) if editor_origin else value
            elif name == b"x-frame-options" or value.strip().lower() not in (b"no-referrer", b"same-origin"):
                continue
        names.add(name)
        kept.append((name, value))
    kept.append((b"content-security-policy", _frame_ancestors(editor_origin)))
    if b"cache-control" not in names:
        kept.append((b"cache-control", b"no-store"))
    if b"referrer-policy" not in names:
        kept.append((b"referrer-policy", b"same-origin"))
    kept.append((b"x-quickedit-revision", b"%d" % revision))
    kept.append((b"server-timing", timing.encode("ascii")))
    return kept


@functools.lru_cache(maxsize=256)
def _frame_ancestors(editor_origin: str) -> bytes:
    return b"frame-ancestors " + (editor_origin.encode("ascii") if _ORIGIN.fullmatch(editor_origin) else b"'none'")


def without_frame_ancestors(policy: bytes) -> bytes:
    """One Content-Security-Policy value (perhaps several policies, by commas) without that directive; b"" where
    nothing is left."""
    policies = []
    for one in policy.split(b","):
        directives = [part.strip() for part in one.split(b";")]
        kept = [part for part in directives if part and part.split(None, 1)[0].lower() != b"frame-ancestors"]
        if kept:
            policies.append(b"; ".join(kept))
    return b", ".join(policies)


def partitioned(cookie: bytes) -> bytes:
    """A Set-Cookie value that the browser keeps and sends inside the pane, a frame on another site, and nowhere
    else."""
    parts = [part.strip() for part in cookie.split(b";")]
    rewritten = (b"samesite", b"secure", b"partitioned")
    kept = [
        parts[0],
        *(part for part in parts[1:] if part and part.partition(b"=")[0].strip().lower() not in rewritten),
    ]
    return b"; ".join([*kept, b"SameSite=None", b"Secure", b"Partitioned"])

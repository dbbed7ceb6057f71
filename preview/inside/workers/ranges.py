"""Which part of a static file a request asks for (RFC 9110 §14): one range of bytes, if the file is still the same."""

from __future__ import annotations

import re

from .headers import Headers

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.IGNORECASE)


def asked(headers: Headers, size: int, tag: str) -> range | None:
    """The bytes asked for; None where the whole file is the answer; an empty range where none of it fits, which is 416.

    Several ranges at once, and units of others' making, are answered with the whole file, as the RFC allows.
    """
    found = _RANGE.fullmatch((headers.get("range") or "").replace(" ", ""))
    condition = headers.get("if-range")
    if not found or (condition is not None and condition.strip() != tag):
        return None
    first, last = found.groups()
    if first:
        start, stop = int(first), int(last) + 1 if last else size
        if last and stop <= start:
            return None  # no range at all
    elif last:
        start, stop = max(0, size - int(last)), size
    else:
        return None
    return range(start, min(stop, size))

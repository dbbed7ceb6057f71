"""What may stand beside an R2 object: metadata, checksums, and the conditions under which it is read or replaced."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from preview.outside.bindings.errors import BindingError, Full, WrongType, kind, text

MAX_METADATA = 8 * 1024
"""Bytes of the custom metadata, names and values together."""
HASHES = ("md5", "sha1", "sha256", "sha384", "sha512")
_HTTP = ("contentType", "contentLanguage", "contentDisposition", "contentEncoding", "cacheControl", "cacheExpiry")
_CONDITIONS = ("etagMatches", "etagDoesNotMatch", "uploadedBefore", "uploadedAfter", "secondsGranularity")


def metadata(options: dict[str, Any]) -> dict[str, Any]:
    """``httpMetadata``, ``customMetadata`` and ``storageClass`` of options, checked. Raises WrongType and Full."""
    http, custom = options.get("httpMetadata") or {}, options.get("customMetadata") or {}
    if not isinstance(http, dict) or not isinstance(custom, dict):
        raise WrongType("httpMetadata and customMetadata must be objects of names and values.")
    for name in http:
        if name not in _HTTP:
            raise WrongType(f"httpMetadata has no “{name}”; it has {', '.join(_HTTP)}.")
    clean = {name: text(value, f"httpMetadata.{name}", most=1024) for name, value in http.items() if value is not None}
    size = 0
    for name, value in custom.items():
        size += len(name.encode("utf-8", "replace"))
        size += len(text(value, f"customMetadata[{name!r}]", most=MAX_METADATA, empty=True).encode())
    if size > MAX_METADATA:
        raise Full(f"Custom metadata of {size:,} bytes is over the limit of {MAX_METADATA:,}.")
    storage = options.get("storageClass") or "Standard"
    if storage not in ("Standard", "InfrequentAccess"):
        raise WrongType("storageClass is “Standard” or “InfrequentAccess”.")
    return {"httpMetadata": clean, "customMetadata": custom, "storageClass": storage}


def check_hashes(options: dict[str, Any], body: bytes) -> str:
    """The body's MD5 in hex. Raises BindingError where a checksum that was given is not the body's."""
    given = [name for name in HASHES if options.get(name) is not None]
    if len(given) > 1:
        raise WrongType(f"Give one checksum, not {len(given)}.")
    for name in given:
        if not isinstance(options[name], str):
            raise WrongType(f"{name} must be hexadecimal text or bytes, not {kind(options[name])}.")
        if hashlib.new(name, body, usedforsecurity=False).hexdigest() != options[name].lower():
            raise BindingError(f"The {name} that was given is not that of the body.")
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Condition:
    """``onlyIf``: times are milliseconds since the epoch. All parts must hold."""

    matches: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    before: float | None = None
    after: float | None = None
    seconds: bool = False

    @staticmethod
    def read(asked: object) -> Condition:
        """Raises WrongType."""
        if asked is None:
            return Condition()
        if not isinstance(asked, dict):
            raise WrongType("onlyIf must be an object.")
        for name in asked:
            if name not in _CONDITIONS:
                raise WrongType(f"onlyIf has no “{name}”; it has {', '.join(_CONDITIONS)}.")
        return Condition(
            _etags(asked.get("etagMatches")),
            _etags(asked.get("etagDoesNotMatch")),
            _moment(asked.get("uploadedBefore")),
            _moment(asked.get("uploadedAfter")),
            bool(asked.get("secondsGranularity")),
        )

    def holds(self, info: dict[str, Any] | None) -> bool:
        """Whether it holds for an object; None is one that does not exist."""
        if info is None:
            return not self.matches and self.after is None
        if self.matches and info["etag"] not in self.matches and "*" not in self.matches:
            return False
        if info["etag"] in self.differs or "*" in self.differs:
            return False
        uploaded = info["uploaded"] // 1000 * 1000 if self.seconds else info["uploaded"]
        return (self.before is None or uploaded < self.before) and (self.after is None or uploaded > self.after)


def _etags(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    return tuple(text(one, "An etag", most=256).removeprefix("W/").strip('"') for one in values[:100])


def _moment(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType(f"uploadedBefore and uploadedAfter are times, not {kind(value)}.")
    return float(value)

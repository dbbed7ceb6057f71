"""HTTP headers as a worker sees them: case-insensitive names, several values a name, order kept.

Used by Request and Response. The read side follows `http.client.HTTPMessage`, which is what Cloudflare's Python workers
hand out; the write side follows the web's `Headers`. Refuses what HTTP cannot carry at the line that sets it, so that
the author sees the mistake and not a refused response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, overload

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00\r\n]")

HeadersInit: TypeAlias = "Headers | Mapping[str, str] | Iterable[tuple[str, str]]"
"""What `Response(headers=…)` and `Request(headers=…)` accept."""


class Headers:
    """A case-insensitive multi-map of header names to values.

    `headers["content-type"]` and `headers.get("Content-Type")` give the value, or None where there is none; several
    values of one name come joined by a comma, as on Cloudflare, except for Set-Cookie, which `get_all` and `getSetCookie`
    list.
    """

    __slots__ = ("_pairs",)

    def __init__(self, init: HeadersInit | None = None) -> None:
        self._pairs: list[tuple[str, str]] = []
        if init is None:
            return
        pairs = init._pairs if isinstance(init, Headers) else init.items() if isinstance(init, Mapping) else init
        for name, value in pairs:
            self.append(name, value)

    @classmethod
    def _received(cls, pairs: Iterable[Iterable[str]]) -> Headers:
        """Headers from the server, which has checked them: one pass, no validation."""
        headers = cls()
        headers._pairs = [(name, value) for name, value in pairs]
        return headers

    # Reading

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of a header, whatever the case of its name, or `default`."""
        values = self._values(name)
        if not values:
            return default
        return values[0] if name.lower() == "set-cookie" else ", ".join(values)

    def get_all(self, name: str) -> list[str]:
        """Every value of Set-Cookie, in order; of any other header a list of its one, joined value. Empty where there is
        none."""
        values = self._values(name)
        return values if name.lower() == "set-cookie" or not values else [", ".join(values)]

    def _values(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self._pairs if key.lower() == wanted]

    def getSetCookie(self) -> list[str]:
        """Every Set-Cookie value; cookies cannot be joined by commas."""
        return self.get_all("set-cookie")

    def has(self, name: str) -> bool:
        """Whether the header is there."""
        return name in self

    def items(self) -> list[tuple[str, str]]:
        """Each header as (name, value), repeated names repeated."""
        return list(self._pairs)

    def keys(self) -> list[str]:
        """Each header's name, repeated names repeated."""
        return [name for name, _ in self._pairs]

    def values(self) -> list[str]:
        """Each header's value, in the order of `keys()`."""
        return [value for _, value in self._pairs]

    def __getitem__(self, name: str) -> str | None:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key.lower() == name.lower() for key, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._folded() == other._folded()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"

    def _folded(self) -> list[tuple[str, str]]:
        return sorted((name.lower(), value) for name, value in self._pairs)

    # Writing

    def append(self, name: str, value: object) -> None:
        """Adds a value and keeps those that are there. Raises ValueError for what HTTP cannot carry."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name: letters, digits and hyphens")
        text = as_text(value).strip(" \t")
        if _FORBIDDEN_IN_VALUE.search(text):
            raise ValueError(f"the value of the header {name} holds a line break or NUL, which HTTP cannot carry")
        self._pairs.append((name, text))

    add_header = append

    def set(self, name: str, value: object) -> None:
        """Sets the header to this one value. Raises ValueError for what HTTP cannot carry."""
        kept = [(key, old) for key, old in self._pairs if key.lower() != name.lower()]
        self.append(name, value)
        self._pairs = [*kept, self._pairs[-1]]

    def delete(self, name: str) -> None:
        """Removes every value of the header; nothing happens where there is none."""
        self._pairs = [(key, value) for key, value in self._pairs if key.lower() != name.lower()]

    __setitem__ = set
    __delitem__ = delete


def as_text(value: object) -> str:
    """A value as the text that it becomes on Cloudflare: `True` is "true"."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)

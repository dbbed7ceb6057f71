"""`URL` and `URLSearchParams` of the web, for code that imports them from `js`: `URL.new(request.url).pathname`.

The names and rules are those of https://url.spec.whatwg.org/ for http and https; Python code has urllib.parse. What is written to
`searchParams` stands in the address at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PATH = "!$%&'()*+,-./:;=@[]^_|~"
_QUERY = "!$%&()*+,-./:;=?@[]^_`{|}~"


class URLSearchParams:
    """The parameters of an address, in order; a name may occur several times."""

    def __init__(self, init: Any = None, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        if isinstance(init, str):
            self._pairs = parse_qsl(init.removeprefix("?"), keep_blank_values=True)
        else:
            pairs: Iterable[Any] = init.items() if isinstance(init, Mapping) else init or ()
            self._pairs = [(str(name), str(value)) for name, value in pairs]

    @classmethod
    def new(cls, init: Any = None) -> URLSearchParams:
        """Makes some of a query, a dict or pairs."""
        return cls(init)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._pairs)

    def get(self, name: str) -> str | None:
        """The first value of a name, None where there is none."""
        return next((value for key, value in self._pairs if key == name), None)

    def getAll(self, name: str) -> list[str]:
        """Every value of a name."""
        return [value for key, value in self._pairs if key == name]

    def has(self, name: str) -> bool:
        """Whether there is one of that name."""
        return self.get(name) is not None

    def append(self, name: str, value: object) -> None:
        """Adds one and keeps those of the same name."""
        self._pairs.append((name, str(value)))
        self._changed()

    def set(self, name: str, value: object) -> None:
        """Sets a name to this one value."""
        place = next((at for at, (key, _) in enumerate(self._pairs) if key == name), len(self._pairs))
        self._pairs = [pair for pair in self._pairs if pair[0] != name]
        self._pairs.insert(place, (name, str(value)))
        self._changed()

    def delete(self, name: str) -> None:
        """Removes every value of a name."""
        self._pairs = [pair for pair in self._pairs if pair[0] != name]
        self._changed()

    def sort(self) -> None:
        """Orders them by name."""
        self._pairs.sort(key=lambda pair: pair[0])
        self._changed()

    def entries(self) -> list[tuple[str, str]]:
        """Each as (name, value)."""
        return list(self._pairs)

    items = entries

    def keys(self) -> list[str]:
        """Each one's name."""
        return [name for name, _ in self._pairs]

    def values(self) -> list[str]:
        """Each one's value."""
        return [value for _, value in self._pairs]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.entries())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.has(name)

    def __len__(self) -> int:
        return len(self._pairs)

    def __str__(self) -> str:
        return urlencode(self._pairs)

    toString = __str__


class URL:
    """An absolute address and its parts. Raises ValueError for what is none."""

    def __init__(self, url: object, base: object = None) -> None:
        given = str(url).strip()
        parts = urlsplit(urljoin(str(base), given) if base is not None else given)
        if not parts.scheme or (parts.scheme in _PORTS and not parts.hostname):
            raise ValueError(f"Invalid URL: {given[:200]!r} is not absolute")
        port = parts.port  # raises ValueError where it is no number
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        self._user = parts.netloc.rpartition("@")[0]
        self._host = host + (f":{port}" if port is not None and port != _PORTS.get(parts.scheme) else "")
        self._parts = parts._replace(
            path=quote(parts.path, _PATH) or ("/" if parts.scheme in _PORTS else ""),
            query=quote(parts.query, _QUERY),
            fragment=quote(parts.fragment, _QUERY),
        )
        self._params: URLSearchParams | None = None

    @classmethod
    def new(cls, url: object, base: object = None) -> URL:
        """Makes one, of an address below another one too."""
        return cls(url, base)

    @staticmethod
    def canParse(url: object, base: object = None) -> bool:
        """Whether it is an address."""
        try:
            URL(url, base)
        except ValueError:
            return False
        return True

    def _whole(self) -> SplitResult:
        return self._parts._replace(netloc=f"{self._user}@{self._host}" if self._user else self._host)

    @property
    def href(self) -> str:
        """The whole address."""
        return self._whole().geturl()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self._parts.scheme}://{self._host}"

    @property
    def protocol(self) -> str:
        """The scheme with its colon, `https:`."""
        return f"{self._parts.scheme}:"

    @property
    def host(self) -> str:
        """Host and port, the port only where it is not the usual one."""
        return self._host

    @property
    def hostname(self) -> str:
        """The host without its port."""
        return self._host.rpartition(":")[0] if self.port else self._host

    @property
    def port(self) -> str:
        """The port, empty where it is the usual one."""
        end = self._host.rpartition("]")[2] if self._host.startswith("[") else self._host
        return end.rpartition(":")[2] if ":" in end else ""

    @property
    def username(self) -> str:
        """The user of an address that names one."""
        return self._user.partition(":")[0]

    @property
    def password(self) -> str:
        """The password of an address that has one."""
        return self._user.partition(":")[2]

    @property
    def pathname(self) -> str:
        """The path, percent-encoded as it stands in the address."""
        return self._parts.path

    @pathname.setter
    def pathname(self, value: str) -> None:
        self._parts = self._parts._replace(path=quote(value if value.startswith("/") else f"/{value}", _PATH))

    @property
    def search(self) -> str:
        """The query with its question mark, or an empty text."""
        return f"?{self._parts.query}" if self._parts.query else ""

    @search.setter
    def search(self, value: str) -> None:
        self._parts = self._parts._replace(query=quote(value.removeprefix("?"), _QUERY))
        self._params = None

    @property
    def searchParams(self) -> URLSearchParams:
        """The parameters of the query: `url.searchParams.get("page")`."""
        if self._params is None:
            self._params = URLSearchParams(self._parts.query, self._written)
        return self._params

    def _written(self) -> None:
        self._parts = self._parts._replace(query=str(self._params))

    @property
    def hash(self) -> str:
        """The fragment with its number sign, or an empty text."""
        return f"#{self._parts.fragment}" if self._parts.fragment else ""

    @hash.setter
    def hash(self, value: str) -> None:
        self._parts = self._parts._replace(fragment=quote(value.removeprefix("#"), _QUERY))

    def __str__(self) -> str:
        return self.href

    toString = toJSON = __str__

    def __repr__(self) -> str:
        return f"URL({self.href!r})"

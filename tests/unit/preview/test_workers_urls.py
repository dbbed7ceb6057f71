"""`URL` and `URLSearchParams` as the web has them, for code that imports them from `js`."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from preview.inside import entry

assert entry.workers  # importable from here on
urls = importlib.import_module("workers._urls")
PARTS = ("href", "origin", "protocol", "host", "hostname", "port", "pathname", "search", "hash")


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (
            "https://user:pw@Example.com:8443/a%20b/ü?x=1&y=a b#top",
            ("https://user:pw@example.com:8443/a%20b/%C3%BC?x=1&y=a%20b#top", "https://example.com:8443", "https:",
             "example.com:8443", "example.com", "8443", "/a%20b/%C3%BC", "?x=1&y=a%20b", "#top"),
        ),
        (
            "http://example.com:80",
            ("http://example.com/", "http://example.com", "http:", "example.com", "example.com", "", "/", "", ""),
        ),
        (
            "http://[::1]:8001/",
            ("http://[::1]:8001/", "http://[::1]:8001", "http:", "[::1]:8001", "[::1]", "8001", "/", "", ""),
        ),
        ("http://[::1]/", ("http://[::1]/", "http://[::1]", "http:", "[::1]", "[::1]", "", "/", "", "")),
    ],
)  # fmt: skip
def test_an_address_has_its_parts(address: str, parts: tuple[str, ...]) -> None:
    url = urls.URL.new(address)
    assert tuple(getattr(url, part) for part in PARTS) == parts
    assert (str(url), url.toString(), url.toJSON()) == (url.href,) * 3


def test_user_and_password() -> None:
    url = urls.URL("https://user:pw@example.com/")
    assert (url.username, url.password) == ("user", "pw")


def test_an_address_below_another_one() -> None:
    assert urls.URL.new("../c?d", "https://example.com/a/b").href == "https://example.com/c?d"
    assert urls.URL.new("/x", urls.URL.new("https://example.com/a")).href == "https://example.com/x"


@pytest.mark.parametrize("address", ["", "/path", "example.com", "http://", "http://x:port/", "http://[::1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    assert not urls.URL.canParse(address)
    with pytest.raises(ValueError, match=r"(?i)url|port"):
        urls.URL.new(address)


def test_parts_that_are_set_stand_in_the_address() -> None:
    url = urls.URL.new("https://example.com/a?b=1#c")
    url.pathname, url.hash = "x y", ""
    url.searchParams.append("b", 2)
    url.searchParams.set("c", "ä&")
    assert url.href == "https://example.com/x%20y?b=1&b=2&c=%C3%A4%26"
    url.searchParams.delete("b")
    assert url.search == "?c=%C3%A4%26"
    url.search = "?z=1&a=2"
    url.searchParams.sort()
    assert (url.search, url.searchParams.get("z")) == ("?a=2&z=1", "1")


@pytest.mark.parametrize("init", ["?a=1&b=&a=2+3", {"a": "1", "b": ""}, [("a", 1), ("b", "")]])
def test_parameters_are_read_from_a_query_a_dict_and_pairs(init: Any) -> None:
    params = urls.URLSearchParams.new(init)
    assert (params.get("a"), params.get("b"), params.get("c"), params.has("b"), "c" in params) == (
        "1",
        "",
        None,
        True,
        False,
    )
    if isinstance(init, str):
        assert (params.getAll("a"), params.keys(), params.values()) == (["1", "2 3"], ["a", "b", "a"], ["1", "", "2 3"])
        assert (params.size, len(params), str(params)) == (3, 3, "a=1&b=&a=2+3")
        assert list(params) == params.entries() == params.items() == [("a", "1"), ("b", ""), ("a", "2 3")]

"""Redirects of assets and of other workers: followed as the request says, by the rules of the web."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from preview.inside import entry

workers = entry.workers
answered = importlib.import_module("workers._redirects").answered


class Site:
    """Answers by path: a text, or (status, location)."""

    def __init__(self, **pages: Any) -> None:
        self.pages = pages
        self.asked: list[tuple[str, str, str]] = []

    async def __call__(self, request: Any) -> Any:
        kind = request.headers.get("content-type") or ""
        self.asked.append((str(request.method), request.url, f"{kind}:{await request.text()}"))
        found = self.pages[request.url.rpartition("/")[2]]
        return workers.Response(found) if isinstance(found, str) else workers.Response.redirect(found[1], found[0])


async def test_a_redirect_is_followed_and_the_answer_says_so() -> None:
    site = Site(a=(302, "/b"), b=(301, "https://x/c"), c="there")
    response = await answered(workers.Request("https://x/a"), site)
    assert (await response.text(), response.url, response.redirected) == ("there", "https://x/c", True)
    straight = await answered(workers.Request("https://x/c"), site)
    assert (straight.url, straight.redirected) == ("https://x/c", False)


@pytest.mark.parametrize(
    ("status", "method", "seen"),
    [
        (301, "POST", ("GET", ":")),
        (302, "POST", ("GET", ":")),
        (303, "PUT", ("GET", ":")),
        (301, "PUT", ("PUT", "text/css:x")),
        (307, "POST", ("POST", "text/css:x")),
        (308, "POST", ("POST", "text/css:x")),
    ],
)
async def test_method_and_body_are_kept_or_dropped_by_the_rules_of_the_web(
    status: int, method: str, seen: tuple[str, str]
) -> None:
    site = Site(a=(status, "/b"), b="there")
    asked = workers.Request("https://x/a", method=method, body="x", headers={"content-type": "text/css"})
    assert await (await answered(asked, site)).text() == "there"
    assert site.asked == [(method, "https://x/a", "text/css:x"), (seen[0], "https://x/b", seen[1])]
    assert asked.headers.items() == [("content-type", "text/css")], "the asker's own request is changed"


async def test_manual_shows_it_error_refuses_it_and_a_circle_ends() -> None:
    site = Site(a=(302, "/a"))
    manual = await answered(workers.Request("https://x/a", redirect="manual"), site)
    assert (manual.status, manual.headers["location"]) == (302, "/a")
    for redirect, words in (("error", "forbids"), ("follow", "more than 20 times")):
        with pytest.raises(workers.OutsideError, match=words):
            await answered(workers.Request("https://x/a", redirect=redirect), site)
    assert len(site.asked) == 1 + 1 + 21


async def test_what_a_visitor_asked_for_goes_back_to_the_visitor() -> None:
    assets = workers.assets.Assets({"index.html": b"start", "page.html": b"page"}, {})
    visitor = workers.Request._received("GET", "https://x/page.html", [], b"")
    assert visitor.redirect == "manual"
    assert ((await assets.fetch(visitor)).status, (await assets.fetch(visitor.clone())).status) == (307, 307)
    followed = await assets.fetch("https://x/page.html")
    assert (followed.status, await followed.text(), followed.url) == (200, "page", "https://x/page")
    assert (await assets.fetch("https://x/index.html", {"redirect": "manual"})).status == 307

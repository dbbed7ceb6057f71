"""While somebody looks at the list of workers, the browser fetches the editor for them."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site
from tests.e2e.people import signed_in
from tests.e2e.workbench import EditPage

LARGEST = re.compile(r"/assets/workbench-[\w-]+\.js$")
FRAME = 'iframe[src$="/ahead.html"]'
SAVING = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
LOADED = (
    "() => performance.getEntriesByType('resource').filter((each) => each.transferSize > 0).map((each) => each.name)"
)
"""The addresses of what came over the network."""


def test_the_first_opening_finds_the_editor_s_scripts_in_the_browser_s_cache(site: Site, tmp_path: Path) -> None:
    with signed_in(site, profile=tmp_path / "profile") as person:
        page = person.tab()
        with page.expect_event("requestfinished", lambda request: LARGEST.search(request.url) is not None):
            page.goto(site.url("/"))
        page.wait_for_load_state("networkidle")
        expect(page.frame_locator(FRAME).locator("script")).to_have_count(0)
        assert not came_over_the_network(site, page)


def test_nothing_is_fetched_ahead_for_who_saves_data(site: Site, tmp_path: Path) -> None:
    with signed_in(site, profile=tmp_path / "profile") as person:
        page = person.tab()
        page.add_init_script(SAVING)
        page.goto(site.url("/"))
        page.wait_for_timeout(1500)  # three times what it would wait
        expect(page.locator(FRAME)).to_have_count(0)
        assert came_over_the_network(site, page)


def came_over_the_network(site: Site, page: Page) -> bool:
    """Whether the largest script did, as the editor opens."""
    page.goto(site.url("/workers/first/edit"))
    EditPage(page).wait_until_ready()
    editor = next(frame for frame in page.frames if frame.url.startswith("http://editor."))
    return any(LARGEST.search(address) for address in editor.evaluate(LOADED))

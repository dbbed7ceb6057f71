"""The browser compiles the editor's scripts for the next opening while nobody waits, and not in the midst of that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.e2e.conftest import Site
from tests.e2e.people import signed_in
from tests.e2e.workbench import DEADLINE_MS, EditPage

LARGE = 500_000
"""Bytes of a script's compiled code above which making it takes tens of milliseconds."""
SCRIPT = re.compile(r"^http://editor\.localhost:\d+/assets/(workbench|vs-)")
COMPILED = "() => document.cookie.includes('editor=assets/editor-')"
"""The edit page's word for it that the editor has said so."""
ANOTHER_BROWSER = "Object.defineProperty(Navigator.prototype, 'vendor', { value: '' })"


def test_the_second_opening_uses_what_the_first_had_compiled(site: Site, tmp_path: Path) -> None:
    with signed_in(site, profile=tmp_path / "profile") as person:
        page = open_editor(site, person.tab())
        assert "/again.html" not in frame_address(page)
        page.wait_for_function(COMPILED, timeout=DEADLINE_MS)
        assert not [frame for frame in page.frames if frame.parent_frame and frame.parent_frame.parent_frame]
        page.close()
        page = person.tab()
        with traced(page) as made:
            open_editor(site, page)
        assert "/again.html?" in frame_address(page)
        assert made == []


def test_without_that_the_browser_compiles_in_the_midst_of_the_second_opening(site: Site, tmp_path: Path) -> None:
    """Where this fails, browsers have learnt to do without ``frontend/src/workbench/compiled.ts``."""
    with signed_in(site, profile=tmp_path / "profile") as person:
        person.context.add_init_script(ANOTHER_BROWSER)
        for first in (True, False):
            page = person.tab()
            with traced(page) as made:
                open_editor(site, page)
            assert bool(made) != first
            assert "/again.html" not in frame_address(page)
            page.close()


def open_editor(site: Site, page: Page) -> Page:
    page.goto(site.url("/workers/first/edit"))
    EditPage(page).wait_until_ready()
    return page


def frame_address(page: Page) -> str:
    return page.get_by_title("Editor").get_attribute("src") or ""


@contextmanager
def traced(page: Page) -> Iterator[list[str]]:
    """The large scripts of the editor of which Chromium makes compiled code meanwhile."""
    protocol = page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    ended: list[object] = []
    protocol.on("Tracing.dataCollected", lambda answer: events.extend(answer["value"]))
    protocol.on("Tracing.tracingComplete", lambda answer: ended.append(answer))
    categories = {"includedCategories": ["devtools.timeline"]}
    protocol.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": categories})
    made: list[str] = []
    yield made
    protocol.send("Tracing.end")
    for _ in range(DEADLINE_MS // 50):
        if not ended:
            page.wait_for_timeout(50)
    assert ended and [event for event in events if event["name"] == "v8.evaluateModule"], "nothing was traced"
    for event in events:
        data = event.get("args", {}).get("data", {})
        large = event["name"] == "v8.produceModuleCache" and data.get("producedCacheSize", 0) > LARGE
        if large and SCRIPT.match(data["url"]):
            made.append(data["url"])

"""What the workbench as such must be in a real Chromium, whatever is edited in it: quiet, and without doors that lead nowhere."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, EditPage

DIST = Path(__file__).parents[2] / "frontend" / "dist"


def test_the_browser_s_console_stays_without_an_error_while_modules_are_opened(site: Site) -> None:
    site.make_worker("quiet")
    page = site.tab()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    with page.expect_websocket() as opened:
        page.goto(site.url("/workers/quiet/edit"))
    edit = EditPage(page).wait_until_ready()
    for module in ("greeting.py", "pages.py"):  # the second with strings over several lines
        with opened.value.expect_event("framereceived", has_tokens, timeout=DEADLINE_MS):
            edit.open(module)
        edit.expect_open(module)
    page.wait_for_timeout(200)  # the answer is on its way from the socket to the editor
    assert errors == []


def has_tokens(frame: str | bytes) -> bool:
    """Whether it brings the meaning of a module's names, which VS Code checks against the text."""
    return '"t":"lsp"' in str(frame) and '"data":[' in str(frame)


def test_the_palette_and_the_menus_offer_nothing_that_is_not_here(site: Site) -> None:
    edit = site.open_worker("offers")
    entries = edit.editor.locator(".quick-input-list .monaco-list-row")
    edit.quick_input("F1").fill(">color theme")
    expect(entries.first).to_contain_text("Preferences: Color Theme")
    expect(entries.filter(has_text="Marketplace")).to_have_count(0)
    edit.page.keyboard.press("Escape")
    edit.editor.get_by_role("menuitem", name="Application Menu").click()
    edit.editor.get_by_role("menuitem", name="File", exact=True).hover()
    expect(edit.editor.get_by_role("menuitem", name="Save As...")).to_be_visible()
    expect(edit.editor.get_by_role("menuitem", name="New Window")).to_have_count(0)
    expect(edit.editor.get_by_role("menuitem", name="Open Recent")).to_have_count(0)
    edit.page.keyboard.press("Escape")
    edit.page.keyboard.press("Escape")
    edit.command("Help: About")
    expect(edit.editor.get_by_role("dialog")).to_contain_text("Built on Visual Studio Code 1.", timeout=DEADLINE_MS)


def test_the_settings_show_nothing_that_is_not_here(site: Site) -> None:
    edit = site.open_worker("choosing")
    edit.focus_editor()
    edit.page.keyboard.press("Control+,")
    contents = edit.editor.locator(".settings-toc-container .monaco-list-row")
    for part in ("Window", "Features", "Application"):
        contents.filter(has_text=part).first.click()
    expect(contents.filter(has_text="Explorer")).to_have_count(1)
    shown = set(contents.all_inner_texts())
    assert {"Text Editor", "Search", "Problems", "Keyboard"} <= shown
    absent = {"Chat", "Network", "New Window", "Notebook", "Proxy", "Security", "Terminal"}
    assert shown & absent == set()


def test_what_the_browser_reads_before_anything_shows_has_not_grown() -> None:
    """8.5 MB of script when this was written. VS Code as it is packaged has 11.7 (frontend/left-out.ts)."""
    page = (DIST / "editor.html").read_text()
    scripts = re.findall(
        r'(?:rel="modulepreload" crossorigin href|<script type="module" crossorigin src)="\./([^"]+)"', page
    )
    assert len(scripts) > 5
    assert sum((DIST / script).stat().st_size for script in set(scripts)) < 8_700_000


def test_a_part_whose_script_cannot_be_had_at_first_is_there_once_it_can(site: Site) -> None:
    site.make_worker("patient")
    page = site.tab()
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.abort()

    page.route("**/assets/editor.worker-*", refuse_once)
    page.goto(site.url("/workers/patient/edit"))
    edit = EditPage(page).wait_until_ready()
    edit.type_at_end("\n# https://example.org/")
    expect(edit.editor.locator(".detected-link").first).to_be_visible(timeout=DEADLINE_MS)
    assert refused

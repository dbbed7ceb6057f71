"""What a person had open in a worker is open again the next time, in this browser."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.conftest import Site
from tests.e2e.people import member, signed_in
from tests.e2e.workbench import DEADLINE_MS, EditPage

KEPT_MS = 1000
"""How long until what is open is kept, with room: 300 ms after the last change (frontend/src/workbench/session.ts)."""


def tabs(edit: EditPage) -> Locator:
    return edit.editor.locator(".tabs-container .tab .label-name")


def again(site: Site, edit: EditPage) -> EditPage:
    """Leaves the page and opens it again."""
    address = edit.page.url
    edit.page.wait_for_timeout(KEPT_MS)
    edit.page.goto(site.url("/"))
    edit.page.goto(address)
    return EditPage(edit.page).wait_until_ready()


def side_bar(edit: EditPage) -> Locator:
    return edit.editor.locator(".part.sidebar")


def test_the_tabs_the_place_in_the_text_and_the_panel_are_there_again(site: Site) -> None:
    edit = site.open_worker("returning")
    edit.open("greeting.py")
    edit.open("main.py")
    edit.command("View: Toggle Problems")
    edit.page.wait_for_timeout(KEPT_MS)  # what follows is kept by itself, and not with the panel
    edit.line("class Default").click()
    expect(edit.cursor_line()).not_to_contain_text("Ln 1,")  # the status bar follows the click a moment later
    place = edit.cursor_line().inner_text()
    edit = again(site, edit)
    expect(tabs(edit)).to_have_text(["main.py", "greeting.py"])
    edit.expect_open("main.py")
    expect(edit.cursor_line()).to_have_text(place)
    expect(edit.editor.locator(".part.panel")).to_be_visible()


def test_a_tab_that_has_nothing_to_show_any_more_is_not(site: Site) -> None:
    edit = site.open_worker("gone")
    edit.open("pages.py")
    edit.open("greeting.py")
    edit.open("main.py")
    edit.line("return Response").locator("span span", has_text="Response").first.click()
    edit.page.keyboard.press("F12")
    edit.expect_open("response.py")  # what the platform says of it, which a server reads out
    edit.open("pages.py")
    edit.page.wait_for_timeout(KEPT_MS)
    edit.page.goto(site.url("/"))
    with signed_in(site, member(site, "Ben Oduya", "gone")) as colleague:
        colleague.edit("gone").delete("pages.py", "pages.py")
    edit.page.goto(site.url("/workers/gone/edit"))
    edit = EditPage(edit.page).wait_until_ready()
    expect(tabs(edit)).to_have_text(["main.py", "greeting.py"])


def test_who_had_closed_all_tabs_begins_with_the_main_module(site: Site) -> None:
    edit = site.open_worker("closed")
    edit.open("greeting.py")
    edit.command("View: Close All Editors")
    expect(tabs(edit)).to_have_count(0)
    expect(tabs(again(site, edit))).to_have_text(["main.py"])


def test_a_side_bar_that_had_no_room_is_there_again_when_there_is_some(site: Site) -> None:
    edit = site.open_worker("room")
    wide = edit.page.viewport_size
    assert wide is not None
    edit.page.set_viewport_size({"width": 390, "height": 800})
    edit.page.wait_for_timeout(KEPT_MS)
    edit.page.reload()
    edit.page.get_by_role("tab", name="Editor").or_(edit.page.get_by_role("button", name="Editor")).first.click()
    expect(edit.editor.locator(".monaco-editor .view-line").first).to_be_visible(timeout=DEADLINE_MS)
    expect(side_bar(edit)).to_be_hidden()
    edit.page.wait_for_timeout(KEPT_MS)
    edit.page.set_viewport_size(wide)
    edit.page.reload()
    edit.wait_until_ready()
    expect(side_bar(edit)).to_be_visible()

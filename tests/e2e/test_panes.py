"""The panes around the workbench in a real Chromium: HTTP, Console, the preview's tools, Deploy's states, theme, phone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, EditPage

PRINTING = """from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("seen", request.method)
        if "boom" in request.url:
            raise RuntimeError("no luck")
        return Response.json({"method": request.method, "body": await request.text()})
"""


def shown(page: Page) -> int:
    return page.locator('iframe[title="Preview"]').count()


def test_the_http_pane_sends_to_the_draft_and_keeps_what_was_typed(site: Site) -> None:
    edit = site.open_worker("asking")
    page = edit.page
    edit.open("main.py")
    edit.replace_all(PRINTING)
    edit.expect_preview("GET")
    page.get_by_role("tab", name="HTTP").click()
    page.get_by_role("combobox", name="Method").select_option("POST")
    page.get_by_role("tab", name="Body").click()
    page.get_by_role("textbox", name="Request body").fill("two words")
    page.keyboard.press("Control+Enter")
    answer = page.get_by_role("region", name="Response")
    expect(answer).to_contain_text("200 OK")
    expect(answer).to_contain_text('"body": "two words"')
    expect(answer).to_contain_text("content-type")
    page.reload()
    expect(page.get_by_role("tab", name="HTTP")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox", name="Method")).to_have_value("POST")


def test_the_console_has_a_row_for_each_request_with_its_logs_and_opens_failures(site: Site) -> None:
    edit = site.open_worker("printing")
    page = edit.page
    edit.open("main.py")
    edit.replace_all(PRINTING)
    edit.expect_preview("GET")
    edit.wait_until_saved()
    page.get_by_role("textbox", name="Path").fill("/boom")
    page.keyboard.press("Enter")
    edit.expect_preview("RuntimeError")
    tab = page.get_by_role("tab", name="Console")
    expect(tab.locator(".count")).to_have_text("1")
    tab.click()
    expect(tab.locator(".count")).to_be_hidden()
    log = page.get_by_role("log")
    failure = log.locator("details", has_text="/boom")
    expect(failure).to_have_attribute("open", "")
    expect(failure).to_contain_text("seen GET")
    expect(failure).to_contain_text("no luck")
    failure.get_by_role("button", name=re.compile(r"main\.py:8")).first.click()
    expect(edit.cursor_line()).to_contain_text("Ln 8")
    page.get_by_label("Filter").fill("status:2")
    expect(failure).to_have_count(0)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(log).to_contain_text("No requests yet")


def test_with_auto_off_the_preview_waits_to_be_asked(site: Site) -> None:
    edit = site.open_worker("waiting")
    page = edit.page
    edit.open("main.py")
    edit.replace_all(PRINTING)
    edit.expect_preview("GET")
    page.get_by_role("switch", name="Reload after every edit").click()
    edit.replace_all(PRINTING.replace('"method":', '"verb":'))
    banner = page.locator(".stage .banner")
    expect(banner).to_contain_text("is ready")
    edit.expect_preview('"method"')
    page.get_by_role("button", name="Reload preview").click()
    edit.expect_preview('"verb"')
    expect(banner).to_have_count(0)
    assert shown(page) == 1


def test_O14_a_preview_cannot_move_the_editor_by_itself(site: Site) -> None:
    edit = site.open_worker("pushing")
    page = edit.page
    edit.open("main.py")
    edit.replace_all(
        "from workers import Response, WorkerEntrypoint\n\n\nclass Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request):\n"
        '        return Response("<h1>Pushing</h1><script>setInterval(() => {'
        " parent.postMessage({open: 'pages.py', line: 3}, '*');"
        " parent.postMessage({t: 'ready'}, '*'); try { top.location = 'about:blank' } catch {} }, 50)</script>\","
        ' headers={"content-type": "text/html"})\n'
    )
    edit.expect_preview("Pushing")
    before = edit.editor.locator(".tabs-container .tab").count()
    # Somebody types meanwhile: their keys must not vouch for the page.
    edit.type_at_end("# and typing goes on")
    expect(edit.preview.locator("h1")).to_have_text("Pushing")
    edit.wait_until_saved()
    edit.expect_open("main.py")
    assert edit.editor.locator(".tabs-container .tab").count() == before
    expect(page).to_have_url(re.compile("/workers/pushing/edit$"))


def test_the_theme_is_a_cookie_that_the_next_page_is_painted_with(site: Site) -> None:
    edit = site.open_worker("painting")
    page = edit.page
    switch = page.get_by_role("button", name=re.compile("^Theme"))
    while "dark" not in (switch.get_attribute("aria-label") or ""):
        switch.click()
    expect(edit.editor.locator(".monaco-workbench")).to_have_class(re.compile("vs-dark"), timeout=DEADLINE_MS)
    assert site.context is not None
    html = site.context.request.get(site.url("/")).text()
    assert '<html lang="en" data-theme="dark">' in html
    assert '<meta name="color-scheme" content="dark">' in html


def test_a_phone_shows_one_pane_at_a_time(site: Site) -> None:
    site.make_worker("pocket")
    phone = site.browser.new_context(
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
        storage_state=site.context.storage_state() if site.context else None,
    )
    page = phone.new_page()
    page.goto(site.url("/workers/pocket/edit"))
    edit = EditPage(page)
    edit.wait_until_saved()
    edit.expect_preview(re.compile("hello", re.I))
    page.get_by_role("tab", name="Console").tap()
    expect(page.get_by_role("log")).to_be_visible()
    page.set_viewport_size({"width": 844, "height": 390})
    page.get_by_role("tab", name="Data").tap()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("tab", name="Data")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Editor").tap()
    expect(edit.editor.locator(".monaco-workbench")).to_be_visible(timeout=DEADLINE_MS)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.goto(site.url("/"))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="More about pocket").tap()
    page.get_by_role("menuitem", name="Delete").tap()
    expect(page.get_by_text("pocket is deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").tap()
    expect(page.get_by_role("link", name="pocket")).to_be_visible()
    phone.close()

"""The Data tab and Trigger in a real Chromium: what the preview wrote is seen, changed and thrown away; handlers run."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import EditPage


def in_data(edit: EditPage) -> Page:
    edit.page.get_by_role("tab", name="Data").click()
    return edit.page


def test_a_form_writes_to_the_previews_database_and_the_data_tab_shows_its_rows(site: Site) -> None:
    edit = site.new_worker("guests", template="Form with D1")
    edit.expect_preview("Guest book")
    preview = edit.preview
    preview.get_by_role("textbox", name="Name").fill("Ada")
    preview.get_by_role("textbox", name="Message").fill("A fine place")
    preview.get_by_role("button", name="Sign").click()
    edit.expect_preview("A fine place")
    page = in_data(edit)
    rows = page.get_by_role("region", name="Rows")
    expect(page.get_by_role("combobox", name="Table")).to_have_value("entries")
    expect(rows).to_contain_text("A fine place")
    page.get_by_role("textbox", name="SQL").fill("UPDATE entries SET name = 'Grace'")
    page.keyboard.press("Control+Enter")
    expect(rows).to_contain_text("1 changed")
    page.get_by_role("radio", name="Live", exact=True).click()
    expect(rows).to_contain_text("No tables yet")
    page.get_by_role("radio", name="Preview", exact=True).click()
    expect(rows).to_contain_text("Grace")
    page.get_by_role("button", name="Reset the preview’s data").click()
    page.get_by_role("button", name="Press again to reset").click()
    expect(rows).to_contain_text("No tables yet")


def test_trigger_runs_the_scheduled_handler_and_its_run_is_among_the_keys(site: Site) -> None:
    edit = site.new_worker("hourly", template="Scheduled")
    edit.expect_preview("[]")
    page = in_data(edit)
    expect(page.get_by_text("No keys yet")).to_be_visible()
    page.get_by_role("button", name="Trigger").click()
    dialog = page.get_by_role("dialog", name="Trigger")
    expect(dialog.get_by_role("combobox", name="Handler of the draft")).to_have_value("cron:*/15 * * * *")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog.get_by_role("status")).to_contain_text("It returned after")
    dialog.get_by_role("button", name="Its log").click()
    expect(page.get_by_role("log").locator("details", has_text="CRON")).to_contain_text("Running for")
    page.keyboard.press("Alt+4")
    page.get_by_role("button", name="Read again").click()
    page.get_by_role("button", name=re.compile("^run:")).click()
    value = page.get_by_role("region", name="Value")
    expect(value.get_by_role("textbox", name="Metadata, as JSON")).to_have_value(re.compile('"cron":"\\*/15'))
    value.get_by_role("textbox", name="Value").fill("seen")
    value.get_by_role("button", name="Save").click()
    expect(page.get_by_role("table", name="Keys")).to_contain_text("4 B")
    page.get_by_role("button", name=re.compile("^run:")).click()
    value.get_by_role("button", name="Delete").click()
    value.get_by_role("button", name=re.compile("^Delete run:")).click()
    expect(page.get_by_text("No keys yet")).to_be_visible()

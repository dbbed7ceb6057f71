"""The Data tab and Trigger in a real Chromium: what the preview wrote is seen, changed and thrown away; handlers run."""

from __future__ import annotations

import io
import re
import zipfile

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import EditPage
from tests.support import page_data


def in_data(edit: EditPage) -> Page:
    edit.page.get_by_role("tab", name="Data").click()
    return edit.page


def put_migrations(site: Site, worker: str, files: dict[str, str]) -> None:
    """Puts files into the folder of migrations, as an archive brings them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for path, text in files.items():
            packed.writestr(path, text)
    assert site.context is not None
    request = site.context.request
    token = page_data(request.get(site.url("/")).text())["csrfToken"]
    headers = {"X-CSRFToken": token, "Origin": site.url(""), "Content-Type": "application/zip"}
    address = site.url(f"/api/v1/workers/{worker}/archive?folder=migrations")
    answer = request.post(address, data=made.getvalue(), headers=headers)
    assert answer.ok, answer.text()


def test_a_form_writes_to_the_previews_database_and_the_data_tab_shows_its_rows_and_applies_migrations(
    site: Site,
) -> None:
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

    # Migrations: nothing runs by itself, what fails is said with its line, and live data is asked for twice.
    panel = page.get_by_role("region", name="Migrations")
    put_migrations(
        site, "guests", {"0001_visits.sql": "CREATE TABLE visits (at);", "0002_more.sql": "-- wrong\nSELEC;"}
    )
    expect(panel).to_contain_text("2 migrations are not applied to the preview’s data")
    expect(panel.get_by_role("list", name="Not applied")).to_contain_text("0001_visits.sql")
    expect(page.get_by_role("option", name="visits")).to_have_count(0)
    panel.get_by_role("button", name="Apply 2 migrations").press("Enter")
    alert = panel.get_by_role("alert")
    expect(alert).to_contain_text("1 migration applied. Not applied: migrations/0002_more.sql:2")
    expect(alert).to_contain_text('near "SELEC": syntax error')
    expect(page.get_by_role("option", name="visits")).to_have_count(1)
    alert.get_by_role("button", name="migrations/0002_more.sql:2").click()
    edit.expect_open("0002_more.sql")
    put_migrations(site, "guests", {"0002_more.sql": "INSERT INTO visits VALUES (1);"})
    panel.get_by_role("button", name="Apply 1 migration", exact=True).click()
    expect(panel).to_have_text("Applied 1 migration.")

    edit.wait_until_saved()
    page.get_by_role("button", name="Deploy", exact=True).click()
    dialog = page.get_by_role("dialog", name=re.compile("^Deploy"))
    dialog.get_by_role("button", name="Deploy v1").click()
    expect(dialog).to_contain_text("2 migrations are not applied to live data.")
    dialog.get_by_role("button", name="Open Data").click()
    expect(page.get_by_role("radio", name="Live", exact=True)).to_be_checked()
    panel.get_by_role("button", name="Apply 2 migrations").click()
    expect(page.get_by_role("option", name="visits")).to_have_count(0)
    panel.get_by_role("button", name="Apply to live data?").click()
    expect(panel).to_have_text("Applied 2 migrations.")
    expect(page.get_by_role("option", name="visits")).to_have_count(1)


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

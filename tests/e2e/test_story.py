"""The acceptance story in a real Chromium: from the login link to a deployed worker, through all the real parts.

Each test is a chapter and starts from a worker of its own; all share one running product and one signed-in browser.
"""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, EditPage

GREETING = '''"""What the worker says."""


def greet(name: str) -> str:
    """A greeting for one person."""
    return f"Salve, {name}"
'''


def test_the_login_link_opens_an_empty_dashboard_and_the_first_worker_opens_in_the_editor(fresh_site: Site) -> None:
    page = fresh_site.sign_in()
    expect(page.get_by_role("heading", name="Write a function, get a URL.")).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("Hello"))).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("HTML page"))).to_be_visible()
    page.get_by_label("Name").fill("first")
    page.get_by_role("button", name="New worker").click()
    expect(page).to_have_url(re.compile(r"/workers/first/edit$"))
    edit = EditPage(page).wait_until_ready()
    expect(edit.row("quickedit.json")).to_be_visible()
    edit.expect_preview(re.compile("hello", re.I))
    expect(edit.status).to_have_attribute("data-tier", "A")
    assert float(edit.status.get_attribute("data-ready-ms") or "nan") > 0


def test_typing_in_an_imported_module_changes_the_preview_without_a_reload(site: Site) -> None:
    edit = site.new_worker("typing")
    edit.page.evaluate("window.sameDocument = true")
    edit.open("greeting.py")
    before = edit.revision()
    edit.replace_all(GREETING)
    edit.expect_preview("Salve,")
    edit.wait_until_saved()
    assert edit.revision() > before
    expect(edit.status).to_have_attribute("data-preview-revision", str(edit.revision()))
    assert edit.page.evaluate("window.sameDocument"), "the page was reloaded"
    expect(edit.editor.locator(".tab.active.dirty")).to_have_count(0)


def test_saving_runs_the_draft_at_once_and_is_no_error_when_nothing_changed(site: Site) -> None:
    edit = site.open_worker("saving")
    edit.open("greeting.py")
    edit.replace_all(GREETING)
    edit.page.keyboard.press("Control+s")
    edit.expect_preview("Salve,")
    edit.page.keyboard.press("Control+s")
    edit.wait_until_saved()
    expect(edit.editor.locator(".notification-toast")).to_have_count(0)


def test_completion_offers_the_platforms_members_and_a_sibling_modules_function(site: Site) -> None:
    edit = site.open_worker("completing")
    edit.open("main.py")
    edit.replace_all(
        "from workers import Request, Response, WorkerEntrypoint\n\nfrom greeting import greet\n\n\n"
        "class Default(WorkerEntrypoint):\n    async def fetch(self, request: Request) -> Response:\n"
        "        return Response(greet('you'))\n"
    )
    edit.wait_until_saved()
    edit.type_at_end("\n\ndef handle(request: Request) -> str:\n")
    edit.page.keyboard.type("return request.", delay=40)
    expect(edit.suggestions().filter(has_text=re.compile("^headers$"))).to_be_visible(timeout=DEADLINE_MS)
    for member in ("method", "url"):  # the list draws a dozen rows at a time
        edit.page.keyboard.type(member[:2], delay=40)
        expect(edit.suggestions().filter(has_text=re.compile(f"^{member}$"))).to_be_visible(timeout=DEADLINE_MS)
        edit.page.keyboard.press("Backspace")
        edit.page.keyboard.press("Backspace")
    edit.page.keyboard.press("Escape")
    edit.type_at_end("\n")
    edit.page.keyboard.type("gre", delay=40)
    expect(edit.suggestions().filter(has_text=re.compile("^greet$"))).to_be_visible(timeout=DEADLINE_MS)


def test_a_module_that_does_not_parse_keeps_the_last_good_page_and_names_the_line(site: Site) -> None:
    edit = site.open_worker("unparsed")
    edit.open("greeting.py")
    edit.replace_all(GREETING)
    edit.expect_preview("Salve,")
    edit.replace_all(GREETING.replace("name: str)", "name: str"))
    banner = edit.page.locator(".banner", has_text="greeting.py")
    expect(banner).to_contain_text("line 4", timeout=DEADLINE_MS)
    expect(banner).to_contain_text("Showing the last good draft.")
    edit.expect_preview("Salve,")
    edit.open("main.py")
    banner.get_by_role("button", name="Go to line").click()
    edit.expect_open("greeting.py")
    expect(edit.cursor_line()).to_contain_text("Ln 4")
    edit.replace_all(GREETING.replace("Salve", "Ave"))
    edit.expect_preview("Ave,")
    expect(banner).to_have_count(0)


def test_a_draft_that_does_not_start_cannot_go_live_and_the_dialog_leads_to_the_line(site: Site) -> None:
    edit = site.open_worker("hasty")
    edit.open("greeting.py")
    edit.replace_all("import nothing_there\n" + GREETING)
    edit.expect_preview("nothing_there")
    edit.open("main.py")
    edit.wait_until_saved()
    edit.page.get_by_role("button", name="Deploy", exact=True).click()
    dialog = edit.page.get_by_role("dialog")
    expect(dialog.locator(".checkrow[data-state=failed]")).to_contain_text("nothing_there", timeout=DEADLINE_MS)
    expect(dialog.get_by_role("button", name=re.compile("^Deploy"))).to_have_count(0)
    dialog.get_by_role("button", name="Fix greeting.py:1").click()
    expect(dialog).to_have_count(0)
    edit.expect_open("greeting.py")


def test_where_no_draft_has_run_nothing_is_said_of_a_last_good_one(site: Site) -> None:
    edit = site.open_worker("never-good")
    edit.open("greeting.py")
    edit.replace_all("import nothing_there\n" + GREETING)
    edit.expect_preview("nothing_there")
    edit.replace_all("left = (\n")
    expect(edit.page.locator(".banner")).to_have_text(
        re.compile(r"greeting\.py, line 1: .* was never closed\.Go to line$"), timeout=DEADLINE_MS
    )
    expect(edit.page.locator("#at-ready")).to_have_text("does not parse")
    edit.page.get_by_role("button", name="Reload preview").click()
    edit.expect_preview("was never closed")


def test_an_exception_shows_the_error_page_and_a_click_on_a_frame_opens_the_line(site: Site) -> None:
    edit = site.open_worker("raising")
    edit.open("greeting.py")
    edit.replace_all(GREETING.replace('return f"Salve, {name}"', "return name.uper()"))
    body = edit.preview.locator("body")
    expect(body).to_contain_text("AttributeError", timeout=DEADLINE_MS)
    expect(body).to_contain_text("'str' object has no attribute 'uper'")
    expect(body).to_contain_text("upper")
    expect(body).to_contain_text("^^^^")
    edit.open("main.py")
    edit.preview.get_by_role("link", name=re.compile("greeting.py")).first.click()
    edit.expect_open("greeting.py")
    expect(edit.cursor_line()).to_contain_text("Ln 6")
    origin = edit.preview_origin()
    text = site.fetch(origin, headers={"user-agent": "curl/8.5", "accept": "*/*"})
    assert text.status_code == 500
    assert text.headers["content-type"].startswith("text/plain")
    assert "AttributeError: 'str' object has no attribute 'uper'" in text.text
    assert "greeting.py" in text.text and "line 6" in text.text
    data = site.fetch(origin, headers={"accept": "application/json"}).json()
    assert "AttributeError" in str(data) and "greeting.py" in str(data)


def test_deploy_publishes_a_version_that_later_edits_do_not_change(site: Site) -> None:
    edit = site.open_worker("deploying")
    edit.open("greeting.py")
    edit.replace_all(GREETING)
    edit.expect_preview("Salve,")
    edit.deploy("The first one")
    url = f"http://deploying.localhost:{site.workers_port}"
    expect(edit.page.get_by_role("link", name=re.compile("deploying.localhost")).first).to_be_visible()
    assert "Salve," in site.fetch(url).text
    edit.close_dialog()
    edit.open("greeting.py")
    edit.replace_all(GREETING.replace("Salve", "Vale"))
    edit.expect_preview("Vale,")
    assert "Salve," in site.fetch(url).text
    edit.deploy("The second one")
    assert "Vale," in site.fetch(url).text
    edit.page.goto(site.url("/"))
    row = edit.page.get_by_role("row", name=re.compile("deploying"))
    expect(row).to_contain_text("v2")
    expect(row.get_by_role("link", name=re.compile("deploying.localhost"))).to_have_attribute(
        "href", re.compile(r"^http://deploying\.localhost")
    )


def test_a_deployed_workers_exception_is_a_plain_500_with_an_id(site: Site) -> None:
    edit = site.open_worker("failing")
    edit.open("greeting.py")
    edit.replace_all(GREETING.replace('return f"Salve, {name}"', "raise RuntimeError('the secret plan')"))
    expect(edit.preview.locator("body")).to_contain_text("RuntimeError", timeout=DEADLINE_MS)
    edit.deploy("It fails")
    answer = site.fetch(f"http://failing.localhost:{site.workers_port}", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "secret plan" not in answer.text and "greeting.py" not in answer.text
    assert re.search(r"[0-9a-z]{8,}", answer.text), "the answer names no id"


def test_files_and_folders_are_created_renamed_and_deleted_in_the_explorer(site: Site) -> None:
    edit = site.open_worker("filing")
    edit.explorer_new("New Folder...", "lib")
    expect(edit.row("lib")).to_be_visible()
    edit.row("lib").click()
    edit.explorer_new("New File...", "tools.py")
    edit.expect_open("tools.py")
    edit.replace_all("WORD = 'tool'\n")
    edit.wait_until_saved()
    edit.rename("lib", "kit")
    expect(edit.row("kit")).to_be_visible()
    edit.wait_until_saved()
    files = site.modules("filing")
    assert files["kit/tools.py"] == "WORD = 'tool'\n" and "lib/tools.py" not in files
    edit.delete("kit", said="The History keeps it")
    expect(edit.row("kit")).to_have_count(0)
    edit.wait_until_saved()
    assert "kit/tools.py" not in site.modules("filing")


def test_find_in_files_finds_what_was_typed_a_moment_ago(site: Site) -> None:
    edit = site.open_worker("finding")
    edit.open("greeting.py")
    edit.replace_all(GREETING.replace("Salve", "Zanzibar"))
    edit.wait_until_saved()
    edit.page.keyboard.press("Control+Shift+f")
    box = edit.editor.locator(".search-view .search-widget textarea").first
    expect(box).to_be_visible()
    box.fill("Zanzibar")
    edit.page.keyboard.press("Enter")
    expect(edit.editor.locator(".search-view .filematch")).to_contain_text("greeting.py", timeout=DEADLINE_MS)


def test_a_worker_is_renamed_duplicated_deleted_and_brought_back_from_the_dashboard(site: Site) -> None:
    edit = site.open_worker("renaming")
    page = edit.page
    page.goto(site.url("/"))
    site.row_menu(page, "renaming", "Rename")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("renamed")
    dialog.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("link", name="renamed", exact=True)).to_be_visible()
    site.row_menu(page, "renamed", "Duplicate")
    dialog.get_by_label("Name").fill("renamed-2")
    dialog.get_by_role("button", name="Duplicate and open").click()
    expect(page).to_have_url(re.compile(r"/workers/renamed-2/edit$"))
    EditPage(page).wait_until_ready()
    page.goto(site.url("/"))
    expect(page.get_by_role("link", name="renamed-2", exact=True)).to_be_visible()
    site.row_menu(page, "renamed-2", "Delete")
    expect(page.get_by_role("link", name="renamed-2", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="renamed-2", exact=True)).to_be_visible()


def test_a_second_template_serves_a_form_and_static_text_files(site: Site) -> None:
    edit = site.new_worker("paging", template="HTML page")
    expect(edit.preview.locator("form")).to_be_visible(timeout=DEADLINE_MS)
    assert httpx.codes.is_success(site.fetch(edit.preview_origin()).status_code)


def test_everything_acknowledged_survives_the_death_of_every_process(site: Site) -> None:
    edit = site.open_worker("surviving")
    edit.open("greeting.py")
    edit.replace_all(GREETING)
    edit.expect_preview("Salve,")
    edit.deploy("Before the crash")
    edit.close_dialog()
    edit.replace_all(GREETING.replace("Salve", "Xaire"))
    edit.wait_until_saved()
    site.kill_and_restart()
    assert "Salve," in site.fetch(f"http://surviving.localhost:{site.workers_port}").text
    edit.page.reload()
    edit.wait_until_ready()
    assert "/again.html?" in (edit.page.get_by_title("Editor").get_attribute("src") or ""), (
        "not the third opening's page"
    )
    edit.expect_preview("Xaire,")
    assert site.modules("surviving")["greeting.py"].count("Xaire") == 1


def test_the_editor_recovers_by_itself_when_the_server_dies_and_keeps_what_was_typed_meanwhile(site: Site) -> None:
    edit = site.open_worker("recovering")
    edit.open("greeting.py")
    site.kill("web")
    edit.replace_all(GREETING)
    edit.wait_until_saved()
    edit.expect_preview("Salve,")
    site.kill("runner")
    edit.replace_all(GREETING.replace("Salve", "Io"))
    edit.expect_preview("Io,")

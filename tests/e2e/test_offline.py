"""Work that the server has not acknowledged: it waits in the browser, survives what kills a tab, and merges on return."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.e2e.conftest import Site
from tests.e2e.people import Person, kill, kill_browser, member, signed_in
from tests.e2e.workbench import DEADLINE_MS, LATE, EditPage
from tests.support import wait_until

KEPT = re.compile(r"Offline, \d+ edits? kept here")
NO_STORAGE = "Object.defineProperty(window, 'indexedDB', { value: undefined })"
RECORDS = """() => new Promise((resolve) => {
    const opening = indexedDB.open('quickedit', 1)
    opening.onupgradeneeded = () => opening.transaction.abort()
    opening.onerror = () => resolve([])
    opening.onsuccess = () => {
        const database = opening.result
        const request = database.transaction('outbox').objectStore('outbox').getAll()
        request.onsuccess = () => (database.close(), resolve(request.result.map((row) => [row.user, row.worker])))
    }
})"""


@pytest.fixture
def ada(site: Site) -> Iterator[Person]:
    """The owner, behind a network that can be cut."""
    with signed_in(site) as person:
        yield person


def records(page: Page) -> list[list[int]]:
    """Whose work on which worker waits in this browser's outbox."""
    found: list[list[int]] = page.evaluate(RECORDS)
    return found


def until_stored(edit: EditPage) -> None:
    expect(edit.status).to_have_text(KEPT, timeout=DEADLINE_MS)
    expect(edit.status).to_have_attribute("title", re.compile("kept on this computer"), timeout=DEADLINE_MS)


def test_edits_go_on_without_a_connection_and_merge_when_it_is_back(site: Site, ada: Person) -> None:
    here = site.open_worker("offline")
    away = ada.edit("offline")
    for edit in (here, away):
        edit.open("greeting.py")
    here.replace_all("first = 1\nsecond = 2\n")
    expect(away.line("second = 2")).to_be_visible(timeout=DEADLINE_MS)
    ada.cut(away)
    away.type_at_end("third = 3\n")
    until_stored(away)
    assert len(records(away.page)) == 1
    here.replace_line("first = 1", "changed = 1")
    here.wait_until_saved()
    ada.network.mend()
    away.wait_until_saved()
    merged = "changed = 1\nsecond = 2\nthird = 3\n"
    assert site.modules("offline")["greeting.py"] == merged
    expect(here.line("third = 3")).to_be_visible(timeout=DEADLINE_MS)
    expect(away.line("changed = 1")).to_be_visible(timeout=DEADLINE_MS)
    wait_until(lambda: records(away.page) == [], "the outbox is empty")


def test_a_connection_lost_while_the_language_client_starts_is_no_error(site: Site, ada: Person) -> None:
    site.make_worker("starting")
    page = ada.tab()
    with page.expect_websocket() as opened:
        page.goto(site.url("/workers/starting/edit"))
    with opened.value.expect_event("framesent", lambda sent: '"method":"initialize"' in str(sent), timeout=DEADLINE_MS):
        pass
    edit = EditPage(page)
    ada.cut(edit)
    ada.network.mend()
    edit.wait_until_ready()
    edit.open("main.py")
    edit.type_at_end("\nimport jso")
    expect(edit.suggestions().first).to_have_text("json", timeout=DEADLINE_MS)
    expect(edit.editor.locator(".notification-toast")).to_have_count(0)


def test_an_editor_that_does_not_answer_is_told_of_and_opens_at_the_next_try(site: Site, ada: Person) -> None:
    site.make_worker("silent")
    page = ada.tab()
    page.emulate_media(color_scheme="dark")
    page.route(lambda url: "//editor.localhost" in url, lambda route: route.abort())
    page.goto(site.url("/workers/silent/edit"))
    note = page.get_by_role("alert").filter(has_text="The editor did not answer")
    expect(note).to_contain_text(f"editor.localhost:{site.live.port}", timeout=DEADLINE_MS)
    page.unroute_all()
    note.get_by_role("button", name="Try again").click()
    edit = EditPage(page).wait_until_ready()
    expect(note).to_have_count(0)
    expect(edit.editor.locator("html")).to_have_attribute("data-theme", "dark")


def test_an_editor_that_hears_late_of_a_reconnect_goes_on(site: Site, ada: Person) -> None:
    """It is too busy to hear at once that the connection went and came back: what it still says to the old one must not be
    the first word on the new one, which the server would end for good."""
    site.make_worker("busy")
    page = ada.tab()
    page.add_init_script(LATE)
    page.goto(site.url("/workers/busy/edit"))
    edit = EditPage(page).wait_until_ready()
    edit.open("greeting.py")
    edit.replace_all("# ")
    edit.wait_until_saved()
    edit.type_at_end("a")
    with page.expect_websocket(timeout=DEADLINE_MS):
        ada.network.cut()
        ada.network.mend()
        page.keyboard.type("b" * 40, delay=60)
    page.keyboard.type("c" * 40, delay=60)
    edit.wait_until_saved()
    wait_until(lambda: site.modules("busy")["greeting.py"] == f"# a{'b' * 40}{'c' * 40}", "every key is stored")


def test_Y1_a_killed_tab_restores_what_it_had_typed(site: Site, ada: Person) -> None:
    site.make_worker("killed")
    edit = ada.edit("killed")
    edit.open("greeting.py")
    ada.cut(edit)
    edit.replace_all("survived = True\n")
    until_stored(edit)
    kill(edit.page)
    ada.network.mend()
    page = ada.tab()
    page.goto(site.url("/workers/killed/edit"))
    expect(page.get_by_text("Edits of an earlier session are saved now.")).to_be_visible(timeout=DEADLINE_MS)
    again = EditPage(page).wait_until_ready()
    again.open("greeting.py")
    expect(again.line("survived = True")).to_be_visible(timeout=DEADLINE_MS)
    assert site.modules("killed")["greeting.py"] == "survived = True\n"
    wait_until(lambda: records(again.page) == [], "the outbox is empty")


def test_Y1_a_killed_browser_restores_what_it_had_typed(site: Site, tmp_path: Path) -> None:
    site.make_worker("powerless")
    with signed_in(site, profile=tmp_path) as ada:
        edit = ada.edit("powerless")
        edit.open("greeting.py")
        ada.cut(edit)
        edit.replace_all("survived = True\n")
        until_stored(edit)
        kill_browser(tmp_path)
    with signed_in(site, profile=tmp_path) as ada:
        again = ada.edit("powerless")
        again.open("greeting.py")
        expect(again.line("survived = True")).to_be_visible(timeout=DEADLINE_MS)
        assert site.modules("powerless")["greeting.py"] == "survived = True\n"
        wait_until(lambda: records(again.page) == [], "the outbox is empty")


def test_Y1_another_account_in_the_same_browser_is_never_shown_what_waits(site: Site, ada: Person) -> None:
    site.make_worker("shared")
    before = site.modules("shared")["greeting.py"]
    edit = ada.edit("shared")
    edit.open("greeting.py")
    ada.cut(edit)
    edit.replace_all("secret = 'of Ada'\n")
    until_stored(edit)
    edit.page.close()
    ada.network.mend()
    ada.sign_in(member(site, "bob", "shared"))
    bob = ada.edit("shared")
    bob.open("greeting.py")
    expect(bob.line("def greet")).to_be_visible(timeout=DEADLINE_MS)
    assert site.modules("shared")["greeting.py"] == before
    assert len(records(bob.page)) == 1
    ada.sign_in(site.live.login_link())
    # Bob's page is still open, and its cookie is Ada's now: what is typed there is sent in nobody else's name.
    ada.cut(bob)
    bob.replace_all("typed = 'by Bob'\n")
    until_stored(bob)
    ada.network.mend()
    expect(bob.status).to_have_text(re.compile("Not saved: 1 edit kept here"), timeout=DEADLINE_MS)
    again = ada.edit("shared")
    again.open("greeting.py")
    expect(again.line("secret = 'of Ada'")).to_be_visible(timeout=DEADLINE_MS)
    assert site.modules("shared")["greeting.py"] == "secret = 'of Ada'\n"


def test_Y2_leaving_asks_only_where_edits_are_neither_acknowledged_nor_stored(site: Site, ada: Person) -> None:
    site.make_worker("leaving")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    safe = ada.edit("leaving")
    safe.page.on("dialog", stay)
    safe.open("greeting.py")
    ada.cut(safe)
    safe.replace_all("kept = True\n")
    until_stored(safe)
    with safe.page.expect_event("close"):
        safe.page.close(run_before_unload=True)
    assert asked == []
    ada.network.mend()

    page = ada.tab()
    page.add_init_script(NO_STORAGE)
    page.on("dialog", stay)
    page.goto(site.url("/workers/leaving/edit"))
    edit = EditPage(page).wait_until_ready()
    edit.open("greeting.py")
    ada.cut(edit)
    edit.replace_all("nowhere = 'else'\n")
    expect(edit.status).to_have_attribute("title", re.compile("in this tab only"))
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    ada.network.mend()
    edit.wait_until_saved()
    assert site.modules("leaving")["greeting.py"] == "nowhere = 'else'\n"

"""Two people in one worker, each in a browser profile and behind a network of their own, through all the real parts."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Site
from tests.e2e.people import Person, member, signed_in, stranger
from tests.e2e.typists import Typist, until_equal
from tests.e2e.workbench import DEADLINE_MS, HISTORY, EditPage
from tests.support import wait_until

FILE = "greeting.py"
WORDS = 4
"""Words that each types between two events of the network, at least."""
SECONDS = 60 if os.environ.get("SOAK") else 0
"""How long the two type, at least: ``make soak`` takes the minute."""


@pytest.fixture
def ada(site: Site) -> Iterator[Person]:
    with signed_in(site) as person:
        yield person


def test_Y5_two_people_type_in_one_file_while_the_network_is_cut_twice(site: Site, ada: Person) -> None:
    site.make_worker("together")
    with signed_in(site, member(site, "Ben Oduya", "together")) as ben:
        editors = [ada.edit("together"), ben.edit("together")]
        for edit in editors:
            edit.open(FILE)
        editors[1].replace_all("# ada:\n\n# ben:\n\n")
        for edit in editors:
            expect(edit.line("# ben:")).to_be_visible(timeout=DEADLINE_MS)
        typists = [Typist(editors[0], "# ada:", "a"), Typist(editors[1], "# ben:", "b")]
        for typist in typists:
            typist.begin()
        rounds = (None, ben, None, ada, None)
        for cut in rounds:
            if cut is not None:
                cut.cut(editors[0 if cut is ada else 1])
            until = time.monotonic() + SECONDS / len(rounds)
            words = 0
            while words < WORDS or time.monotonic() < until:
                words += 1
                for typist in typists:
                    typist.word()
            if cut is not None:
                cut.network.mend()
        text = until_equal(site, "together", FILE, editors)
        for typist in typists:
            assert typist.line_of(text) == typist.typed, text
            typist.expect_caret_behind_its_words()
        for edit in editors:
            expect(edit.editor.locator(".tab.active.dirty")).to_have_count(0)
        # Undo takes back one's own words only, though the other's came in between.
        editors[0].undo_all()
        text = until_equal(site, "together", FILE, editors)
        assert [typist.line_of(text) for typist in typists] == ["", typists[1].typed], text
        editors[0].redo_all()
        text = until_equal(site, "together", FILE, editors)
        assert [typist.line_of(text) for typist in typists] == [typist.typed for typist in typists], text


def test_others_cursors_are_shown_with_their_names_and_can_be_followed(site: Site, ada: Person) -> None:
    here = site.open_worker("cursors")
    with signed_in(site, member(site, "Ben Oduya", "cursors")) as ben:
        there = ben.edit("cursors")
        there.open(FILE)
        there.line("def greet").click()
        face = here.page.get_by_role("button", name=re.compile(r"^Follow Ben Oduya in greeting\.py, line \d+"))
        expect(face).to_be_visible(timeout=DEADLINE_MS)
        face.click()
        here.expect_open(FILE)
        caret = here.editor.locator("[class*=colleague-][class*=-caret]")
        expect(caret.first).to_be_visible(timeout=DEADLINE_MS)
        there.page.keyboard.press("Shift+End")
        there.page.keyboard.press("Shift+Home")
        expect(here.editor.locator("[class*=colleague-][class*=-selection]").first).to_be_visible(timeout=DEADLINE_MS)
        there.open("main.py")
        there.line("import").click()
        here.expect_open("main.py")
        here.focus_editor()
        expect(here.page.get_by_role("button", name=re.compile("^Follow Ben Oduya in main.py"))).to_be_visible(
            timeout=DEADLINE_MS
        )
        there.page.close()
        expect(here.page.get_by_role("group", name=re.compile("Here now"))).to_be_hidden(timeout=DEADLINE_MS)


def test_A1_a_viewer_reads_along_in_a_read_only_editor_with_a_live_preview(site: Site) -> None:
    owner = site.open_worker("viewed")
    with signed_in(site, member(site, "Vera", "viewed", "viewer")) as vera:
        viewer = vera.edit("viewed")
        viewer.open(FILE)
        owner.open(FILE)
        before = site.modules("viewed")[FILE]
        viewer.focus_editor()
        viewer.page.keyboard.type("x = 1")
        expect(viewer.editor.get_by_text(re.compile("read-only")).first).to_be_visible(timeout=DEADLINE_MS)
        expect(viewer.page.get_by_role("button", name="Deploy", exact=True)).to_be_hidden()
        expect(viewer.page.get_by_text("View only")).to_be_visible()
        assert site.modules("viewed")[FILE] == before
        owner.replace_all("def greet(name: str) -> str:\n    return f'Salve, {name}'\n")
        expect(viewer.line("Salve")).to_be_visible(timeout=DEADLINE_MS)
        viewer.expect_preview("Salve")


def test_H1_H3_the_history_shows_changes_in_the_diff_editor_and_restores_what_was(site: Site) -> None:
    edit = site.open_worker("history")
    before = site.modules("history")[FILE]
    edit.deploy("as it was")
    edit.close_dialog()
    edit.open(FILE)
    after = "def greet(name: str) -> str:\n    return f'Salve, {name}'\n"
    edit.replace_all(after)
    edit.wait_until_saved()
    edit.editor.get_by_role("button", name=HISTORY).click()
    entries = edit.editor.locator(".customview-tree .monaco-list-row")
    expect(entries).to_have_count(2, timeout=DEADLINE_MS)
    expect(entries.last).to_contain_text("v1 live")
    entries.first.click()
    expect(edit.editor.locator(".tab.active", has_text="revision")).to_be_visible(timeout=DEADLINE_MS)
    expect(edit.editor.locator(".monaco-diff-editor .line-insert").first).to_be_visible(timeout=DEADLINE_MS)
    entries.last.hover()
    entries.last.get_by_role("button", name="Restore This Revision").click()
    done = edit.editor.locator(".notification-toast", has_text=f"{FILE} is as at revision")
    expect(done).to_be_visible(timeout=DEADLINE_MS)
    assert site.modules("history")[FILE] == before
    done.get_by_role("button", name="Undo").click()
    wait_until(lambda: site.modules("history")[FILE] == after, "the restore is taken back")


def test_A2_an_owner_invites_by_link_changes_roles_and_removes_with_a_second_click(site: Site) -> None:
    site.make_worker("members")
    page = site.tab()
    page.goto(site.url("/workers/members/settings"))
    page.get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("button", name="Invite").click()
    field = page.get_by_label("Invitation link")
    expect(field).to_have_value(re.compile("token="))
    link = field.input_value()
    with stranger(site) as guest:
        guest.goto(link)
        guest.get_by_label("Your name").fill("Mei Tanaka")
        guest.get_by_role("button", name="Join").click()
        opened = EditPage(guest).wait_until_ready()
        expect(guest.get_by_text("View only")).to_be_visible()
        page.reload()
        page.get_by_label("Role of Mei Tanaka").select_option("editor")
        expect(guest.get_by_text("You can edit this worker now.")).to_be_visible(timeout=DEADLINE_MS)
        opened.type_at_end("# by Mei\n")
        wait_until(lambda: "# by Mei" in site.modules("members")["main.py"], "the text of the new editor")
        button = page.get_by_role("button", name=re.compile("Remove Mei Tanaka"))
        button.click()
        expect(button).to_have_text("Click again")
        button.click()
        expect(page.get_by_text("Mei Tanaka")).to_have_count(0)
        expect(opened.status).to_have_attribute("data-state", "offline", timeout=DEADLINE_MS)
        guest.reload()
        expect(guest.get_by_role("heading", name=re.compile("not|no", re.I)).first).to_be_visible()
    page.close()

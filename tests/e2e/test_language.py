"""What a person sees of the language features, in a real Chromium: type and complete, squiggle and hover, F12, F2, a quick fix,
and the other kinds of file."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, LATE, EditPage

GREETING = '''def greet(name: str) -> str:
    """Greets one person."""
    return f"Salve, {name}"
'''
MAIN = """from workers import Response, WorkerEntrypoint

from greeting import greet


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        text = greet("you")
        return Response(text)
"""


def squiggles(edit: EditPage, kind: str = "error") -> Locator:
    return edit.editor.locator(f".squiggly-{kind}")


def worker(site: Site, name: str) -> EditPage:
    """A worker with two modules, main.py open and its language client running."""
    edit = site.open_worker(name)
    edit.open("greeting.py")
    edit.replace_all(GREETING)
    edit.open("main.py")
    edit.replace_all(MAIN)
    # Not before it is there: what is clicked on next is also in the text that it replaces, elsewhere.
    expect(edit.cursor_line()).to_have_text("Ln 10, Col 1", timeout=DEADLINE_MS)
    # Nor before the hint of the type, which comes last and moves the rest of its line from under the mouse.
    expect(edit.line("text")).to_contain_text(": str", timeout=DEADLINE_MS)
    edit.wait_until_saved()
    return edit


def put_cursor_on(edit: EditPage, word: str) -> None:
    """Clicks into the last place of the active editor where a token reads so."""
    edit.editor.locator(
        ".editor-group-container.active .view-line span span", has_text=re.compile(rf"^\s*{word}\s*$")
    ).last.click()


def test_a_member_of_the_request_is_offered_with_its_documentation_and_completed_with_tab(site: Site) -> None:
    edit = worker(site, "completing")
    edit.line("greet(").click()
    edit.page.keyboard.press("End")
    edit.page.keyboard.type("\nrequest.hea", delay=40)
    expect(edit.suggestions().first).to_have_text("headers", timeout=DEADLINE_MS)
    edit.page.keyboard.press("Tab")
    expect(edit.line("request.headers")).to_be_visible()
    edit.page.keyboard.type("\nxs = Decima", delay=40)
    row = edit.editor.locator(".suggest-widget.visible .monaco-list-row", has_text="decimal").first
    expect(row).to_be_visible(timeout=DEADLINE_MS)
    row.click()
    expect(edit.line("from decimal import Decimal")).to_be_visible(timeout=DEADLINE_MS)


def test_a_key_pressed_before_the_services_are_there_is_answered_once_they_are(site: Site) -> None:
    site.make_worker("early")
    page = site.tab()
    page.add_init_script(LATE)
    page.goto(site.url("/workers/early/edit"))
    edit = EditPage(page).wait_until_ready()
    expect(edit.line(": dict[str, str]")).to_have_count(0)  # what they say first of all
    edit.line("return Response").locator("span span", has_text="Response").first.click()
    page.keyboard.press("F12")
    edit.expect_open("response.py")


def test_an_answer_that_comes_when_the_next_word_is_begun_does_not_stand_for_that(site: Site) -> None:
    site.make_worker("hurried")
    page = site.tab()
    page.add_init_script(LATE)
    with page.expect_websocket() as opened:
        page.goto(site.url("/workers/hurried/edit"))
    edit = EditPage(page).wait_until_ready()
    edit.open("main.py")
    expect(edit.line(": dict[str, str]")).to_be_visible(timeout=DEADLINE_MS)  # the first answers are there
    with opened.value.expect_event(
        "framesent", lambda frame: '"textDocument/completion"' in str(frame), timeout=DEADLINE_MS
    ):
        edit.type_at_end("\nimport")
    page.keyboard.type(" jso")
    expect(edit.suggestions().first).to_have_text("json", timeout=DEADLINE_MS)


def test_a_type_error_is_underlined_says_why_on_hover_and_stands_in_problems(site: Site) -> None:
    edit = worker(site, "squiggles")
    expect(squiggles(edit)).to_have_count(0)
    edit.replace_line('greet("you")', "text = greet(3)")
    edit.page.keyboard.press("Control+Shift+m")
    problems = edit.editor.locator(".markers-panel-container")
    expect(problems).to_contain_text("invalid-argument-type", timeout=DEADLINE_MS)
    # What was underlined while it was half typed is not any more, and the mouse finds what it is led to: the hint of the type,
    # which comes last, moves the rest of the line to the right.
    expect(squiggles(edit)).to_have_count(1)
    expect(edit.line("greet(3)")).to_contain_text(": str", timeout=DEADLINE_MS)
    squiggles(edit).hover(force=True)
    hover = edit.editor.locator(".monaco-hover:visible")
    expect(hover.first).to_contain_text("Expected `str`", timeout=DEADLINE_MS)
    edit.replace_line("greet(3)", 'text = greet("you")')
    expect(squiggles(edit)).to_have_count(0, timeout=DEADLINE_MS)


def test_f12_goes_to_another_module_and_into_read_only_stubs(site: Site) -> None:
    edit = worker(site, "definitions")
    put_cursor_on(edit, "greet")
    edit.page.keyboard.press("F12")
    edit.expect_open("greeting.py")
    edit.open("main.py")
    edit.line("return Response(text)").locator("span span", has_text="Response").click()
    edit.page.keyboard.press("F12")
    edit.expect_open("response.py")
    expect(edit.line("class Response")).to_be_visible(timeout=DEADLINE_MS)
    before = edit.text()
    edit.line("class Response").click()
    edit.page.keyboard.type("x")
    assert edit.text().split("\n")[0] == before.split("\n")[0]
    expect(edit.line("xclass Response")).to_have_count(0)


def test_f2_renames_in_all_modules_in_one_revision(site: Site) -> None:
    edit = worker(site, "renaming")
    edit.expect_preview("Salve, you")  # of the last revision: the status line is as far as the preview
    revision = edit.revision()
    put_cursor_on(edit, "greet")
    edit.page.keyboard.press("F2")
    box = edit.editor.locator(".rename-box input")
    expect(box).to_be_visible(timeout=DEADLINE_MS)
    box.fill("salute")
    edit.page.keyboard.press("Enter")
    expect(edit.line('salute("you")')).to_be_visible(timeout=DEADLINE_MS)
    edit.expect_preview("Salve, you")
    edit.wait_until_saved()
    assert edit.revision() == revision + 1, "a rename is one operation of the workspace"
    edit.open("greeting.py")
    expect(edit.line("def salute")).to_be_visible()
    expect(edit.editor.locator(".tab.dirty")).to_have_count(0)


def test_a_quick_fix_brings_the_import(site: Site) -> None:
    edit = worker(site, "fixing")
    edit.replace_line('greet("you")', "text = Decimal(1)")
    edit.page.keyboard.press("Escape")
    expect(squiggles(edit).first).to_be_visible(timeout=DEADLINE_MS)
    put_cursor_on(edit, "Decimal")
    expect(edit.editor.locator(".lightBulbWidget").first).to_be_visible(timeout=DEADLINE_MS)
    fix = edit.editor.locator(".action-widget .monaco-list-row", has_text="from decimal import Decimal").first
    edit.page.keyboard.press("Control+.")
    expect(fix).to_be_visible(timeout=DEADLINE_MS)
    edit.page.keyboard.press("Enter")
    expect(edit.line("from decimal import Decimal")).to_be_visible(timeout=DEADLINE_MS)


def test_a_handler_comes_from_a_snippet_and_toml_has_its_colours(site: Site) -> None:
    edit = site.open_worker("snippets")
    edit.explorer_new("New File...", "handler.py")
    edit.expect_open("handler.py")
    edit.type_at_end("worker")
    row = edit.editor.locator(".suggest-widget.visible .monaco-list-row", has_text="Worker with fetch").first
    row.click()
    expect(edit.line("async def fetch(self, request):")).to_be_visible(timeout=DEADLINE_MS)
    edit.explorer_new("New File...", "pyproject.toml")
    edit.expect_open("pyproject.toml")
    edit.replace_all('[project]\nname = "toml"\n')
    word = edit.editor.locator(".view-line span span", has_text=re.compile(r'^"?toml"?$')).last
    expect(word).not_to_have_class("mtk1", timeout=DEADLINE_MS)


def test_the_configuration_file_completes_its_settings_and_underlines_what_cannot_be(site: Site) -> None:
    edit = site.open_worker("configured")
    edit.open("quickedit.json")
    edit.replace_all('{\n  "main": 3,\n  "trig"\n}\n')
    expect(squiggles(edit, "warning").or_(squiggles(edit)).first).to_be_visible(timeout=DEADLINE_MS)
    edit.line('"trig"').click()
    edit.page.keyboard.press("End")
    edit.page.keyboard.press("ArrowLeft")
    edit.page.keyboard.press("Control+Space")
    expect(edit.suggestions().first).to_have_text("triggers", timeout=DEADLINE_MS)

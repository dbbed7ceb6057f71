"""What a person does in the edit page, as the browser tests say it: find a module, type, look at the preview.

Only what a person can see or reach is used here: roles, labels, the workbench's own rows and tabs, the keyboard.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from playwright.sync_api import FrameLocator, Locator, Page, expect

DEADLINE_MS = 20_000
LATE = """
const set = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage').set
Object.defineProperty(MessagePort.prototype, 'onmessage', {
    set(listener) { set.call(this, (event) => setTimeout(() => listener(event), 1500)) },
})
"""
"""Every message reaches its listener a second and a half late."""

SHOWN = ".editor-group-container.active .editor-instance .monaco-editor"
"""The text editor of the group in which one works."""

HISTORY = re.compile("^History .*Section$")
"""The header of that pane of the explorer: there is an «Explorer Section: history» as well where a worker is named so."""


class EditPage:
    """One open worker in one browser tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.editor: FrameLocator = page.frame_locator('iframe[title="Editor"]')
        self.preview: FrameLocator = page.frame_locator('iframe[title="Preview"]')
        self.status: Locator = page.locator('[role="status"][data-state]')

    def wait_until_ready(self) -> EditPage:
        """Until a person would begin: the modules are listed, the open one has its colours, all panes are there. Completion and
        the content of the History come a moment later."""
        expect(self.row("main.py")).to_be_visible(timeout=DEADLINE_MS)
        expect(self.editor.locator(".monaco-editor .view-line span span").first).to_be_visible(timeout=DEADLINE_MS)
        expect(self.editor.get_by_role("button", name=HISTORY)).to_be_visible(timeout=DEADLINE_MS)
        self.wait_until_saved()
        return self

    def wait_until_saved(self) -> None:
        expect(self.status).to_have_attribute("data-state", "saved", timeout=DEADLINE_MS)

    def revision(self) -> int:
        return int(self.status.get_attribute("data-revision") or 0)

    # --- the explorer ---------------------------------------------------------------------------------------------

    def row(self, name: str) -> Locator:
        label = self.editor.locator(".explorer-folders-view .label-name")
        return label.filter(has_text=re.compile(rf"^{re.escape(name)}$"))

    def quick_input(self, key: str) -> Locator:
        """The box that a key opens."""
        self.focus_editor()
        self.page.keyboard.press(key)
        box = self.editor.locator(".quick-input-widget input.input")
        expect(box).to_be_visible()
        return box

    def command(self, name: str) -> None:
        """Runs a command of the workbench by its title, through the command palette."""
        self.quick_input("F1").fill(f">{name}")
        entry = self.editor.locator(".quick-input-list .monaco-list-row").first
        expect(entry).to_contain_text(name)
        entry.click()

    def open(self, path: str) -> None:
        """Opens a module through quick open."""
        self.quick_input("Control+p").fill(path)
        name = path.rsplit("/", 1)[-1]
        entry = self.editor.locator(".quick-input-list .monaco-list-row").first
        expect(entry).to_contain_text(name)
        entry.click()
        self.expect_open(path)
        # The workbench gives the focus to the module last of all, and away from whatever was opened since.
        expect(self.editor.locator(f"{SHOWN}.focused")).to_be_visible(timeout=DEADLINE_MS)

    def expect_open(self, path: str) -> None:
        """Until the tab is in front and its editor shows this module: the tab comes first, over the text of the one before."""
        name = path.rsplit("/", 1)[-1]
        expect(self.editor.locator(".tabs-container .tab.active")).to_contain_text(name, timeout=DEADLINE_MS)
        of_that_name = re.compile(rf"/{re.escape(quote(name))}$")
        expect(self.editor.locator(SHOWN).first).to_have_attribute("data-uri", of_that_name, timeout=DEADLINE_MS)

    def cursor_line(self) -> Locator:
        """The status bar's «Ln 3, Col 1»."""
        return self.editor.locator("[id='status.editor.selection']")

    # --- the text -------------------------------------------------------------------------------------------------

    def focus_editor(self) -> None:
        group = self.editor.locator(".editor-group-container.active .monaco-editor .view-lines").first
        if group.count():
            group.click(position={"x": 200, "y": 4})
        else:
            self.editor.locator(".monaco-workbench").click(position={"x": 400, "y": 200})

    def text(self) -> str:
        lines = self.editor.locator(".editor-group-container.active .monaco-editor .view-line")
        return "\n".join(lines.all_inner_texts()).replace("\u00a0", " ")

    def replace_all(self, text: str) -> None:
        """Selects everything in the active editor and pastes ``text`` over it; typing would indent and close brackets."""
        self.page.evaluate("text => navigator.clipboard.writeText(text)", text)
        self.focus_editor()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Control+v")

    def replace_line(self, line: str, by: str) -> None:
        """Types over one line of the active editor."""
        self.line(line).click()
        self.page.keyboard.press("Home")
        self.page.keyboard.press("Shift+End")
        self.page.keyboard.type(by)

    def type_at_end(self, text: str) -> None:
        """Types key by key behind the last character, with the workbench's own completion popping up."""
        self.focus_editor()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text, delay=30)

    def line(self, text: str) -> Locator:
        """A line of the active editor that has this text in it."""
        return self.editor.locator(".editor-group-container.active .monaco-editor .view-line", has_text=text).first

    def undo_all(self) -> None:
        self._press_until_still("Control+z")

    def redo_all(self) -> None:
        self._press_until_still("Control+y")

    def _press_until_still(self, key: str) -> None:
        """Presses a key until it changes nothing any more."""
        before = ""
        while before != (before := self.text()):
            for _ in range(20):
                self.page.keyboard.press(key)

    def suggestions(self) -> Locator:
        return self.editor.locator(".suggest-widget.visible .monaco-list-row .label-name")

    def expect_preview(self, text: str | re.Pattern[str], timeout: int = DEADLINE_MS) -> None:
        expect(self.preview.locator("body")).to_contain_text(text, timeout=timeout)

    # --- the explorer's own menus -----------------------------------------------------------------------------------

    def explorer_menu(self, name: str, entry: str) -> None:
        self.row(name).click(button="right")
        menu = self.editor.locator(".monaco-menu .action-item", has_text=re.compile(rf"^{re.escape(entry)}"))
        menu.first.click()

    def explorer_new(self, title: str, name: str) -> None:
        """«New File...» or «New Folder...» of the explorer's title bar, in the chosen folder."""
        header = self.editor.locator(".explorer-viewlet .pane-header, .explorer-folders-view").first
        header.hover()
        self.editor.get_by_role("button", name=title).first.click()
        box = self.editor.locator(".explorer-item-edited input")
        expect(box).to_be_visible()
        box.fill(name)
        self.page.keyboard.press("Enter")

    def rename(self, name: str, to: str) -> None:
        self.row(name).click()
        self.page.keyboard.press("F2")
        box = self.editor.locator(".explorer-item-edited input")
        expect(box).to_be_visible()
        box.fill(to)
        self.page.keyboard.press("Enter")

    def delete(self, name: str, said: str = "") -> None:
        """Deletes a file or folder, whose name is asked about in a dialog that says ``said``."""
        self.row(name).click()
        self.page.keyboard.press("Delete")
        dialog = self.editor.get_by_role("dialog")
        expect(dialog).to_contain_text(said)
        dialog.get_by_role("button", name="Delete", exact=True).click()
        expect(self.row(name)).to_have_count(0)

    # --- preview and deploy -----------------------------------------------------------------------------------------

    def preview_origin(self) -> str:
        source = self.page.locator('iframe[title="Preview"]').get_attribute("src") or ""
        found = re.match(r"https?://[^/]+", source)
        assert found, f"the preview has no address: {source!r}"
        return found.group()

    def deploy(self, message: str) -> None:
        self.wait_until_saved()
        self.page.get_by_role("button", name="Deploy", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        dialog.get_by_label("Message").fill(message)
        dialog.get_by_role("button", name=re.compile("^Deploy")).click()
        expect(dialog.get_by_role("link", name=re.compile("localhost")).first).to_be_visible(timeout=DEADLINE_MS)

    def close_dialog(self) -> None:
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_role("dialog")).to_have_count(0)

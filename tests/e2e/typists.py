"""Somebody who types words behind a mark of their own, and knows afterwards what must be there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import expect

from tests.e2e.conftest import Site
from tests.e2e.workbench import DEADLINE_MS, EditPage
from tests.support import wait_until


class Typist:
    """Types at the end of the line that begins with ``mark``, by keys alone."""

    def __init__(self, edit: EditPage, mark: str, letter: str) -> None:
        self.edit = edit
        self.mark = mark
        self.letter = letter
        self.typed = ""

    def begin(self) -> None:
        self.edit.line(self.mark).click()
        self.edit.page.keyboard.press("End")

    def word(self) -> None:
        """The next word, key by key; the caret stays where it is, whatever others do to the lines around it."""
        word = f" {self.letter}{self.typed.count(' ')}"
        self.edit.page.keyboard.type(word)
        self.typed += word

    def line_of(self, text: str) -> str:
        """What stands behind the mark."""
        found = re.search(rf"^{re.escape(self.mark)}(.*)$", text, re.MULTILINE)
        assert found, text
        return found[1]

    def expect_caret_behind_its_words(self) -> None:
        column = len(self.mark) + len(self.typed) + 1
        expect(self.edit.cursor_line()).to_contain_text(f"Col {column}", timeout=DEADLINE_MS)


def until_equal(site: Site, worker: str, path: str, editors: Sequence[EditPage]) -> str:
    """Waits until everything is acknowledged and every editor shows what the server has; returns that."""
    for edit in editors:
        edit.wait_until_saved()
    revision = max(edit.revision() for edit in editors)

    def equal() -> bool:
        text = site.modules(worker)[path].rstrip("\n")
        return all(edit.text().rstrip("\n") == text for edit in editors) and all(
            edit.revision() >= revision for edit in editors
        )

    wait_until(equal, "the same text everywhere")
    return site.modules(worker)[path]

"""docs/security.md: every promise names a test that is there, and every row of the sandbox is among them with its control."""

from __future__ import annotations

import re

from tests.support import ROOT

ROW = re.compile(r"^\| ([A-Z]\d+) \|")
NAME = re.compile(r"`(test_\w+)`")
WITHOUT_CONTROL = {"S13", "S14", "S16", "S17"}
"""They promise that an outcome is told or refused; that the well-behaved one is answered is tested beside them."""


def rows() -> dict[str, list[str]]:
    text = (ROOT / "docs/security.md").read_text()
    return {found[1]: line.split("|")[1:-1] for line in text.splitlines() if (found := ROW.match(line))}


def defined() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for path in files for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M)}


def test_every_test_that_the_document_names_is_there() -> None:
    named = set(NAME.findall((ROOT / "docs/security.md").read_text()))
    assert len(named) > 50
    assert named - defined() == set()


def test_every_row_has_a_promise_and_a_test_and_the_sandbox_has_controls() -> None:
    found = rows()
    assert {f"S{number}" for number in range(1, 19)} <= set(found)
    for row, (_, promise, tests, control) in found.items():
        assert promise.strip() and NAME.search(tests), row
        if row.startswith("S") and row not in WITHOUT_CONTROL:
            assert all("_control_" in name for name in NAME.findall(control)) and NAME.search(control), row

"""docs/compatibility.md: each of its lines names a test that is there."""

from __future__ import annotations

import re

from tests.support import ROOT


def test_every_line_names_a_test_that_is_there() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    text = (ROOT / "docs" / "compatibility.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
    lines = [line for line in lines if not line.endswith("| test |")]
    assert len(lines) > 30
    for line in lines:
        named = re.search(r"`(test_\w+)` \|$", line)
        assert named, f"names no test: {line}"
        assert named[1] in there, f"names a test that is not there: {line}"

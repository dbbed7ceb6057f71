"""The text of open documents: changes and places in UTF-16 units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickedit.language.documents import BadPosition, Document, code_points, utf16_units

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=40)


def place(text: str, index: int) -> dict[str, int]:
    before = text[:index]
    line = before.rpartition("\n")[2]
    return {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}


@given(TEXTS, TEXTS, st.data())
def test_a_change_replaces_exactly_its_range(text: str, inserted: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    document = Document("a.py", text)
    document.change([{"range": {"start": place(text, start), "end": place(text, end)}, "text": inserted}])
    assert document.text == text[:start] + inserted + text[end:]


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\r")))
def test_units_and_code_points_are_inverse(line: str) -> None:
    for index in range(len(line) + 1):
        assert code_points(line, utf16_units(line, index)) == index


def test_a_place_outside_the_text_is_moved_into_it() -> None:
    document = Document("a.py", "ab\ncd")
    assert document.line_and_column(0, 99) == (1, 2)
    assert document.line_and_column(99, 99) == (2, 2)


@pytest.mark.parametrize("change", [{}, {"text": 3}, {"text": "x", "range": 3}, {"text": "x", "range": {}}])
def test_a_malformed_change_changes_nothing(change: object) -> None:
    document = Document("a.py", "ab")
    with pytest.raises(BadPosition):
        document.change([{"text": "cd"}, change])
    assert document.text == "ab"

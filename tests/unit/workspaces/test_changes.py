"""Change sets: what is refused, and the characters that take two units. Equality with the library is in
tests/contract."""

from __future__ import annotations

import time
from typing import Any

import pytest

from quickedit.errors import BadInput
from quickedit.workspaces import changes
from quickedit.workspaces.changes import parse


@pytest.mark.parametrize(
    "data",
    [
        [-1],
        [1.0],
        ["a"],
        [None],
        [True],
        [[]],
        [["a"]],
        [[-1]],
        [[1, 2]],
        [[1, None]],
        [[1, ["a"]]],
        [[1, "a\nb"]],
        [{}],
        [[True]],
    ],
)
def test_what_the_library_would_not_write_is_refused(data: list[Any]) -> None:
    with pytest.raises(BadInput) as refusal:
        parse(data)
    assert refusal.value.code == "bad-changes"


def test_Y6_a_carriage_return_in_an_edit_is_refused() -> None:
    with pytest.raises(BadInput) as refusal:
        parse([[0, "a\r", "b"]])
    assert refusal.value.code == "line-ends"


def test_Y6_a_lone_surrogate_in_an_edit_is_refused() -> None:
    for text in ("\ud83d", "\ude00", "a\ude00\ud83d"):
        with pytest.raises(BadInput) as refusal:
            parse([[0, text]])
        assert refusal.value.code == "lone-surrogate"


@pytest.mark.parametrize("edit", [[1, [1], 3], [1, [3], 1], [2, [0, "x"], 3], [2, [1], 2]])
def test_Y6_an_edit_that_cuts_a_character_in_half_is_refused(edit: list[Any]) -> None:
    text = "a😀😀"
    edit = [part if isinstance(part, int) else list(part) for part in edit]
    assert parse(edit).length == changes.units(text)
    with pytest.raises(BadInput) as refusal:
        changes.apply(text, parse(edit))
    assert refusal.value.code == "half-character"


def test_Y6_whole_wide_characters_can_be_edited() -> None:
    assert changes.apply("a😀b😁", parse([1, [2, "x"], 1, [0, "😂"], 2])) == "axb😂😁"
    assert changes.apply("a😀", parse([3, [0, "", ""]])) == "a😀\n"


def test_Y6_NUL_and_line_separators_survive() -> None:
    assert changes.apply("a", parse([1, [0, "\0\u2028\u2029\x85\x0b\x0c"]])) == "a\0\u2028\u2029\x85\x0b\x0c"


@pytest.mark.parametrize("edit", [[], [4], [6], [[6]], [5, [1]], [5, 1]])
def test_an_edit_off_the_end_is_refused(edit: list[Any]) -> None:
    with pytest.raises(BadInput) as refusal:
        changes.apply("hello", parse(edit))
    assert refusal.value.code == "off-the-end"


def test_edits_of_different_texts_cannot_be_mapped_or_composed() -> None:
    pairs: list[tuple[list[Any], list[Any]]] = [
        ([5], [[0, "a"], 4]),
        ([[5]], [[3]]),
        ([[1], 4], [6]),
        ([[2]], [[0, "a"], 3]),
    ]
    for one, other in pairs:
        for left, right in ((parse(one), parse(other)), (parse(other), parse(one))):
            with pytest.raises(BadInput):
                changes.map_over(left, right)
    with pytest.raises(BadInput):
        changes.compose(parse([[0, "a"], 4]), parse([[0, "b"], 4]))


def test_of_two_insertions_at_one_place_the_mapped_one_comes_after() -> None:
    first, second = parse([1, [0, "A"], 1]), parse([1, [0, "B"], 1])
    assert changes.map_over(second, first).to_json() == [2, [0, "B"], 1]
    assert changes.map_over(second, first, before=True).to_json() == [1, [0, "B"], 2]


@pytest.mark.parametrize("line", ["x", "é", "😀"])
def test_Y6_a_line_of_a_mebibyte_is_edited_within_a_few_milliseconds(line: str) -> None:
    text = line * (1024 * 1024 // len(line.encode()))
    length = changes.units(text)
    middle = length // 4 * 2
    edit = parse([middle, [0, "!"], length - middle])
    best = 1.0
    for _ in range(5):
        began = time.perf_counter()
        after = changes.apply(text, edit, length)
        best = min(best, time.perf_counter() - began)
    assert len(after) == len(text) + 1
    assert best < 0.05, f"{best * 1000:.1f} ms"

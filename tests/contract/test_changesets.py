"""Python's change sets against ``@codemirror/state``: the same input gives the same output, section by section.

The cases come from ``changesets.mjs`` beside this file, which runs the library itself.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from quickedit.workspaces import changes
from quickedit.workspaces.changes import parse

GOLDEN: dict[str, Any] = json.loads(gzip.decompress(Path(__file__).with_name("changesets.json.gz").read_bytes()))
CASES: list[dict[str, Any]] = [dict(zip(GOLDEN["columns"], case, strict=True)) for case in GOLDEN["cases"]]


def test_there_are_at_least_three_thousand_cases() -> None:
    assert len(CASES) >= 3000
    assert sum(len(case["text"]) != changes.units(case["text"]) for case in CASES) > 500, "too few with wide characters"


def test_the_json_form_is_read_and_written_unchanged() -> None:
    for case in CASES:
        for name in ("a", "b", "next", "composed", "a_over_b"):
            assert parse(case[name]).to_json() == case[name]


def test_apply_gives_the_librarys_text() -> None:
    for case in CASES:
        assert changes.apply(case["text"], parse(case["a"])) == case["applied"], case


@pytest.mark.parametrize(
    ("first", "second", "before", "expected"),
    [
        ("a", "b", False, "a_over_b"),
        ("a", "b", True, "a_before_b"),
        ("b", "a", False, "b_over_a"),
        ("b", "a", True, "b_before_a"),
    ],
)
def test_map_gives_the_librarys_sections(first: str, second: str, before: bool, expected: str) -> None:
    for case in CASES:
        mapped = changes.map_over(parse(case[first]), parse(case[second]), before)
        assert mapped.to_json() == case[expected], case


def test_compose_gives_the_librarys_sections() -> None:
    composed = 0
    for case in CASES:
        a, b, a_over, b_over = parse(case["a"]), parse(case["b"]), parse(case["a_before_b"]), parse(case["b_over_a"])
        assert changes.compose(a, b_over).to_json() == case["a_then_b"], case
        assert changes.compose(b, a_over).to_json() == case["b_then_a"], case
        if case["a"] != case["composed"]:
            composed += 1
            assert changes.compose(a, parse(case["next"])).to_json() == case["composed"], case
    assert composed > 1000


def test_both_orders_of_two_concurrent_edits_end_in_one_text() -> None:
    for case in CASES:
        one = changes.apply(case["text"], parse(case["a_then_b"]))
        other = changes.apply(case["text"], parse(case["b_then_a"]))
        assert one == other, case

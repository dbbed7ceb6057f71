"""Cron expressions as documented: https://developers.cloudflare.com/workers/configuration/cron-triggers/."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from preview.cron import BadCron, parse


def next_of(text: str, after: str, count: int = 1) -> list[str]:
    moment: datetime | None = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = []
    for _ in range(count):
        assert moment is not None
        moment = parse(text).following(moment)
        found.append("never" if moment is None else moment.strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("* * * * *", "2026-01-01 10:00:30", ["2026-01-01 10:01", "2026-01-01 10:02"]),
        ("*/30 * * * *", "2026-01-01 10:00", ["2026-01-01 10:30", "2026-01-01 11:00"]),
        ("45 * * * *", "2026-01-01 10:45", ["2026-01-01 11:45"]),
        ("0 17 * * sun", "2026-01-01 10:00", ["2026-01-04 17:00"]),
        ("0 17 * * 1", "2026-01-01 10:00", ["2026-01-04 17:00"]),
        ("10 7 * * mon-fri", "2026-01-02 08:00", ["2026-01-05 07:10"]),
        ("10 7 * * 2-6", "2026-01-02 08:00", ["2026-01-05 07:10"]),
        ("0 15 1 * *", "2026-01-01 15:00", ["2026-02-01 15:00"]),
        ("0 18 * * 6L", "2026-01-01 00:00", ["2026-01-30 18:00", "2026-02-27 18:00"]),
        ("0 18 * * friL", "2026-01-01 00:00", ["2026-01-30 18:00"]),
        ("59 23 LW * *", "2026-01-01 00:00", ["2026-01-30 23:59", "2026-02-27 23:59", "2026-03-31 23:59"]),
        ("0 0 L * *", "2026-01-31 00:00", ["2026-02-28 00:00"]),
        ("0 0 L-1 * *", "2026-01-31 00:00", ["2026-02-27 00:00"]),
        ("0 0 15W * *", "2026-02-01 00:00", ["2026-02-16 00:00", "2026-03-16 00:00", "2026-04-15 00:00"]),
        ("0 0 1W 8 *", "2026-01-01 00:00", ["2026-08-03 00:00"]),
        ("0 0 * * 2#3", "2026-01-01 00:00", ["2026-01-19 00:00", "2026-02-16 00:00"]),
        ("0 0 29 2 *", "2026-01-01 00:00", ["2028-02-29 00:00"]),
        ("0 0 13 * 6", "2026-01-01 00:00", ["2026-02-13 00:00", "2026-03-13 00:00"]),
        ("5/20 8-9,12 * JAN,feb *", "2026-02-28 12:00", ["2026-02-28 12:05", "2026-02-28 12:25", "2026-02-28 12:45",
                                                       "2027-01-01 08:05"]),
        ("0 0 31 2 *", "2026-01-01 00:00", ["never"]),
    ],
)  # fmt: skip
def test_an_expression_is_due_when_the_documentation_says(text: str, after: str, expected: list[str]) -> None:
    assert next_of(text, after, len(expected)) == expected


def test_what_comes_next_also_matches() -> None:
    for text in ("*/7 3-5 * * *", "0 0 LW * *", "1 1 * * SAT#2", "0 12 1,15 3/2 MON-FRI"):
        cron = parse(text)
        moment: datetime | None = datetime(2026, 1, 1, tzinfo=UTC)
        for _ in range(50):
            assert moment is not None
            moment = cron.following(moment)
            assert moment is not None and cron.matches(moment)


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 0", "* * * * 8",
     "*/0 * * * *", "5-1 * * * *", "a * * * *", "* * * foo *", "*-5 * * * *", "1,,2 * * * *", "* * L-31 * *", "* * 32W * *",
     "* * * * 6#6", "* * * * 9L", "1 " * 90, "@daily", "-1 * * * *", "1/ * * * *", "١ * * * *"],
)  # fmt: skip
def test_what_is_no_expression_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadCron, match=r"."):
        parse(text)

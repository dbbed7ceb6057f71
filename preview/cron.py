"""Cron triggers: parses an expression as Cloudflare documents it, and says when it is due next. Times are UTC.

The configuration is checked with it and the runner schedules by it. Five fields: minute, hour, day of the month, month,
day of the week; ``*``, lists, ranges and steps in each. Days of the week count from 1, Sunday, to 7, Saturday, or are
named; days of the month take ``L``, ``L-3``, ``15W`` and ``LW``, days of the week ``6L`` and ``6#2``. A moment is due
where all five fields match. Source: https://developers.cloudflare.com/workers/configuration/cron-triggers/.

Own, because the libraries for it count days of the week from 0 and take the two kinds of days as alternatives.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_LENGTH = 100
_HORIZON = 4 * 366 + 1
"""Days looked ahead: 29 February comes at the latest then, but for the year 2100."""

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 1)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 1, 7, _DAYS),
)
_PART = re.compile(r"(\*|[0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?(?:/([0-9]{1,2}))?")

Days = Callable[[int, int], set[int]]
"""(year, month) → days of that month."""


class BadCron(ValueError):
    """The message is a sentence that names the field."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    days: tuple[Days, ...]
    """All of them must name a day."""

    def matches(self, moment: datetime) -> bool:
        return (
            moment.minute in self.minutes
            and moment.hour in self.hours
            and moment.month in self.months
            and all(moment.day in days(moment.year, moment.month) for days in self.days)
        )

    def following(self, moment: datetime) -> datetime | None:
        """The first due minute after ``moment``; None where there is none within four years."""
        start = (moment.astimezone(UTC) + timedelta(minutes=1)).replace(second=0, microsecond=0)
        day = start.date()
        for _ in range(_HORIZON):
            if day.month in self.months and all(day.day in days(day.year, day.month) for days in self.days):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                        if due >= start:
                            return due
            day += timedelta(days=1)
        return None


def parse(text: str) -> Cron:
    """Raises BadCron."""
    if len(text) > MAX_LENGTH:
        raise BadCron(f"A cron expression has at most {MAX_LENGTH} characters.")
    fields = text.lower().split()
    if len(fields) != 5:
        raise BadCron(
            f"“{text}” has {len(fields)} fields; a cron expression has five: minute, hour, day of the month, month,"
            " day of the week."
        )
    minutes, hours, month_days, months, week_days = fields
    chosen = (
        _days_of_month(month_days),
        _days_of_week(week_days),
    )
    return Cron(text, _numbers(minutes, 0), _numbers(hours, 1), _numbers(months, 3), chosen)


def _numbers(field: str, index: int) -> frozenset[int]:
    """The numbers that a field of lists, ranges and steps stands for. Raises BadCron."""
    what, least, most, names = _FIELDS[index]
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise BadCron(f"“{part}” cannot be the {what} of a cron expression.")
        first, last, step = match.groups()
        if first == "*":
            if last is not None:
                raise BadCron(f"“{part}” cannot be the {what} of a cron expression.")
            low, high = least, most
        else:
            low = _number(first, names, what, least, most)
            # 5/10 means from 5 on.
            high = _number(last, names, what, least, most) if last else (most if step else low)
        if low > high:
            raise BadCron(f"“{part}” counts backwards in the {what} of a cron expression.")
        if step == "0" or step == "00":
            raise BadCron(f"A step of 0, “{part}”, never comes.")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: dict[str, int], what: str, least: int, most: int) -> int:
    number = names.get(text, -1) if text.isalpha() else int(text)
    if not least <= number <= most:
        more = f" or {', '.join(names).upper()}" if names else ""
        raise BadCron(f"The {what} of a cron expression is {least} to {most}{more}, not “{text}”.")
    return number


def _days_of_month(field: str) -> Days:
    """Raises BadCron."""
    plain: list[str] = []
    special: list[Days] = []
    for part in field.split(","):
        if found := re.fullmatch(r"l(?:-([0-9]{1,2}))?", part):
            special.append(_before_the_last(int(found[1] or 0)))
        elif part in ("lw", "wl"):
            special.append(lambda year, month: {_weekday_near(year, month, calendar.monthrange(year, month)[1])})
        elif found := re.fullmatch(r"([0-9]{1,2})w", part):
            special.append(_near(_number(found[1], {}, _FIELDS[2][0], 1, 31)))
        else:
            plain.append(part)
    numbers = _numbers(",".join(plain), 2) if plain else frozenset[int]()
    return lambda year, month: set(numbers).union(*(days(year, month) for days in special))


def _before_the_last(back: int) -> Days:
    if back > 30:
        raise BadCron(f"L-{back} is before the first day of every month.")
    return lambda year, month: {calendar.monthrange(year, month)[1] - back}


def _near(day: int) -> Days:
    return lambda year, month: (
        {_weekday_near(year, month, day)} if day <= calendar.monthrange(year, month)[1] else set()
    )


def _weekday_near(year: int, month: int, day: int) -> int:
    """The day from Monday to Friday nearest to a day, within its month."""
    last = calendar.monthrange(year, month)[1]
    weekday = calendar.weekday(year, month, day)  # Monday is 0
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day


def _days_of_week(field: str) -> Days:
    """Raises BadCron."""
    what = _FIELDS[4][0]
    plain: list[str] = []
    special: list[Days] = []
    for part in field.split(","):
        if found := re.fullmatch(r"([1-7]|[a-z]{3})l", part):
            special.append(_last_of(_number(found[1], _DAYS, what, 1, 7)))
        elif found := re.fullmatch(r"([0-9]|[a-z]{3})#([0-9])", part):
            special.append(_nth_of(_number(found[1], _DAYS, what, 1, 7), _number(found[2], {}, "week", 1, 5)))
        else:
            plain.append("7" if part == "l" else part)
    numbers = _numbers(",".join(plain), 4) if plain else frozenset[int]()

    def days(year: int, month: int) -> set[int]:
        first, last = calendar.monthrange(year, month)
        found = {day for day in range(1, last + 1) if (first + day) % 7 + 1 in numbers}
        return found.union(*(more(year, month) for more in special))

    return days


def _all_of(number: int, year: int, month: int) -> list[int]:
    first, last = calendar.monthrange(year, month)  # the weekday of the first, Monday as 0
    return [day for day in range(1, last + 1) if (first + day) % 7 + 1 == number]


def _last_of(number: int) -> Days:
    return lambda year, month: {_all_of(number, year, month)[-1]}


def _nth_of(number: int, nth: int) -> Days:
    return lambda year, month: set(_all_of(number, year, month)[nth - 1 : nth])

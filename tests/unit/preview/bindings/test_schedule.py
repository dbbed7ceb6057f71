"""The clock of cron triggers: what is due in which minute, each once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from preview.outside.bindings.events import Events, Outcome
from preview.outside.bindings.schedule import Schedule


class Recorder(Events):
    """Notes down what would run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str, int]] = []
        self.came = asyncio.Event()

    async def scheduled(self, key: str, cron: str, at: int) -> Outcome:
        self.ran.append((key, cron, at))
        self.came.set()
        return Outcome(1.0, "ValueError: as asked" if cron.startswith("0 ") else "")


MINUTE = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


async def test_what_is_due_runs_once_with_its_minute() -> None:
    events = Recorder()
    schedule = Schedule(events)
    schedule.update("live:1", ("*/30 * * * *", "0 12 * * MON", "5 * * * *"))
    schedule.update("live:2", ("0 12 * * 1",))  # Sunday
    schedule.fire(MINUTE)
    await events.came.wait()
    await asyncio.sleep(0)
    at = int(MINUTE.timestamp() * 1000)
    assert events.ran == [("live:1", "*/30 * * * *", at), ("live:1", "0 12 * * MON", at)]


async def test_a_worker_without_triggers_any_more_does_not_run() -> None:
    schedule = Schedule(Recorder())
    schedule.update("live:1", ("* * * * *",))
    assert schedule.due(MINUTE) == [("live:1", "* * * * *")]
    schedule.update("live:1", ())
    assert schedule.due(MINUTE) == []


async def test_an_expression_that_is_none_any_more_is_left_out() -> None:
    schedule = Schedule(Recorder())
    schedule.update("live:1", ("nonsense", "* * * * *"))
    assert schedule.due(MINUTE) == [("live:1", "* * * * *")]


async def test_the_clock_fires_each_minute_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [MINUTE.timestamp() + 17.0]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds
        if len(slept) > 3:
            raise asyncio.CancelledError

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(now[0], tz)

    monkeypatch.setattr("preview.outside.bindings.schedule.asyncio.sleep", sleep)
    monkeypatch.setattr("preview.outside.bindings.schedule.time.time", lambda: now[0])
    monkeypatch.setattr("preview.outside.bindings.schedule.datetime", Clock)
    fired: list[datetime] = []
    schedule = Schedule(Recorder())
    monkeypatch.setattr(schedule, "fire", fired.append)
    with pytest.raises(asyncio.CancelledError):
        await schedule._keep_time()
    assert slept[0] == 43.0
    assert [moment.timestamp() - MINUTE.timestamp() for moment in fired] == [60, 120, 180]

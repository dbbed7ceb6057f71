"""Logs on their way to web: batched, bounded, plain."""

from __future__ import annotations

import asyncio

import msgspec

from preview.exchange import Host, LogEvent, Program, TellLogs
from preview.outside import logs
from preview.outside.logs import LogSink, RequestLog, outside_requests

PROGRAM = Program("draft:1", "w", "0" * 64, 4, None, {})
HOST = Host("p-1", "draft:1", True, "")


def gather() -> tuple[LogSink, list[LogEvent], list[int]]:
    events: list[LogEvent] = []
    lost: list[int] = []

    def send(batch: list[LogEvent], dropped: int) -> None:
        events.extend(batch)
        lost.append(dropped)

    return LogSink(send), events, lost


def record(text: object, **more: object) -> dict[str, object]:
    return {"level": "info", "text": text, "at": 1, "path": "main.py", "line": 3, **more}


async def test_a_request_and_what_it_printed_are_one_event() -> None:
    sink, events, _ = gather()
    log = RequestLog(sink, HOST, PROGRAM, "GET", "/x")
    log.heard([record("one"), record("two")], 0)
    log.end(200)
    sink.flush()
    [event] = events
    assert (event.method, event.path, event.status, event.revision) == ("GET", "/x", 200, 4)
    assert [each.text for each in event.records] == ["one", "two"]


async def test_what_a_long_request_prints_is_told_before_it_ends() -> None:
    sink, events, _ = gather()
    log = RequestLog(sink, HOST, PROGRAM, "GET", "/slow")
    log.heard([record("working")], 0)
    async with asyncio.timeout(5):
        while not events:
            await asyncio.sleep(0.01)
    log.heard([record("done")], 0)
    log.end(200)
    sink.flush()
    assert [(event.status, event.request) for event in events] == [(0, log.id), (200, log.id)]


async def test_S5_a_flood_of_requests_is_told_in_part_and_costs_bounded_memory() -> None:
    sink, events, lost = gather()
    for _ in range(10_000):
        log = RequestLog(sink, HOST, PROGRAM, "GET", "/")
        log.heard([record("x")], 0)
        log.end(200)
    sink.flush()
    assert len(events) <= 2 * 2 * logs.EVENTS_PER_SECOND + 1  # the second may change on the way
    assert lost[0] == 0
    for number in range(3 * logs.MAX_WAITING):
        sink.add(LogEvent("draft:2", "", f"{number}", "", "", 0, 0.0, 0, 0, []))
    sink.flush()
    assert sum(lost) == 2 * logs.MAX_WAITING


async def test_S16_hostile_records_become_plain_ones_that_can_be_sent() -> None:
    sink, events, _ = gather()
    heard = outside_requests(sink)
    heard(
        PROGRAM,
        [
            record("half \ud800 pair"), record("x" * 1_000_000), record(None), record(b"bytes"), {"text": {}},
            record("t", level="fatal", at=-5, path=7, line=1 << 40), record("t", at=True, line="3", path="\udfff"),
        ],
        3,
    )  # fmt: skip
    sink.flush()
    [event] = events
    assert event.dropped == 3 and event.method == ""
    assert max(len(each.text) for each in event.records) == logs.MAX_TEXT
    assert {each.level for each in event.records} == {"info"}
    assert msgspec.msgpack.encode(TellLogs(events)) and msgspec.json.encode(TellLogs(events))

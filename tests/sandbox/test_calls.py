"""What a worker asks for outside itself: CALL frames, answered by a capability, bounded on both sides (S16)."""

from __future__ import annotations

import asyncio
import json
import textwrap
from typing import Any

import msgspec
import pytest

from preview.bundle import Config
from preview.exchange import Program
from preview.outside.calls import CallError, Calls, Context, Origin
from preview.outside.children import Answer, Failure
from preview.protocol import Kind, encode, join_payload
from tests.sandbox.support import META, Logs, Sandbox

pytestmark = pytest.mark.sandbox

MAIN = """
import asyncio
from workers import OutsideError, Response, WorkerEntrypoint, _outside
{top}
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.json(await attempt())

async def attempt():
{body}
"""


class _Add(msgspec.Struct):
    left: int
    right: int


class Desktop:
    """Some things to ask for."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.together = self.most = 0
        self.seen: list[Context] = []

    async def call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
        self.seen.append(context)
        self.together += 1
        self.most = max(self.most, self.together)
        try:
            return await self._call(context, method, args, body)
        finally:
            self.together -= 1

    async def _call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
        if method == "add":
            numbers = msgspec.convert(args, _Add)
            return numbers.left + numbers.right, body[::-1]
        if method == "wait":
            try:
                await asyncio.sleep(args)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return args, b""
        if method == "say":
            context.say("as you wish")
            return None, b""
        if method == "much":
            return None, bytes(args)
        if method == "break":
            raise ZeroDivisionError("a secret of the server's")
        raise CallError("no-such-thing", f"There is no {method}.")


class Office:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.desktop = Desktop()
        self.calls = Calls()
        self.calls.add("desktop", self.desktop)
        self.logs = Logs()

    def run(self, body: str, top: str = "") -> Answer | Failure:
        source = MAIN.format(top=textwrap.dedent(top), body=textwrap.indent(textwrap.dedent(body), "    "))
        program = Program("draft:1", "shop", "0" * 64, 1, None, {})

        async def ask() -> Answer | Failure:
            desk = self.calls.desk(program, Config(main="main.py"), self.logs.add)
            child = await self.sandbox.children.load({"main.py": source.encode()}, META, desk)
            head = {"method": "GET", "url": "http://worker.localhost/", "headers": [], "private": True}
            try:
                return await child.request(head, b"", self.logs.add, Origin("p-1", "r7"))
            finally:
                child.kill()

        return self.sandbox.do(ask())

    def answer(self, body: str, top: str = "") -> Any:
        outcome = self.run(body, top)
        assert isinstance(outcome, Answer), outcome
        return json.loads(outcome.body)


@pytest.fixture
def office(sandbox: Sandbox) -> Office:
    return Office(sandbox)


def test_a_call_brings_a_value_and_bytes(office: Office) -> None:
    body = 'value, data = await _outside.call("desktop", "add", {"left": 40, "right": 2}, b"abc")\nreturn [value, data.decode()]'
    assert office.answer(body) == [42, "cba"]


def test_a_capability_is_told_who_asks(office: Office) -> None:
    office.answer('return (await _outside.call("desktop", "add", {"left": 1, "right": 2}))[0]')
    (context,) = office.desktop.seen
    assert (context.program.key, context.worker_id, context.preview) == ("draft:1", "1", True)
    assert (context.origin.label, context.origin.id) == ("p-1", "r7")


def test_what_a_capability_says_stands_in_the_log_of_the_request(office: Office) -> None:
    office.answer('await _outside.call("desktop", "say")')
    assert [record["text"] for record in office.logs.records] == ["as you wish"]


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ('"desktop", "sing"', "no-such-thing", "There is no sing."),
        ('"spaceship", "start"', "unknown", "spaceship"),
        ('"desktop", "add", {"left": "40", "right": 2}', "bad-argument", "left"),
        ('"desktop", "break"', "failed", "log says why"),
        ('"desktop", "much", 11 << 20', "too-large", "too large"),
    ],
)
def test_a_refusal_is_an_exception_with_a_code(office: Office, call: str, code: str, words: str) -> None:
    body = f"try:\n    await _outside.call({call})\nexcept OutsideError as error:\n    return [error.code, str(error)]"
    found, message = office.answer(body)
    assert found == code
    assert words in message and "secret" not in message


def test_code_that_cannot_await_calls_too_and_other_calls_go_on(office: Office) -> None:
    body = """
    later = asyncio.ensure_future(_outside.call("desktop", "wait", 0.01))
    await asyncio.sleep(0)
    now = _outside.call_blocking("desktop", "add", {"left": 1, "right": 1})[0]
    return [now, (await later)[0]]
    """
    assert office.answer(body) == [2, 0.01]


def test_a_thread_calls_too(office: Office) -> None:
    body = (
        'return await asyncio.to_thread(lambda: _outside.call_blocking("desktop", "add", {"left": 1, "right": 1})[0])'
    )
    assert office.answer(body) == 2


def test_a_cancelled_call_is_cancelled_outside(office: Office) -> None:
    body = """
    try:
        async with asyncio.timeout(0.05):
            await _outside.call("desktop", "wait", 30)
    except TimeoutError:
        return (await _outside.call("desktop", "add", {"left": 1, "right": 1}))[0]
    """
    assert office.answer(body) == 2
    assert office.desktop.cancelled == 1


def test_S13_calls_above_the_number_at_once_wait_their_turn_in_the_child(office: Office) -> None:
    body = 'return sum(value for value, _ in await asyncio.gather(*[_outside.call("desktop", "wait", 0.01) for _ in range(300)]))'
    assert office.answer(body) == pytest.approx(3)
    assert office.desktop.most <= 64


def test_large_calls_wait_for_the_bytes_of_others(office: Office) -> None:
    body = """
    big = bytes(9 << 20)
    return [value for value, _ in await asyncio.gather(*[_outside.call("desktop", "wait", 0, big) for _ in range(4)])]
    """
    assert office.answer(body) == [0] * 4
    assert office.desktop.most <= 3


def test_a_request_makes_a_thousand_calls_and_no_more(office: Office) -> None:
    body = """
    calls = [_outside.call("desktop", "add", {"left": 0, "right": 0}) for _ in range(1001)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    return [error.code for error in found if isinstance(error, OutsideError)]
    """
    assert office.answer(body) == ["too-many"]


def test_while_modules_are_imported_nothing_outside_can_be_reached(office: Office) -> None:
    top = """
    try:
        _outside.call_blocking("desktop", "add", {"left": 1, "right": 1})
    except OutsideError as error:
        refused = error.code
    """
    assert office.answer("return refused", top) == "not-connected"
    assert office.desktop.seen == []


def call_frame(head: object, body: bytes = b"", number: int = 1) -> bytes:
    return encode(Kind.CALL, number, join_payload(head, body))


HEAD = {"request": 1, "capability": "desktop", "method": "wait", "args": 5}
HOSTILE = {
    "a head that is no object": call_frame([]),
    "no capability": call_frame({"request": 1, "method": "add", "args": None}),
    "a capability of a number": call_frame({**HEAD, "capability": 1}),
    "a capability with a long name": call_frame({**HEAD, "capability": "x" * 65}),
    "a request below zero": call_frame({**HEAD, "request": -1}),
    "a head of two megabytes": call_frame({**HEAD, "args": "x" * (2 << 20)}),
    "arguments nested a hundred thousand deep": encode(
        Kind.CALL, 1,
        (200_070).to_bytes(4, "little") + b'{"request":1,"capability":"desktop","method":"add","args":'
        + b"[" * 100_000 + b"]" * 100_000 + b"}" + b" " * 11,
    ),
    "a head longer than its frame": encode(Kind.CALL, 1, b"\xff\xff\0\0{}"),
    "two calls of one number": call_frame(HEAD) + call_frame(HEAD),
    "more calls at once than there may be": b"".join(call_frame(HEAD, number=number) for number in range(1, 80)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_S16_a_hostile_call_ends_the_child_and_nothing_else(office: Office, name: str) -> None:
    body = f"""
    import os
    data = memoryview(bytes.fromhex({HOSTILE[name].hex()!r}))
    while data:
        data = data[os.write(3, data):]
    await asyncio.sleep(60)
    """
    outcome = office.run(body)
    assert isinstance(outcome, Failure), outcome
    assert outcome.report["kind"] == "crash", outcome.report
    assert office.sandbox.still_works()


def test_S16_a_result_for_nobody_and_a_cancel_of_nothing_do_no_harm(office: Office) -> None:
    body = f"""
    import os
    os.write(3, bytes.fromhex({(call_frame({**HEAD, "args": 0}, number=9) + encode(Kind.CALL_CANCEL, 55)).hex()!r}))
    return (await _outside.call("desktop", "add", {{"left": 1, "right": 1}}))[0]
    """
    assert office.answer(body) == 2


def test_a_worker_that_is_gone_waits_for_nothing(office: Office) -> None:
    body = """
    import os
    asyncio.ensure_future(_outside.call("desktop", "wait", 30))
    await asyncio.sleep(0.1)
    os._exit(1)
    """
    outcome = office.run(body)
    assert isinstance(outcome, Failure)

    async def settled() -> int:
        async with asyncio.timeout(5):
            while office.desktop.together:
                await asyncio.sleep(0.01)
        return office.desktop.cancelled

    assert office.sandbox.do(settled()) == 1

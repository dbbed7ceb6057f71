"""S16: frames from a child are hostile. Each of these programs writes its own bytes onto the channel, descriptor 3.

The supervisor survives: the request fails with a report, the process is ended, and the next worker runs.
"""

from __future__ import annotations

import random

import pytest

from preview.outside.children import Answer
from preview.protocol import Kind, encode, join_payload, json_payload
from tests.sandbox.support import Sandbox, failure

pytestmark = pytest.mark.sandbox

WRITE = """
    import os
    async def attempt():
        data = memoryview(bytes.fromhex({data!r}) * {times})
        while data:
            data = data[os.write(3, data):]
        import asyncio
        await asyncio.sleep(60)
    """


def response(status: object, headers: object, body: bytes = b"", request: int = 1) -> bytes:
    return encode(Kind.RESPONSE, request, join_payload({"status": status, "headers": headers}, body))


def nested(depth: int) -> bytes:
    return b'{"kind":"exception","type":"","message":"","cause":' * depth + b"null" + b"}" * depth


CASES = {
    "an answer to a request that nobody made": response(200, [], request=77),
    "a status below 200": response(101, []),
    "a status of six digits": response(123456, []),
    "a status that is text": response("200", []),
    "a line break in a header's value": response(200, [["x", "a\r\nset-cookie: b"]]),
    "a line break in a header's name": response(200, [["x\r\ny", "a"]]),
    "a header with a NUL": response(200, [["x", "a\0b"]]),
    "a header that is no pair": response(200, [["x"]]),
    "a thousand headers": response(200, [["x", "y"]] * 1000),
    "a head longer than its frame": encode(Kind.RESPONSE, 1, b"\xff\xff\0\0{}"),
    "a head of a megabyte": response(200, [["x", "y" * (1 << 20)]]),
    "a response that is no JSON": encode(Kind.RESPONSE, 1, b"\4\0\0\0nope"),
    "an empty response": encode(Kind.RESPONSE, 1),
    "a frame of 4 GB": b"\xff\xff\xff\xff" + bytes(64),
    "a frame of no length": bytes(64),
    "an unknown kind": encode(Kind.LOG, 1).replace(bytes([Kind.LOG]), b"\xf0"),
    "a kind for the child": encode(Kind.TO_LOAD, 0, b"\2\0\0\0{}"),
    "a second LOADED": encode(Kind.LOADED, 0, json_payload({"ms": 1.0, "entry": "x"})),
    "a second SPARE": encode(Kind.SPARE, 0),
    "a report that is a list": encode(Kind.FAILED, 1, b"[]"),
    "a report of the wrong kind": encode(Kind.FAILED, 1, b'{"kind":"nice","type":"X","message":""}'),
    "a report whose frames are numbers": encode(
        Kind.FAILED, 1, b'{"kind":"limit","type":"","message":"","frames":[1]}'
    ),
    "a report of 300 KB": encode(Kind.FAILED, 1, json_payload({"kind": "limit", "type": "", "message": "x" * 300_000})),
    "a report nested 4,000 deep": encode(Kind.FAILED, 1, nested(4000)),
    "a failure of nothing": encode(Kind.FAILED, 0, json_payload({"kind": "exception", "type": "", "message": ""})),
    "a log record with a bad level": encode(Kind.LOG, 1, b'{"records":[{"level":"loud","text":"","at":1}]}'),
    "a log frame of 100 KB": encode(Kind.LOG, 1, json_payload({"records": [], "x": "y" * 100_000})),
}


@pytest.mark.parametrize("frame", CASES.values(), ids=[name.replace(" ", "-") for name in CASES])
def test_S16_a_hostile_frame_ends_its_child_and_nothing_else(sandbox: Sandbox, frame: bytes) -> None:
    report = failure(sandbox.attack(WRITE.format(data=frame.hex(), times=1)))
    assert report["kind"] == "crash" and "no worker may send" in report["message"], report
    assert sandbox.still_works()


def test_S16_a_body_of_64_MB_is_refused(sandbox: Sandbox) -> None:
    code = WRITE.format(data="00" * 1024, times=1).replace("b", "b")
    head = (64 << 20).to_bytes(4, "little") + bytes([Kind.RESPONSE]) + b"\1\0\0\0"
    code = code.replace("memoryview(bytes", f"memoryview(bytes.fromhex({head.hex()!r}) + bytes").replace(
        "* 1)", "* 100)"
    )
    assert failure(sandbox.attack(code))["kind"] == "crash"
    assert sandbox.still_works()


def test_S16_a_truncated_frame_and_an_exit_are_a_crash(sandbox: Sandbox) -> None:
    frame = response(200, [], b"x" * 100)[:50]
    code = WRITE.format(data=frame.hex(), times=1).replace("await asyncio.sleep(60)", "os._exit(0)")
    assert failure(sandbox.attack(code))["kind"] == "crash"


def test_S16_a_flood_of_log_frames_ends_the_child(sandbox: Sandbox) -> None:
    frame = encode(Kind.LOG, 1, json_payload({"records": [{"level": "info", "text": "x" * 900, "at": 1}]}))
    report = failure(sandbox.attack(WRITE.format(data=frame.hex(), times=5000)))
    assert report["kind"] == "crash" and "logs" in report["message"]


def test_S16_a_forged_answer_reaches_nobody_but_the_worker_itself(sandbox: Sandbox) -> None:
    """It may answer its own request by hand: that is its right. The framing headers of HTTP are taken out of it."""
    frame = response(418, [["x-made", "by hand"], ["Content-Length", "5"], ["Transfer-Encoding", "chunked"]], b"teapot")
    outcome = sandbox.attack(WRITE.format(data=frame.hex(), times=1))
    assert outcome == Answer(418, [("x-made", "by hand")], b"teapot")


def test_S16_an_answer_that_came_too_late_is_not_held_against_the_child(sandbox: Sandbox) -> None:
    code = """
import asyncio
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            await asyncio.sleep(0.05 if "slow" in request.url else 0)
        except asyncio.CancelledError:
            pass
        return Response("late")
"""
    child = sandbox.load({"main.py": code})

    async def hurried() -> None:
        head = {"method": "GET", "url": "http://w/slow", "headers": [], "private": True}
        for wait in (0.0, 0.01, 0.049, 0.05, 0.051):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(child.request(head, b"", lambda r, d: None), wait)
                raise TimeoutError

    import asyncio

    sandbox.do(hurried())
    outcome = sandbox.ask(child)
    assert isinstance(outcome, Answer) and outcome.body == b"late"
    sandbox.kill(child)


def test_S16_random_bytes_never_reach_further_than_their_own_child(sandbox: Sandbox) -> None:
    seed = 20240607
    generator = random.Random(seed)
    valid = [response(200, [["a", "b"]], b"body"), *CASES.values()]
    attacks = []
    for _ in range(60):
        frame = bytearray(generator.choice([case for case in valid if len(case) < 2000]))
        for _ in range(generator.randint(1, 6)):
            frame[generator.randrange(len(frame))] = generator.randrange(256)
        attacks.append(WRITE.format(data=bytes(frame).hex(), times=1).replace("sleep(60)", "sleep(0)"))
    for outcome in sandbox.attacks(attacks):
        assert isinstance(outcome, Answer) or outcome.report["kind"] in ("crash", "limit", "exception"), seed
    assert sandbox.still_works()


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"x": "a\r\nb: c"}, 200), ({"a b": "c"}, 200), ({}, 99), ({}, 1000), ({"x": "\u20ac"}, 200)],
)
def test_S16_an_honest_mistake_in_a_response_is_an_error_with_a_sentence(
    sandbox: Sandbox, headers: dict[str, str], status: int
) -> None:
    call = f"Response('', status={status}, headers={headers!r})"
    child = sandbox.load({"main.py": f"from workers import Response\nasync def on_fetch(request): return {call}"})
    report = failure(sandbox.ask(child))
    assert report["kind"] == "exception" and report["type"] in ("ValueError", "TypeError", "RangeError"), report
    assert not child.exited.done()
    sandbox.kill(child)

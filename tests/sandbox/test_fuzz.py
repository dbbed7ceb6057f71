"""S16, B2: every kind of frame that a child may send, mutated by the thousand, against the supervisor's real Child.

The test holds the child's end of the channel itself, so that hundreds of hostile children are seconds. Seeds are fixed.
Whatever arrives, the request ends in an answer that may go out as HTTP, or in a report; nothing is raised in the loop.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import struct
from typing import Any

import pytest

from preview.outside.child import Child
from preview.outside.children import Answer, Failure
from preview.outside.zygote import Forked
from preview.protocol import Kind, check_response, encode, join_payload, json_payload, pack_modules
from tests.sandbox.support import HASTY, HEAD, META

pytestmark = pytest.mark.sandbox

REPORT: dict[str, Any] = {
    "kind": "exception", "type": "ValueError", "message": "no", "frames": [
        {"path": "main.py", "abs": "/worker/main.py", "line": 3, "function": "f", "user": True, "col": 1, "end_col": 2,
         "anchor": [1, 2], "source": {"first": 1, "lines": ["a", "b", "c"]}, "locals": [["x", "int", "1"]]}],
    "cause": {"kind": "exception", "type": "KeyError", "message": "'x'"}, "group": [], "left_out": 2,
}  # fmt: skip
RECORDS = {"records": [{"level": "info", "text": "hello", "at": 1, "path": "main.py", "line": 2}], "dropped": 3}
CALL = {"request": 1, "capability": "kv", "method": "get", "args": {"key": "a"}}
SAMPLES: dict[Kind, list[bytes]] = {
    Kind.LOADED: [encode(Kind.LOADED, 0, json_payload({"ms": 1.5, "entry": "Default.fetch"}))],
    Kind.UNPARSED: [encode(Kind.UNPARSED, 0, json_payload(
        {"path": "a.py", "line": 1, "column": 2, "message": "m", "text": "t"}))],
    Kind.RESPONSE: [encode(Kind.RESPONSE, 1, join_payload({"status": 200, "headers": [["a", "b"]]}, b"body"))],
    Kind.FAILED: [encode(Kind.FAILED, 1, json_payload(REPORT)), encode(Kind.FAILED, 0, json_payload(REPORT))],
    Kind.LOG: [encode(Kind.LOG, request, json_payload(RECORDS)) for request in (0, 1)],
    Kind.SPARE: [encode(Kind.SPARE, 0)],
    Kind.RESPONSE_START: [encode(Kind.RESPONSE_START, 1, json_payload({"status": status, "headers": []}))
                          for status in (200, 101)],
    Kind.BODY: [encode(Kind.BODY, 1, b"x" * 100)],
    Kind.BODY_END: [encode(Kind.BODY_END, 1)],
    Kind.CREDIT: [encode(Kind.CREDIT, 1, struct.pack("<I", 65536))],
    Kind.WS: [encode(Kind.WS, 1, b"\x01hello"), encode(Kind.WS, 1, b"\x08\xe8\x03bye")],
    Kind.CODE: [encode(Kind.CODE, 0, pack_modules({"main.py": b"\xe3\0\0\0"}))],
    Kind.CALL: [encode(Kind.CALL, 1, join_payload(CALL, b"bytes"))],
    Kind.CALL_CANCEL: [encode(Kind.CALL_CANCEL, 1)],
}  # fmt: skip
ALL = [frame for frames in SAMPLES.values() for frame in frames]


def test_S16_every_kind_that_a_child_may_send_is_fuzzed() -> None:
    assert set(SAMPLES) == {kind for kind in Kind if not kind.name.startswith("TO_")}


def mutated(frame: bytes, generator: random.Random) -> bytes:
    """A frame with bytes changed, cut, doubled or moved; in half of the cases its length is made right again."""
    raw = bytearray(frame)
    for _ in range(generator.randint(0, 4)):
        place = generator.randrange(len(raw)) if raw else 0
        choice = generator.randrange(6)
        if choice < 3 and raw:
            raw[place] = generator.choice((0, 1, 0x22, 0x5B, 0x7B, 0x7F, 0x80, 0xFF, generator.randrange(256)))
        elif choice == 3:
            del raw[place : place + generator.randint(1, 8)]
        elif choice == 4:
            raw[place:place] = raw[place : place + 16] * generator.randint(1, 200)
        else:
            raw[place:place] = generator.choice(
                (b"\xed\xa0\x80", b"-1", b"1e999", b"null", b"\\ud800", b"9" * 400, b"[" * 300)
            )
    if len(raw) >= 4 and generator.random() < 0.7:
        raw[:4] = struct.pack("<I", len(raw) - 4)
    return bytes(raw)


async def spoken(writes: list[bytes]) -> Answer | Failure:
    """What becomes of a request whose child writes these bytes once it is loaded, and then dies."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})  # what the supervisor may kill
    read, write = os.pipe2(os.O_NONBLOCK)
    os.close(write)
    forked = Forked(ours, read, os.pidfd_open(pid))
    child = Child(forked, HASTY, lambda gone: None)
    loop = asyncio.get_running_loop()
    try:
        await child.connect()
        await loop.sock_sendall(theirs, SAMPLES[Kind.SPARE][0])
        await child.is_spare
        loading = asyncio.ensure_future(child.load({"main.py": b""}, META))
        await loop.sock_recv(theirs, 1 << 16)
        await loop.sock_sendall(theirs, SAMPLES[Kind.CODE][0] + SAMPLES[Kind.LOADED][0])
        await loading
        asked = asyncio.ensure_future(child.request(HEAD, b"", lambda records, dropped: None))
        await loop.sock_recv(theirs, 1 << 16)
        try:
            for data in writes:
                await loop.sock_sendall(theirs, data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the supervisor has heard enough
        theirs.close()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for _ in range(3):
            await asyncio.sleep(0)
        if not forked.died.done():
            forked.died.set_result(int(signal.SIGKILL))
    done, _ = await asyncio.wait({asked}, timeout=10)
    assert done, f"never answered: {writes}"
    outcome = asked.result()
    stream = getattr(outcome, "stream", None)
    if stream is not None:
        stream.close()
    return outcome


@pytest.mark.parametrize("seed", [1, 20240607, 3_141_592])
async def test_B2_mutated_frames_of_every_kind_end_in_an_answer_or_a_report(seed: int) -> None:
    generator = random.Random(seed)
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(str(context)))
    answers = failures = 0
    for _ in range(150):
        start = [SAMPLES[Kind.RESPONSE_START][0]] if generator.random() < 0.3 else []
        writes = start + [mutated(generator.choice(ALL), generator) for _ in range(generator.randint(1, 4))]
        outcome = await spoken(writes)
        assert problems == [], (seed, writes)
        if isinstance(outcome, Answer):
            answers += 1
            check_response(outcome.status if outcome.status != 101 else 200, outcome.headers)
        else:
            failures += 1
            assert outcome.report["kind"] in ("exception", "limit", "crash"), (seed, writes)
    assert answers > 5 and failures > 5, "both are seen, or the mutations say nothing"

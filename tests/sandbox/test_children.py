"""The children as a whole: the pool, the zygote's death, many at once, modules that do not parse."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from preview.outside.children import Answer, Child, Failure, Limits, Unparsed
from tests.sandbox.support import HEAD, HELLO, META, Logs, Sandbox, failure, line_of, no_log
from tests.support import wait_until

pytestmark = pytest.mark.sandbox


def test_S13_a_hundred_runs_at_once_give_exact_results(sandbox: Sandbox) -> None:
    async def run(number: int) -> bytes:
        source = f"from workers import Response\nasync def on_fetch(request): return Response('{number}' * 1000)"
        child = await sandbox.children.load({"main.py": source.encode()}, META)
        answer = await child.request(HEAD, b"", no_log)
        child.kill()
        assert isinstance(answer, Answer)
        return answer.body

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(run(number) for number in range(100)))

    assert sandbox.do(all_of_them()) == [str(number).encode() * 1000 for number in range(100)]


def test_many_requests_at_once_share_one_child_and_keep_their_own_answers_and_logs(sandbox: Sandbox) -> None:
    source = """
import asyncio
from workers import Response
async def on_fetch(request):
    name = request.url.rpartition("/")[2]
    print("begin", name)
    await asyncio.sleep(0.01)
    await asyncio.to_thread(print, "end", name)
    return Response(name)
"""
    child = sandbox.load({"main.py": source})

    async def ask(number: int) -> tuple[Answer | Failure, list]:
        logs = Logs()
        return await child.request({**HEAD, "url": f"http://w/{number}"}, b"", logs.add), logs.records

    async def all_of_them() -> list:
        return await asyncio.gather(*(ask(number) for number in range(100)))

    for number, (answer, records) in enumerate(sandbox.do(all_of_them())):
        assert isinstance(answer, Answer) and answer.body == str(number).encode()
        assert [record["text"] for record in records] == [f"begin {number}", f"end {number}"]
    sandbox.kill(child)


def test_bodies_up_to_the_limit_go_both_ways_and_one_byte_more_is_an_error_with_a_sentence(sandbox: Sandbox) -> None:
    source = "from workers import Response\nasync def on_fetch(request): return Response(await request.bytes() + b'!')"
    child = sandbox.load({"main.py": source})
    most = Limits().body_bytes

    async def send(size: int) -> Answer | Failure:
        return await child.request(HEAD, b"x" * size, no_log)

    answer = sandbox.do(send(most - 1))
    assert isinstance(answer, Answer) and answer.body == b"x" * (most - 1) + b"!"
    report = failure(sandbox.do(send(most)))
    assert "the limit is 10,485,760" in report["message"]
    sandbox.kill(child)


def test_a_module_that_does_not_parse_is_told_with_its_place_and_nothing_is_run(sandbox: Sandbox) -> None:
    with pytest.raises(Unparsed) as caught:
        sandbox.load({"main.py": "import os; os._exit(1)", "pages/home.py": "def a():\n    return (1,\n\nx = = 2\n"})
    assert (caught.value.path, caught.value.line) == ("pages/home.py", 2)
    assert "was never closed" in caught.value.message
    for broken in (b"x = '\xff'", b"\0", b"(" * 500, b"x = " + b"-" * 100_000 + b"1"):
        with pytest.raises(Unparsed) as caught:
            sandbox.load({"main.py": broken})
        assert caught.value.path == "main.py" and caught.value.message


def test_only_changed_modules_are_checked_before_the_import(sandbox: Sandbox) -> None:
    modules: dict[str, str | bytes] = {"main.py": HELLO, "other.py": "x = = 1"}
    child = sandbox.load(modules, changed=["main.py", "deleted.py", "page.html"])
    assert isinstance(sandbox.ask(child), Answer)
    sandbox.kill(child)
    with pytest.raises(Unparsed):
        sandbox.load(modules, changed=["other.py"])


def test_an_exception_at_import_is_a_load_failure_with_the_users_frames_alone(sandbox: Sandbox) -> None:
    child = sandbox.load({"main.py": "import pages.home\n", "pages/home.py": "print('loading')\n1 / 0\n"})
    report = child.load_failure
    assert report is not None and report["type"] == "ZeroDivisionError"
    assert [(frame["path"], frame["line"]) for frame in report["frames"]] == [("main.py", 1), ("pages/home.py", 2)]
    assert [record["text"] for record in child.early_logs] == ["loading"]
    sandbox.kill(child)


def test_a_missing_main_module_and_a_missing_handler_are_load_failures_that_say_so(sandbox: Sandbox) -> None:
    child = sandbox.load({"other.py": "x = 1"})
    assert child.load_failure is not None and child.load_failure["type"] == "ModuleNotFoundError"
    child = sandbox.load({"main.py": "x = 1"})
    assert child.load_failure is not None and "class Default(WorkerEntrypoint)" in child.load_failure["message"]


def test_logging_and_warnings_arrive_with_level_and_line(sandbox: Sandbox) -> None:
    logs = Logs()
    code = """
        import logging, sys
        def attempt():
            logging.info("started %s", 1)
            logging.getLogger("x").error("broken")
            logging.debug("not shown")
            print("to stderr \\ud800", file=sys.stderr)
            logging.basicConfig(level=logging.DEBUG, format="[%(name)s] %(message)s")
            logging.debug("shown now")
        """
    assert isinstance(sandbox.attack(code, logs=logs), Answer)
    assert [(record["level"], record["text"], record["line"]) for record in logs.records] == [
        ("info", "started 1", 4), ("error", "broken", 5), ("warning", "to stderr ?", 7),
        ("debug", "[root] shown now", 9),
    ]  # fmt: skip


def test_warnings_and_errors_that_nobody_waits_for_are_records_with_their_line(sandbox: Sandbox) -> None:
    main = """
import asyncio, gc, logging, threading, warnings
from workers import Response, wait_until
async def fails():
    raise ValueError("in the background")
class Finalized:
    def __del__(self): raise OSError("in a finalizer")
def in_thread(): {}["missing"]
async def on_fetch(request):
    warnings.warn("old")
    Finalized()
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    wait_until(fails())
    try: int("x")
    except ValueError: logging.exception("caught")
    fails()
    await asyncio.sleep(0.01)
    thread = threading.Thread(target=in_thread, name="T")
    thread.start(); thread.join()
    asyncio.create_task(fails())
    await asyncio.sleep(0.01)
    gc.collect()
    return Response("")
"""
    child = sandbox.load({"main.py": main})
    logs = Logs()
    sandbox.ask(child, logs=logs)
    found = [(record["level"], record["text"].splitlines()[0], record["line"]) for record in logs.records]
    assert found[:6] == [
        ("warning", "UserWarning: old", 10), ("error", "An error that could not be raised", 7), ("error", "caught", 15),
        ("warning", "RuntimeWarning: coroutine 'fails' was never awaited", 16), ("error", found[4][1], 12),
        ("error", "a wait_until() task failed", 5),
    ]  # fmt: skip
    texts = [record["text"] for record in logs.records]
    assert "OSError: in a finalizer\n  at main.py:7 in Finalized.__del__" in texts[1]
    assert "ZeroDivisionError: division by zero\n  at main.py:12" in texts[4]
    assert "ValueError: in the background\n  at main.py:5 in fails" in texts[5]

    # What runs in no request's context counts as nobody's: threads, and, before Python 3.12, tasks that are collected. It is
    # sent by a timer.
    def said(records: list[dict[str, Any]], text: str) -> dict[str, Any] | None:
        return next((record for record in records if text in record["text"]), None)

    in_thread = sandbox.until(lambda: said(child.early_logs, "the thread T\nKeyError: 'missing'"))
    left = "never retrieved\nValueError: in the background"
    collected = sandbox.until(lambda: said(logs.records, left) or said(child.early_logs, left))
    assert in_thread and (in_thread["level"], in_thread["line"]) == ("error", 8)
    assert collected and collected["level"] == "error"
    sandbox.kill(child)


def test_locals_are_reported_under_a_private_label_only(sandbox: Sandbox) -> None:
    source = "async def on_fetch(request):\n    name = 'hun' + 'ter2'\n    raise ValueError('no')"
    child = sandbox.load({"main.py": source})
    private, public = failure(sandbox.ask(child)), failure(sandbox.ask(child, private=False))
    assert "hunter2" in str(private["frames"][-1]["locals"]) and "hunter2" not in str(public)
    assert line_of(public) == ("main.py", 3)
    sandbox.kill(child)


def test_a_request_that_is_cancelled_is_cancelled_in_the_worker_too(sandbox: Sandbox) -> None:
    source = """
import asyncio
from workers import Response
seen = []
async def on_fetch(request):
    if request.url.endswith("seen"):
        return Response(",".join(seen))
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise
"""
    child = sandbox.load({"main.py": source})

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child.request(HEAD, b"", no_log), 0.1)

    sandbox.do(give_up())
    outcome = sandbox.ask(child, url="http://w/seen")
    assert isinstance(outcome, Answer) and outcome.body == b"cancelled"
    sandbox.kill(child)


def test_a_spare_child_that_dies_is_not_handed_out(sandbox: Sandbox) -> None:
    async def kill_the_spares() -> None:
        for spare in list(sandbox.children._spares):
            os.kill(spare.pid, signal.SIGKILL)
            while not spare._forked.is_dead():  # without giving the loop a chance to hear of it
                pass

    sandbox.do(kill_the_spares())
    assert sandbox.still_works()


def test_a_child_that_cannot_be_given_its_worker_is_ended_and_not_forgotten(sandbox: Sandbox) -> None:
    async def ended(child: Child) -> str:
        return (await child.exited).reason

    child = sandbox.do(sandbox.children._take())
    with pytest.raises(TypeError):
        sandbox.do(child.load({"main.py": HELLO}, {**META, "env": {"A": object()}}))
    assert sandbox.do(ended(child)) == "killed"


def test_S2_S3_each_child_is_alone_in_its_group_from_the_first_moment(sandbox: Sandbox) -> None:
    if not sandbox.children.cgroups.controllers:
        pytest.skip(f"no control groups here: {sandbox.children.cgroups.lack}")
    children = [sandbox.load({"main.py": HELLO}) for _ in range(6)]

    def groups(pid: int) -> set[str]:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        return {line for line in lines if f"/quickedit-{os.getpid()}-" in line}

    theirs = [groups(child.pid) for child in children]
    assert all(theirs) and len(set.union(*theirs)) == sum(map(len, theirs)), theirs
    zygote = sandbox.children._zygote
    assert zygote is not None
    wait_until(lambda: not groups(zygote.host_pid) & set.union(*theirs), "the zygote to have gone on")
    for child in children:
        sandbox.kill(child)

"""Limits: what uses too much is stopped in time, told with its line, and nobody else notices. One program a test."""

from __future__ import annotations

import resource
import time

import pytest

from preview.outside.children import Answer
from tests.sandbox.support import HASTY, LIMITS, Logs, Sandbox, failure, line_of
from tests.support import DEADLINE

pytestmark = pytest.mark.sandbox


def stopped(sandbox: Sandbox, code: str, logs: Logs | None = None) -> tuple[dict, float]:
    """The report of a program that must be stopped by its CPU or wall limit + 1 s, and the seconds that it took."""
    began = time.monotonic()
    report = failure(sandbox.attack(code, logs=logs))
    taken = time.monotonic() - began
    assert report["kind"] == "limit", report
    assert taken < sandbox.limits.wall_s + 1 + DEADLINE, taken  # a second where nothing else runs
    return report, taken


def test_S1_an_endless_loop_is_stopped_and_the_report_names_its_line(sandbox: Sandbox) -> None:
    report, _ = stopped(
        sandbox,
        """
        def attempt():
            n = 0
            while True:
                n += 1
        """,
    )
    assert report["type"] == "CPULimitExceeded"
    assert line_of(report)[0] == "attack.py" and line_of(report)[1] in (4, 5)
    assert [frame["path"] for frame in report["frames"]] == ["main.py", "attack.py"]
    assert any("while True" in line for line in report["frames"][-1]["source"]["lines"])


def test_S1_a_loop_that_catches_everything_is_stopped_and_named_all_the_same(sandbox: Sandbox) -> None:
    report, _ = stopped(
        sandbox,
        """
        def attempt():
            while True:
                try:
                    while True: pass
                except BaseException:
                    pass
        """,
    )
    assert line_of(report) == ("attack.py", 5)


def test_S1_a_regular_expression_that_backtracks_for_ever_is_stopped_with_its_line(sandbox: Sandbox) -> None:
    report, _ = stopped(sandbox, "import re\ndef attempt(): re.match('(a+)+$', 'a' * 64 + 'b')")
    assert line_of(report) == ("attack.py", 2)


def test_S1_a_C_function_that_never_comes_back_is_killed_and_its_line_is_known(sandbox: Sandbox) -> None:
    report, _ = stopped(sandbox, "import itertools\ndef attempt(): sum(itertools.repeat(0))\n")
    assert line_of(report) == ("attack.py", 2)
    assert report["frames"][-1]["source"]["lines"], "the supervisor shows the source where the child no longer can"


def test_S1_waiting_for_ever_is_stopped_and_the_report_names_the_await(hasty: Sandbox) -> None:
    report, taken = stopped(
        hasty,
        """
        import asyncio
        async def attempt():
            await asyncio.sleep(1e9)
        """,
    )
    assert report["type"] == "TimeLimitExceeded"
    assert line_of(report) == ("attack.py", 4)
    assert taken >= HASTY.wall_s - 0.1


def test_S1_sleeping_in_the_loops_own_thread_is_stopped_with_its_line(hasty: Sandbox) -> None:
    report, _ = stopped(hasty, "import time\ndef attempt(): time.sleep(1e6)")
    assert (report["type"], line_of(report)) == ("TimeLimitExceeded", ("attack.py", 2))


def test_S1_a_task_that_nobody_awaits_is_charged_for_what_it_burns(sandbox: Sandbox) -> None:
    report, _ = stopped(
        sandbox,
        """
        import asyncio
        async def burn():
            while True:
                await asyncio.sleep(0)
        async def attempt():
            asyncio.create_task(burn())
            await asyncio.sleep(60)
        """,
    )
    assert report["type"] == "CPULimitExceeded"


def test_S1_an_endless_import_is_a_load_failure_with_its_line(sandbox: Sandbox) -> None:
    began = time.monotonic()
    child = sandbox.load({"main.py": "import helper", "helper.py": "x = 1\nwhile True:\n    x += 1\n"})
    assert child.load_failure is not None and child.load_failure["kind"] == "limit"
    assert line_of(child.load_failure)[0] == "helper.py"
    assert time.monotonic() - began < LIMITS.load_s + 1 + DEADLINE
    assert failure(sandbox.ask(child)) == child.load_failure
    assert child.exited.done()


def test_S1_a_thread_that_spins_on_after_the_response_is_stopped_and_the_log_names_its_line(sandbox: Sandbox) -> None:
    code = """
import threading
from workers import Response, WorkerEntrypoint
def burn():
    while True: pass
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        threading.Thread(target=burn, daemon=True).start()
        return Response("done")
"""
    child = sandbox.load({"main.py": code})
    logs = Logs()
    child.on_log = logs.add
    assert isinstance(sandbox.ask(child), Answer)

    assert sandbox.reason(child) == "limit"
    said = sandbox.until(lambda: logs.records)[-1]
    assert (said["level"], said["path"], said["line"]) == ("error", "main.py", 5)
    assert "CPU time" in said["text"] and "in burn" in said["text"]


def test_S1_a_slow_request_does_not_take_its_neighbours_in_the_same_child_along(hasty: Sandbox) -> None:
    code = """
import asyncio
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if "slow" in request.url:
            await asyncio.sleep(60)
        await asyncio.sleep(0.6)
        return Response("quick")
"""
    child = hasty.load({"main.py": code})

    async def both() -> list:
        import asyncio

        head = {"method": "GET", "headers": [], "private": True}
        slow = asyncio.ensure_future(child.request({**head, "url": "http://w/slow"}, b"", lambda r, d: None))
        await asyncio.sleep(HASTY.wall_s - 0.3)
        quick = asyncio.ensure_future(child.request({**head, "url": "http://w/"}, b"", lambda r, d: None))
        return [await slow, await quick]

    slow, quick = hasty.do(both())
    assert failure(slow)["type"] == "TimeLimitExceeded"
    assert isinstance(quick, Answer) and quick.body == b"quick"
    assert child.exited.done(), "it gets no new requests"


def test_S1_what_a_program_printed_before_its_endless_loop_is_not_lost(sandbox: Sandbox) -> None:
    logs = Logs()
    stopped(sandbox, "def attempt():\n    print('one')\n    print('two')\n    while True: pass\n", logs)
    assert [record["text"] for record in logs.records] == ["one", "two"]
    assert [(record["path"], record["line"]) for record in logs.records] == [("attack.py", 2), ("attack.py", 3)]


def test_S2_a_gigabyte_is_a_clean_MemoryError_with_its_line(patient: Sandbox) -> None:
    report = failure(patient.attack("def attempt():\n    x = bytearray(1 << 30)\n    return len(x)\n"))
    assert (report["kind"], report["type"]) == ("exception", "MemoryError")
    assert line_of(report) == ("attack.py", 2)


def test_S2_a_gigabyte_in_little_pieces_is_a_clean_MemoryError(patient: Sandbox) -> None:
    # Not 'a' * 1000, which is one constant.
    report = failure(patient.attack("def attempt():\n    x = []\n    while True:\n        x.append(bytearray(1000))\n"))
    assert report["type"] == "MemoryError"
    assert line_of(report)[0] == "attack.py"


def test_S2_threads_and_files_of_one_worker_share_its_cap(patient: Sandbox) -> None:
    took = patient.tried(
        """
        import threading
        def attempt():
            kept, all_here = [], threading.Barrier(8)
            def grab():
                all_here.wait()
                try:
                    while True: kept.append(bytearray(1 << 20))
                except MemoryError: pass
            threads = [threading.Thread(target=grab) for _ in range(8)]
            [t.start() for t in threads]; [t.join() for t in threads]
            size = len(kept); kept.clear()
            return size
        """
    )
    assert 32 <= took <= LIMITS.memory_mb + 64


def test_S3_a_fork_bomb_does_not_get_off_the_ground(sandbox: Sandbox) -> None:
    report = failure(sandbox.attack("import os\ndef attempt():\n    while True: os.fork()"))
    assert report["type"] == "PermissionError"
    report = failure(sandbox.attack("import subprocess\ndef attempt(): subprocess.run(['true'])"))
    assert report["type"] in ("PermissionError", "FileNotFoundError")


def test_S3_a_thread_bomb_is_contained_and_its_neighbours_latency_is_unchanged(sandbox: Sandbox) -> None:
    bomb = """
import threading, time
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        count = 0
        try:
            while True:
                threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
                count += 1
        except RuntimeError:
            return Response(str(count))
"""
    quiet = "from workers import Response\nasync def on_fetch(request): return Response('here')"
    bombs = [sandbox.load({"main.py": bomb}) for _ in range(3)]
    neighbour = sandbox.load({"main.py": quiet})
    outcomes = [sandbox.ask(bomb) for bomb in bombs]
    counted = sandbox.tier == "A" or sandbox.own_uids or "pids" in sandbox.children.cgroups.controllers
    for each, outcome in zip(bombs, outcomes, strict=True):
        if counted:
            assert isinstance(outcome, Answer) and 8 <= int(outcome.body) <= LIMITS.threads
        else:  # nothing of the kernel's counts them: the supervisor does, a moment later
            assert isinstance(outcome, Answer) or outcome.report["type"] == "TooManyThreads", outcome.report
            assert sandbox.reason(each) == "limit"
    times = []
    for _ in range(50):
        began = time.perf_counter()
        assert isinstance(sandbox.ask(neighbour), Answer)
        times.append(time.perf_counter() - began)
    assert sorted(times)[25] < 0.05
    for child in [*bombs, neighbour]:
        sandbox.kill(child)


def test_S5_endless_printing_is_cut_off_and_the_hosts_memory_stays_flat(sandbox: Sandbox) -> None:
    logs = Logs()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stopped(sandbox, "def attempt():\n    while True: print('x' * 1000)\n", logs)
    assert len(logs.records) <= LIMITS.log_records
    assert logs.size <= LIMITS.log_bytes
    assert logs.dropped == 0 or logs.dropped > 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


def test_S5_dropped_records_are_counted_and_told(sandbox: Sandbox) -> None:
    logs = Logs()
    outcome = sandbox.attack("def attempt():\n    for n in range(500): print(n)\n", logs=logs)
    assert isinstance(outcome, Answer)
    assert [record["text"] for record in logs.records] == [str(n) for n in range(LIMITS.log_records)]
    assert logs.dropped == 500 - LIMITS.log_records


def test_S5_printing_without_a_line_end_and_to_the_raw_descriptors_is_bounded_too(sandbox: Sandbox) -> None:
    logs = Logs()
    stopped(sandbox, "def attempt():\n    while True: print('y' * 100_000, end='')\n", logs)
    assert logs.size <= LIMITS.log_bytes
    tried = "import os\ndef attempt():\n    n = 0\n    try:\n        while True: n += os.write(1, b'z' * 4096)\n"
    assert sandbox.tried(tried + "    except BlockingIOError: return n\n") <= 1 << 17


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os\ndef attempt(): os._exit(3)", "ended its own process with status 3"),
        ("import ctypes\ndef attempt():\n    ctypes.string_at(0)", "crashed (SIGSEGV)"),
        ("import os\ndef attempt():\n    os.abort()", "crashed (SIG"),
        ("import os\ndef attempt():\n    os.close(3)", "stopped"),
    ],
)
def test_S14_a_crash_of_the_interpreter_is_a_result(sandbox: Sandbox, code: str, says: str) -> None:
    report = failure(sandbox.attack(code))
    assert report["kind"] == "crash"
    assert says in report["message"]
    assert sandbox.still_works()


def test_S14_a_segmentation_fault_is_reported_with_its_line(sandbox: Sandbox) -> None:
    report = failure(sandbox.attack("import ctypes\n\ndef attempt():\n    return ctypes.string_at(0)"))
    assert line_of(report) == ("attack.py", 4)


@pytest.mark.parametrize(
    "code",
    [
        "import sys\ndef attempt(): sys.exit(1)",
        "def attempt(): raise KeyboardInterrupt",
        "import asyncio\nasync def attempt(): raise asyncio.CancelledError",
        "def attempt(): raise GeneratorExit",
        "def attempt():\n    def f(): f()\n    f()",
    ],
)
def test_S14_no_exception_ends_the_process(sandbox: Sandbox, code: str) -> None:
    child = sandbox.load({"main.py": "from attack import *\nfrom workers import Response\n"
                          "async def on_fetch(request):\n    if request.url.endswith('ok'): return Response('ok')\n"
                          "    r = attempt()\n    if hasattr(r, '__await__'): await r\n", "attack.py": code})  # fmt: skip
    assert failure(sandbox.ask(child))["kind"] == "exception"
    outcome = sandbox.ask(child, url="http://w/ok")
    assert isinstance(outcome, Answer) and outcome.body == b"ok"
    sandbox.kill(child)


def test_S14_a_worker_that_stops_or_breaks_its_event_loop_harms_only_itself(sandbox: Sandbox) -> None:
    outcome = sandbox.attack("import asyncio\ndef attempt():\n    asyncio.get_running_loop().stop()\n    return 1\n")
    assert isinstance(outcome, Answer)
    sandbox.attack("import asyncio\nasync def attempt():\n    asyncio.get_running_loop()._ready = None\n")
    assert sandbox.still_works()

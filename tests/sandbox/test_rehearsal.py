"""What a spare child has done before it meets its worker, measured by the pages that it has still to copy then."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from preview.outside.children import Answer, Child
from tests.sandbox.support import META, Sandbox

pytestmark = pytest.mark.sandbox

MOST = 30
"""Pages. Three to five are usual, for the worker's own objects. Each takes several microseconds while somebody waits."""
MODULES = {
    "main.py": b"""
from greeting import greet
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(greet("you"))
""",
    "greeting.py": b"def greet(name: str) -> str:\n    return f'Hello {name}'\n",
}


def _faults(child: Child) -> int:
    """Page faults of a child so far, as proc(5) counts them."""
    return int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[7])


def _faults_of_a_first_answer(sandbox: Sandbox) -> int:
    child = sandbox.do(sandbox.children._take())
    before = _faults(child)
    sandbox.do(child.load(MODULES, META))
    outcome = sandbox.ask(child)
    assert isinstance(outcome, Answer) and outcome.body == b"Hello you", outcome
    faults = _faults(child) - before
    sandbox.kill(child)
    return faults


def test_a_spare_child_has_copied_what_a_first_answer_writes_to_before_anybody_waits() -> None:
    sandbox = Sandbox(spares=2)
    try:
        end = time.monotonic() + 10
        while sandbox.children.spares < 2:
            assert time.monotonic() < end, "no two spare children within 10 s"
            time.sleep(0.01)
        few = min(_faults_of_a_first_answer(sandbox) for _ in range(2))  # a kernel may take pages back meanwhile
    finally:
        sandbox.close()
    assert few <= MOST


def test_control_a_child_in_a_hurry_has_not() -> None:
    sandbox = Sandbox(spares=0)
    try:
        sandbox.kill(sandbox.children._spares[0])  # the one that was confined as a proof
        many = _faults_of_a_first_answer(sandbox)
    finally:
        sandbox.close()
    assert many > 5 * MOST


@pytest.mark.parametrize(
    "broken", ["raise RuntimeError('a broken rehearsal')", "fetch ="], ids=["raises", "does not parse"]
)
def test_a_rehearsal_that_fails_says_so_and_does_not_wait_for_ever(broken: str) -> None:
    program = f"""
from preview import protocol
from preview.inside import child, rehearsal
main = b"from workers import WorkerEntrypoint\\nclass Default(WorkerEntrypoint):\\n def fetch(self, request):\\n  {broken}\\n"
packed = protocol.pack_modules({{"rehearsal.py": main}})
rehearsal.LOAD = protocol.encode(protocol.Kind.TO_LOAD, 0, protocol.join_payload(rehearsal._META, packed))
child.Child().rehearse()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1 and "RuntimeError: the rehearsal failed" in run.stderr, run.stderr

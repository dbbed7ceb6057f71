"""The zygote's heap: what a child allocates lies side by side. Run in an interpreter of its own, as it keeps what it takes."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from preview.inside import heap

HEAD = sys.getsizeof(b"")
strewn = [bytes(160 - HEAD) for _ in range(3000)]
del strewn[::7]


def pools():
    return len({id(each) >> 14 for each in [bytes(160 - HEAD) for _ in range(60)]})


before = pools()
heap.fill_holes()
print(before, pools())
"""


def test_what_is_allocated_after_the_filling_lies_in_one_or_two_pools() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert after <= 2
    assert before > 3, "the control: without it, they are strewn over many"

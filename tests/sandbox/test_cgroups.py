"""Control groups, where this user may make them: memory with files and buffers (S2), tasks (S3), and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from preview.outside.cgroups import Cgroups
from tests.support import wait_until

MB = 1 << 20
EAT = "import sys; sys.stdin.readline(); print(len(bytearray(100 << 20)))"
FORK = """
import os, sys
sys.stdin.readline()
made = 0
try:
    while made < 30:
        if not os.fork():
            os.read(0, 1)
            os._exit(0)
        made += 1
except OSError:
    pass
print(made)
os.killpg(0, 9)
"""


@pytest.fixture
def groups() -> Iterator[Cgroups]:
    found = Cgroups.find(48 * MB, 8)
    if not found.controllers:
        assert found.lack, "who has none is told why"
        assert found.enter(os.getpid()) is None
        if os.geteuid() == 0 and os.access("/sys/fs/cgroup/memory/tasks", os.W_OK):
            pytest.fail(found.lack)
        pytest.skip(f"no control groups here: {found.lack}")
    yield found
    wait_until(found.close, "the groups are removed")


def start(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


def test_S2_a_process_over_its_groups_memory_is_killed_and_that_is_told(groups: Cgroups) -> None:
    if "memory" not in groups.controllers:
        pytest.skip("the memory controller is not within reach")
    eater = start(EAT)
    group = groups.enter(eater.pid)
    assert group is not None
    said, _ = eater.communicate(b"\n", timeout=30)
    assert (said, eater.returncode) == (b"", -9)
    assert groups.leave(group)
    # The next one in the same group starts with a clean sheet.
    modest = start("import sys; sys.stdin.readline(); print('fine')")
    again = groups.enter(modest.pid)
    assert again is group and modest.communicate(b"\n", timeout=30)[0] == b"fine\n"
    assert not groups.leave(again)


def test_S2_control_without_a_group_the_same_process_has_its_memory() -> None:
    eater = start(EAT)
    assert eater.communicate(b"\n", timeout=30)[0] == b"104857600\n"


def test_two_users_of_groups_in_one_process_have_folders_of_their_own(groups: Cgroups) -> None:
    other = Cgroups.find(48 * MB, 8)
    eaters = [start("import sys; sys.stdin.readline()") for _ in range(2)]
    mine, theirs = groups.enter(eaters[0].pid), other.enter(eaters[1].pid)
    assert mine is not None and theirs is not None
    eaters[1].communicate(b"\n", timeout=30)
    other.leave(theirs)
    wait_until(other.close, "the other's groups are removed, though a process is still in mine")
    eaters[0].communicate(b"\n", timeout=30)
    groups.leave(mine)


def test_S3_a_group_bounds_how_many_processes_there_are(groups: Cgroups) -> None:
    if "pids" not in groups.controllers:
        pytest.skip("the pids controller is not within reach")
    bomb = start(FORK)
    group = groups.enter(bomb.pid)
    assert group is not None
    made, _ = bomb.communicate(b"\n", timeout=30)
    assert int(made) == groups.tasks - 1
    groups.leave(group)


def test_S3_control_without_a_group_there_are_as_many_as_it_likes() -> None:
    assert start(FORK).communicate(b"\n", timeout=30)[0] == b"30\n"

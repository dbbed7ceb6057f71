"""The zygote: its death, its silence, its way from group to group, and a child that nobody waits for when it is born."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading
import time
from pathlib import Path

import pytest

from preview.outside import zygote
from preview.outside.cgroups import Group
from preview.outside.children import Answer, Children, Failure
from tests.sandbox.support import HEAD, HELLO, LIMITS, META, Sandbox, failure, no_log
from tests.support import wait_until

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("born", [False, True], ids=["before-it-is-born", "in-the-moment-in-which-it-is-born"])
async def test_a_fork_that_is_not_waited_for_leaves_no_process(born: bool) -> None:
    children = Children(LIMITS, spares=0)
    await children.start()
    try:
        forking = children._zygote
        assert forking is not None
        before = set(forking._alive)
        asking = asyncio.create_task(forking.fork(at_once=True))
        await asyncio.sleep(0)
        (tag,) = forking._asked
        if born:
            while tag not in forking._alive:  # in one turn of the loop: the asker has not heard of it
                assert select.select([forking._control], [], [], 10)[0]
                forking._readable()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(10):
            while forking._asked or set(forking._alive) - before:
                await asyncio.sleep(0.01)
    finally:
        await children.close()


def test_F5_the_zygote_killed_is_back_within_a_second_and_what_it_held_fails_with_a_report() -> None:
    running = Sandbox()
    try:
        child = running.load({"main.py": "import asyncio\nasync def on_fetch(request): await asyncio.sleep(60)"})

        async def kill_under_a_request() -> Answer | Failure:
            request = asyncio.ensure_future(child.request(HEAD, b"", no_log))
            await asyncio.sleep(0)
            assert running.children.zygote_pid
            os.kill(running.children.zygote_pid, signal.SIGKILL)
            return await request

        report = failure(running.do(kill_under_a_request()))
        assert report["kind"] == "crash" and "restarted" in report["message"]
        assert child.exited.done() and child.fell_with_zygote
        began = time.monotonic()
        assert running.still_works()
        assert time.monotonic() - began < 15, "a second where nothing else runs"
        assert not Path(f"/proc/{child.pid}").exists()
    finally:
        running.close()


def test_F4_a_zygote_that_was_stopped_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "_SILENCE", 0.5)
    running = Sandbox(spares=0)
    try:
        assert running.still_works()
        stopped = running.children.zygote_pid
        assert stopped
        target = next(  # the launcher waits for the one that forks
            (int(pid) for pid in Path(f"/proc/{stopped}/task/{stopped}/children").read_text().split()), stopped
        )
        os.kill(target, signal.SIGSTOP)
        assert running.still_works()
        assert running.children.zygote_pid != stopped
    finally:
        running.close()


def test_the_loop_turns_while_the_zygote_goes_to_the_next_group_and_no_child_is_born_before_it_is_there() -> None:
    sandbox = Sandbox(spares=0)
    groups, entering, may_enter = sandbox.children.cgroups, threading.Event(), threading.Event()
    entered: list[int] = []
    left: list[Group] = []

    def enter(pid: int) -> Group:
        entering.set()
        assert may_enter.wait(20)
        entered.append(pid)
        return Group(str(len(entered)))

    def leave(group: Group) -> bool:
        left.append(group)
        return False

    try:
        sandbox.do(sandbox.children._nest.group())
        groups.enter, groups.leave = enter, leave  # type: ignore[method-assign, assignment]
        first = sandbox.load({"main.py": HELLO})  # it proved the sandbox, and was born into a group
        second = sandbox.load({"main.py": HELLO})  # born into the group that the zygote went to after that
        assert entering.wait(20), "the zygote goes on to the next at once"
        loading = sandbox.begin(sandbox.children.load({"main.py": HELLO}, META))
        sandbox.do(asyncio.sleep(0.05))
        assert not loading.done() and sandbox.children._all == {first, second}
        may_enter.set()
        third = loading.result(20)
        wait_until(lambda: len(entered) == 2, "the zygote to go on")
        assert len({*entered, first.pid, second.pid, third.pid}) == 4, "it is the zygote that goes, and no child"
        sandbox.kill(third)
        wait_until(lambda: [group.name for group in left] == ["1"], "the group to be given back")
        os.kill(entered[0], signal.SIGKILL)
        wait_until(lambda: {group.name for group in left} >= {"1", "2"}, "that of the zygote to be given back as well")
        assert sandbox.still_works()
        assert entered[-1] != entered[0], "another zygote has a group"
    finally:
        may_enter.set()
        sandbox.close()


def test_nothing_is_left_behind_when_the_children_are_closed() -> None:
    before = set(os.listdir("/proc/self/fd"))
    running = Sandbox()
    child = running.load({"main.py": HELLO})
    pids = [child.pid, running.children.zygote_pid]
    running.close()
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert set(os.listdir("/proc/self/fd")) - before == set()

"""What dies or hangs is back by itself: the runner, its zygote, the web process (F4, F5). Real processes, real signals."""

from __future__ import annotations

import os
import signal
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from quickedit.cli.parts import BEAT, Part
from quickedit.cli.supervise import Supervisor
from tests.conftest import Live
from tests.processes import children, command_line
from tests.support import wait_until


def runner_of(live: Live) -> int:
    return next((pid for pid in children(live.program.pid) if "preview.outside.serve" in command_line(pid)), 0)


def answers(port: int, host: str, path: str, status: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status == status
    except OSError:
        return False


def healthy(live: Live) -> bool:
    return answers(live.port, f"localhost:{live.port}", "/healthz", 200)


def nobody(live: Live) -> bool:
    """The runner answers, and has asked web: there is no such worker."""
    return answers(live.workers_port, f"nobody.localhost:{live.workers_port}", "/", 404)


def test_F5_runner_zygote_and_web_killed_are_each_back_with_nothing_for_the_user_to_do(live: Live) -> None:
    first = wait_until(lambda: runner_of(live), "a runner")
    wait_until(lambda: nobody(live) and healthy(live), "all answer")

    os.kill(first, signal.SIGKILL)
    began = time.monotonic()
    second = wait_until(lambda: (pid := runner_of(live)) and pid != first and nobody(live) and pid, "another runner")
    print(f"the runner answers again after {time.monotonic() - began:.2f} s")

    (zygote,) = children(second)
    os.kill(zygote, signal.SIGKILL)
    wait_until(lambda: any(pid != zygote for pid in children(second)), "another zygote")
    assert nobody(live), "the runner itself never went away"

    (web,) = [pid for pid in children(live.program.pid) if pid != second]
    os.kill(web, signal.SIGKILL)
    began = time.monotonic()
    wait_until(lambda: healthy(live), "web answers again")
    print(f"web answers again after {time.monotonic() - began:.2f} s")
    live.program.wait_for("web is back")
    assert "runner is back" in live.program.output


def test_the_signal_of_a_client_that_left_while_it_was_written_to_ends_no_part(live: Live) -> None:
    """Linux sends it where a connection's end and its reset come between two writes: by chance, so it is sent by hand here."""
    wait_until(lambda: healthy(live), "web answers")
    parts = children(live.program.pid)
    assert len(parts) == 2
    for pid in (live.program.pid, *parts):
        os.kill(pid, signal.SIGPIPE)
    assert healthy(live) and nobody(live)
    assert children(live.program.pid) == parts
    assert "killed by" not in live.program.printed()


def beating(steps: Path) -> None:
    """A part that says that it is ready and beats; the first one of it stops itself after a while."""
    first = not steps.exists()
    steps.write_text("begun")
    os.write(1, b'{"ready": true}\n')
    while True:
        os.write(1, BEAT.encode() + b"\n")
        if first:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.05)


def test_F4_a_part_that_was_stopped_is_replaced_and_one_that_beats_is_left_alone(tmp_path: Path) -> None:
    said: list[str] = []
    calm = tmp_path / "calm"
    calm.write_text("begun")
    parts = [
        Part("stalled", lambda: beating(tmp_path / "steps"), beats=True),
        Part("calm", lambda: beating(calm), beats=True),
    ]

    def say(line: str) -> None:
        said.append(line)
        if "back" in line:
            supervisor.stopping = signal.SIGTERM

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Supervisor(parts, say, lambda name, line: None, stalled=1.0) as supervisor:
        for part in parts:
            supervisor.start(part.name)
        supervisor.wait_ready(lambda part: None)
        first = parts[0].pid
        supervisor.run()
        assert parts[0].pid not in (0, first)
    for number, handler in zip((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), before, strict=True):
        signal.signal(number, handler)
    assert [line.partition(" ")[0] for line in said] == ["stalled"] * 3
    assert "not been heard of" in said[0] and "killed by SIGKILL" in said[1] and "is back" in said[2]


@pytest.mark.parametrize("word", ["beat", "beats", ""])
def test_a_part_that_does_not_promise_to_beat_is_never_called_silent(word: str) -> None:
    part = Part("web", lambda: None)
    assert not part.heard(word) and not part.is_silent(0.0)

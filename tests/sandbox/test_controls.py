"""Controls: the hostile programs of the other files, run where a wall is taken down. Here they must succeed.

A test of a wall that cannot fail proves nothing. Each row of the sandbox's promises has one here: mostly tier B at
Landlock ABI 1 less one of its two walls, so that each is seen to hold alone; else no sandbox at all, or a higher limit.
S13, S14 and S16 promise that an outcome is told; their controls are the outcomes that are well, in their own files.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from preview.outside.children import Answer
from preview.sandbox.syscalls import number
from tests.sandbox.programs import (
    CHANGE,
    CONNECT,
    DATAGRAM,
    FAMILIES,
    FILL,
    LEAVE,
    LOOK_INTO,
    READ,
    SYSTEM_CALL,
    names_of,
)
from tests.sandbox.support import LIMITS, Limits, Sandbox, failure

pytestmark = pytest.mark.sandbox

HELLO = {"main.py": "from workers import Response\nasync def on_fetch(r): return Response('alive')"}


@pytest.fixture(scope="module")
def no_landlock() -> Iterator[Sandbox]:
    running = Sandbox("B", without=["landlock"])
    yield running
    running.close()


@pytest.fixture(scope="module")
def no_seccomp() -> Iterator[Sandbox]:
    """Landlock as the first kernels had it: files alone."""
    running = Sandbox("B", without=["seccomp"], landlock=1)
    yield running
    running.close()


@pytest.fixture(scope="module")
def generous() -> Iterator[Sandbox]:
    """Tier A with limits that none of the programs reaches."""
    limits = Limits(cpu_s=60, wall_s=60, memory_mb=4096, log_records=100_000, log_bytes=1 << 24, threads=200, tmp_mb=64)
    running = Sandbox("A", limits)
    yield running
    running.close()


def test_S1_control_with_a_higher_limit_the_loop_runs_to_its_end(generous: Sandbox) -> None:
    seconds = LIMITS.cpu_s + 0.3
    loop = f"import time\ndef attempt():\n    while time.process_time() < {seconds}: pass\n    return 'ended'\n"
    assert generous.tried(loop) == "ended"


def test_S2_control_with_more_memory_the_gigabyte_is_there(generous: Sandbox) -> None:
    assert generous.tried("def attempt():\n    x = bytearray(1 << 30)\n    return len(x)\n") == 1 << 30


def test_S3_control_with_a_higher_limit_there_are_more_threads(generous: Sandbox) -> None:
    bomb = """
        import threading
        def attempt():
            done, count = threading.Event(), 0
            try:
                while count < 60:
                    threading.Thread(target=done.wait).start()
                    count += 1
            finally:
                done.set()
            return count
        """
    assert generous.tried(bomb) == 60 > LIMITS.threads


def test_S3_control_without_seccomp_a_worker_forks(no_seccomp: Sandbox) -> None:
    fork = (
        "import os\ndef attempt():\n    pid = os.fork()\n    if not pid: os._exit(7)\n    return os.waitpid(pid, 0)[1]"
    )
    assert no_seccomp.tried(fork) == 7 << 8


def test_S4_control_without_landlock_a_file_of_the_host_is_read_and_overwritten(
    no_landlock: Sandbox, canary: Path
) -> None:
    assert no_landlock.tried(READ.format(path=str(canary))) == "the canary sings"
    # The filter alone denies changes of the tree, not writing into files: its second wall, and its end.
    outcome = no_landlock.tried(CHANGE.format(path=str(canary)))
    assert outcome == [
        "PermissionError",
        "done",
        "done",
        "done",
        "PermissionError",
        "PermissionError",
        "PermissionError",
    ]
    assert canary.read_text() == "z"


def test_S4_control_without_seccomp_a_file_that_landlock_leaves_is_emptied_by_name(
    no_seccomp: Sandbox, canary: Path
) -> None:
    """What ABI 1 has no right for, and why the filter denies it: truncate(2)."""
    code = f"import os\ndef attempt():\n    os.truncate({str(canary)!r}, 0)\n    return 'emptied'"
    assert no_seccomp.tried(code) == "emptied" and canary.read_text() == ""


def test_S4_control_without_seccomp_a_program_is_run(no_walls: Sandbox) -> None:
    code = "import subprocess\ndef attempt(): return subprocess.run(['/bin/sh', '-c', 'exit 5']).returncode"
    assert no_walls.tried(code) == 5


def test_S5_control_with_a_higher_limit_all_is_logged(generous: Sandbox) -> None:
    from tests.sandbox.support import Logs

    logs = Logs()
    generous.attack("def attempt():\n    for n in range(500): print(n)\n", logs=logs)
    assert len(logs.records) == 500 > LIMITS.log_records and logs.dropped == 0


def test_S6_control_with_a_larger_folder_more_is_written(generous: Sandbox) -> None:
    total, _, code = generous.tried(FILL.format(folder="/tmp", size=1 << 20))
    assert total > LIMITS.tmp_mb << 20 and code == 28


def test_S7_control_without_walls_what_is_left_is_found(no_walls: Sandbox) -> None:
    left = Path("/tmp/quickedit-test-left")
    try:
        assert no_walls.tried(LEAVE)[0] == "written"
        assert "quickedit-test-left" in no_walls.tried("import os\ndef attempt(): return os.listdir('/tmp')")
    finally:
        left.unlink(missing_ok=True)


def test_S8_control_without_seccomp_sockets_are_made(no_seccomp: Sandbox) -> None:
    assert "made" in no_seccomp.tried(FAMILIES)


def test_S8_control_without_seccomp_named_sockets_hear_the_worker(
    no_seccomp: Sandbox, named_sockets: list[socket.socket]
) -> None:
    assert no_seccomp.tried(DATAGRAM.format(names=names_of(named_sockets))) == ["sent", "sent"]
    assert [receiver.recv(100) for receiver in named_sockets] == [b"from a worker"] * 2


def test_S8_control_without_seccomp_a_server_on_loopback_is_reached(no_seccomp: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def greet() -> None:
            connection, _ = server.accept()
            connection.sendall(b"reached")
            connection.close()

        greeter = threading.Thread(target=greet)
        greeter.start()
        assert no_seccomp.tried(CONNECT.format(port=server.getsockname()[1])) == "reached"
        greeter.join(10)


def test_S9_control_without_seccomp_links_of_the_host_are_read(no_seccomp: Sandbox) -> None:
    assert "python" in no_seccomp.tried("import os\ndef attempt(): return os.readlink('/proc/self/exe')")


def test_S9_control_without_walls_a_link_is_made(no_walls: Sandbox) -> None:
    code = """
        import os, tempfile
        def attempt():
            with tempfile.TemporaryDirectory() as folder:
                os.symlink("/etc/passwd", f"{folder}/link")
                return os.path.islink(f"{folder}/link")
        """
    assert no_walls.tried(code) is True


@pytest.mark.parametrize("name", ["unshare", "ptrace", "kcmp", "add_key", "name_to_handle_at"])
def test_S10_control_without_seccomp_a_system_call_is_the_kernels_to_answer(no_seccomp: Sandbox, name: str) -> None:
    result, _ = no_seccomp.tried(SYSTEM_CALL.format(number=number(name), arguments="0, 0, 0, 0, 0, 0"))
    assert result in (-1, 0), "and the process lives"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is one instruction set only on this machine")
def test_S10_control_without_seccomp_another_instruction_set_is_served(no_seccomp: Sandbox) -> None:
    i386_getpid = "b814000000" + "cd80c3"
    code = f"""
        import ctypes, mmap, os
        def attempt():
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(bytes.fromhex({i386_getpid!r}))
            address = ctypes.addressof(ctypes.c_char.from_buffer(page))
            return ctypes.CFUNCTYPE(ctypes.c_long)(address)() - os.getpid()
        """
    outcome = no_seccomp.attack(code)
    if isinstance(outcome, Answer):
        assert json.loads(outcome.body) == 0
    else:  # a kernel without 32-bit emulation
        assert "SIGSEGV" in failure(outcome)["message"]


def test_S11_control_without_seccomp_and_as_one_user_one_worker_kills_another() -> None:
    sandbox = Sandbox("B", without=["seccomp", "uids"], landlock=1)
    try:
        idle = sandbox.load(HELLO)
        assert sandbox.tried(f"import os\ndef attempt(): os.kill({idle.pid}, {int(signal.SIGKILL)}); return 1") == 1

        async def ended() -> str:
            return (await idle.exited).reason

        assert sandbox.do(ended()) == "crashed"
    finally:
        sandbox.close()


def test_S12_control_without_walls_the_host_sees_none(no_walls: Sandbox) -> None:
    child = no_walls.load(HELLO)
    status = Path(f"/proc/{child.pid}/status").read_text()
    assert "Seccomp:\t0" in status and "NoNewPrivs:\t0" in status
    assert f"NSpid:\t{child.pid}\n" in status, "in the host's own pid namespace"
    no_walls.kill(child)


def test_S15_control_without_landlock_the_runners_process_is_looked_into(no_landlock: Sandbox) -> None:
    code = LOOK_INTO.format(path=f"/proc/{os.getpid()}/cmdline")
    assert no_landlock.tried(code) == "opened"

"""The walls: what a worker can reach outside itself, which is nothing. One hostile program a test, in every tier.

In tier A what is the host's is absent; in tier B it is in sight and denied. That each of these tests can fail is shown
in test_controls.
"""

from __future__ import annotations

import os
import platform
import socket
from pathlib import Path

import pytest

from preview.outside.children import Answer
from tests.sandbox.programs import (
    CHANGE,
    CONNECT,
    DATAGRAM,
    DENIED,
    FAMILIES,
    FILL,
    LEAVE,
    LOOK,
    READ,
    SYSTEM_CALL,
    names_of,
)
from tests.sandbox.support import LIMITS, Sandbox, failure

pytestmark = pytest.mark.sandbox


def test_S4_a_file_of_the_host_can_be_neither_read_nor_changed(sandbox: Sandbox, canary: Path) -> None:
    denied = DENIED[sandbox.tier]
    assert sandbox.tried(READ.format(path=str(canary))) == denied
    assert sandbox.tried(CHANGE.format(path=str(canary))) == [denied] * 7
    assert canary.read_text() == "the canary sings"


def test_S4_a_file_that_may_be_read_cannot_be_emptied_by_opening_it_for_reading(sandbox: Sandbox) -> None:
    """Before ABI 3, and for what asks for neither reading nor writing, Landlock has no say in it. On a device: harmless."""
    tried = """
        import os
        def attempt():
            got = []
            for flags in (os.O_RDONLY | os.O_TRUNC, 3, 3 | os.O_TRUNC):
                try: got.append(os.open("/dev/zero", flags))
                except OSError as error: got.append(error.errno)
            return got
        """
    assert sandbox.tried(tried) == [1, 1, 1]


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/maps", "/sys/kernel", "/root", "/home", "/dev/shm",
     "/dev/kmsg", "/dev/pts", "/var", "/run", "/srv", "/quickedit/preview/outside", "/quickedit/preview/client.py",
     "/usr/bin/env", "/bin/sh", "/etc/shadow", "/proc/self/maps", "/proc/self/mem", "/dev/mem"],
)  # fmt: skip
def test_S4_system_paths_are_absent_or_cannot_be_opened(sandbox: Sandbox, path: str) -> None:
    if sandbox.tier == "A":
        assert sandbox.tried(f"import os\ndef attempt(): return os.path.lexists({path!r})") is False
    look = f"""
        import os
        def attempt():
            got = []
            for call in (lambda: os.open({path!r}, os.O_RDONLY), lambda: os.listdir({path!r})):
                try: call(); got.append("had")
                except OSError as error: got.append(type(error).__name__)
            return got
        """
    assert "had" not in sandbox.tried(look)


def test_S4_what_is_there_cannot_be_written(sandbox: Sandbox) -> None:
    tried = """
        import os, sys
        def attempt():
            got = {}
            for path in ("/x", "/usr/x", os.__file__, "/usr/lib/x", "/quickedit/x", "/dev/x", sys.executable):
                try:
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
                    got[path] = "written"
                except OSError as error:
                    got[path] = type(error).__name__
                try:
                    os.unlink(path); got[path] += " unlinked"
                except OSError: pass
            return sorted(set(got.values()))
        """
    assert set(sandbox.tried(tried)) <= {"PermissionError", "OSError", "FileNotFoundError"}


def test_S4_no_program_can_be_executed(sandbox: Sandbox) -> None:
    tried = """
        import os, sys
        def attempt():
            os.chmod if False else None
            try:
                os.execv(sys.executable, [sys.executable, "-c", "1"])
            except OSError as error:
                return type(error).__name__
        """
    assert sandbox.tried(tried) == "PermissionError"


def test_S6_bytes_inodes_and_sparse_files_are_bounded(sandbox: Sandbox) -> None:
    if sandbox.tier == "B":  # without a file system of its own a worker writes nothing
        for folder in ("/tmp", "/worker", "/var/tmp", "/dev/shm", "."):
            total, _, code = sandbox.tried(FILL.format(folder=folder, size=1 << 20))
            assert (total, code) in ((0, 13), (0, 2)), folder
        return
    total, _, code = sandbox.tried(FILL.format(folder="/tmp", size=1 << 20))
    assert total <= LIMITS.tmp_mb << 20 and code == 28
    _, count, code = sandbox.tried(FILL.format(folder="/tmp", size=0))
    assert count <= 1024 and code == 28
    total, _, code = sandbox.tried(FILL.format(folder="/worker", size=1 << 20))
    assert total <= LIMITS.files_mb << 20 and code == 28
    tried = "def attempt():\n    try: open('/tmp/s', 'wb').truncate(1 << 40)\n    except OSError as e: return e.errno\n"
    assert sandbox.tried(tried) == 27


def test_S6_no_links_pipes_or_devices_and_only_so_deep(sandbox: Sandbox) -> None:
    tried = """
        import os
        def attempt():
            got = []
            try: open("/tmp/file", "w").close()
            except OSError: pass
            for call in (lambda: os.symlink("/etc/passwd", "/tmp/l"), lambda: os.link("/tmp/file", "/tmp/h"),
                         lambda: os.mkfifo("/tmp/p"), lambda: os.mknod("/tmp/d", 0o60600, 0)):
                try: call(); got.append("made")
                except OSError as error: got.append(type(error).__name__)
            depth = 0
            try:
                os.chdir("/tmp")
                while True:
                    os.mkdir("d"); os.chdir("d"); depth += 1
            except OSError: pass
            return [got, depth]
        """
    got, depth = sandbox.tried(tried)
    assert got == ["PermissionError"] * 4
    assert depth <= 1024


def test_S7_nothing_remains_from_one_run_to_the_next(sandbox: Sandbox) -> None:
    assert sandbox.tried(LEAVE) == (["written", "written"] if sandbox.tier == "A" else ["PermissionError"] * 2)
    assert sandbox.tried(LOOK) == ([[], [], False] if sandbox.tier == "A" else [None, [], False])


def test_S8_no_socket_of_any_family_can_be_made(sandbox: Sandbox) -> None:
    assert sandbox.tried(FAMILIES) == ["PermissionError"]


def test_S8_a_socket_that_has_a_name_is_out_of_reach(sandbox: Sandbox, named_sockets: list[socket.socket]) -> None:
    """No socket can be made, but a pair can: half of it could send to others by name, as to the system's log."""
    assert set(sandbox.tried(DATAGRAM.format(names=names_of(named_sockets)))) == {"PermissionError"}
    for receiver in named_sockets:
        with pytest.raises(BlockingIOError):
            receiver.recv(100)


def test_S8_a_server_on_loopback_is_out_of_reach(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        assert sandbox.tried(CONNECT.format(port=server.getsockname()[1])) == "PermissionError"
        with pytest.raises(BlockingIOError):
            server.accept()


_X86 = platform.machine() == "x86_64"


@pytest.mark.parametrize(
    "name",
    ["ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2", "pivot_root", "unshare", "setns", "bpf",
     "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "init_module", "finit_module",
     "kexec_load", "open_by_handle_at", "name_to_handle_at", "move_mount", "fsopen", "mount_setattr", "pidfd_getfd",
     "kcmp", "reboot"],
)  # fmt: skip
def test_S10_a_system_call_that_only_an_attack_makes_ends_the_process(sandbox: Sandbox, name: str) -> None:
    from preview.sandbox.syscalls import number

    report = failure(sandbox.attack(SYSTEM_CALL.format(number=number(name), arguments="0, 0, 0, 0, 0, 0")))
    assert report["kind"] == "crash" and "system call" in report["message"]


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [("io_uring_setup", "8, 0", 38), ("clone3", "0, 0", 38), ("pidfd_open", "1, 0", 1), ("seccomp", "0, 0, 0", 1),
     ("capset", "0, 0", 1), ("clone", "0x10000000, 0, 0, 0, 0", 1), ("clone", "17, 0, 0, 0, 0", 1),
     ("prlimit64", "7, 7, 0, 0", 1), ("fcntl", "3, 1031, 1048576", 1), ("fcntl", "3, 6, 0", 1), ("prctl", "4, 1", 1)],
)  # fmt: skip
def test_S10_a_system_call_that_a_harmless_program_may_try_is_refused(
    sandbox: Sandbox, name: str, arguments: str, code: int
) -> None:
    from preview.sandbox.syscalls import number

    assert sandbox.tried(SYSTEM_CALL.format(number=number(name), arguments=arguments)) == [-1, code]


@pytest.mark.skipif(not _X86, reason="there is one instruction set only on this machine")
@pytest.mark.parametrize("code", ["b827000040" + "0f05c3", "b814000000" + "cd80c3"], ids=["x32", "i386"])
def test_S10_another_instruction_sets_system_calls_end_the_process(sandbox: Sandbox, code: str) -> None:
    attack = f"""
        import ctypes, mmap
        def attempt():
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(bytes.fromhex({code!r}))
            address = ctypes.addressof(ctypes.c_char.from_buffer(page))
            return ctypes.CFUNCTYPE(ctypes.c_long)(address)()
        """
    report = failure(sandbox.attack(attack))
    assert report["kind"] == "crash" and "system call" in report["message"]


def test_S9_where_links_of_the_host_lead_cannot_be_read(sandbox: Sandbox) -> None:
    for path in ("/proc/self/exe", "/proc/1/cwd", f"/proc/{os.getpid()}/exe", "/proc/self/fd/0"):
        assert sandbox.tried(f"""
            import os
            def attempt():
                try: return os.readlink({path!r})
                except OSError as error: return type(error).__name__
            """) == DENIED[sandbox.tier]  # fmt: skip


def test_S11_workers_cannot_signal_lock_or_meet_each_other(sandbox: Sandbox) -> None:
    idle = sandbox.load({"main.py": "from workers import Response\nasync def on_fetch(r): return Response('alive')"})
    tried = f"""
        import fcntl, mmap, os, signal
        def attempt():
            got = {{}}
            def note(name, call):
                try: got[name] = repr(call())
                except OSError as error: got[name] = type(error).__name__
            note("signal", lambda: os.kill({idle.pid}, 0))
            note("everybody", lambda: os.kill(-1, 0))
            note("the group", lambda: os.killpg(0, 0) if {sandbox.tier == "B"} else os.kill(2, 0))
            note("its thread", lambda: signal.pthread_kill(__import__("threading").get_ident(), 0))
            note("flock", lambda: fcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_EX))
            note("lockf", lambda: fcntl.lockf(os.open("/tmp/l", os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX))
            note("memfd", lambda: os.memfd_create("x"))
            note("shm", lambda: os.open("/dev/shm/x", os.O_RDWR | os.O_CREAT))
            note("nice", lambda: os.nice(1))
            return got
        """
    gone = "ProcessLookupError" if sandbox.tier == "A" else "PermissionError"
    assert sandbox.tried(tried) == {
        "signal": gone, "everybody": gone, "the group": gone, "its thread": "None", "flock": "PermissionError",
        "lockf": "PermissionError", "memfd": "PermissionError", "shm": DENIED[sandbox.tier], "nice": "PermissionError",
    }  # fmt: skip
    outcome = sandbox.ask(idle)
    assert isinstance(outcome, Answer) and outcome.body == b"alive"
    sandbox.kill(idle)


def test_S11_two_workers_do_not_draw_the_same_random_numbers(sandbox: Sandbox) -> None:
    draw = """
        import random, tempfile, uuid, secrets
        def attempt(): return [random.random(), str(uuid.uuid4()), secrets.token_hex(),
                                  next(tempfile._get_candidate_names())]
        """
    first, second = sandbox.tried(draw), sandbox.tried(draw)
    assert all(one != other for one, other in zip(first, second, strict=True))

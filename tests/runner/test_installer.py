"""S18: the process that installs packages is confined, whatever runs in place of uv."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from preview.outside import installer


def test_S18_the_installer_reads_and_writes_nothing_of_the_server(tmp_path: Path) -> None:
    read, written = read_and_written(tmp_path, installer._START)
    assert "hunter2" not in read and written == ["inside"]


def test_S18_control_without_landlock_the_same_program_reads_and_writes_what_it_likes(tmp_path: Path) -> None:
    without = "install.landlock.restrict = lambda **_: None; install.main()"
    read, written = read_and_written(tmp_path, installer._START.replace("install.main()", without))
    assert "hunter2" in read and written == ["inside", "outside"]


def read_and_written(tmp_path: Path, start: str) -> tuple[str, list[str]]:
    """What a shell in place of uv could read, and the names of what it could write."""
    secret, folder = tmp_path / "secret", tmp_path / "folder"
    secret.write_text("hunter2")
    folder.mkdir()
    script = f"cat {secret}; echo evil > {tmp_path}/outside; echo fine > {folder}/inside"
    done = run_in_place_of_uv(start, folder, "/bin/sh", "-c", script)
    return done.stdout, sorted(path.name for path in tmp_path.rglob("*side"))


ATTACK = """
import ctypes, os, sys
try:
    os.kill(os.getppid(), 0)
    print("signalled")
except PermissionError:
    print("refused")
print(os.system("exit 7") >> 8, flush=True)
ctypes.CDLL(None).unshare(0)
print("went on")
"""


def test_S18_the_installer_signals_nobody_and_what_only_attacks_call_ends_it(tmp_path: Path) -> None:
    python = os.path.realpath(sys.executable)
    done = run_in_place_of_uv(installer._START, tmp_path, python, "-I", "-S", "-c", ATTACK)
    assert (done.stdout, done.returncode) == ("refused\n7\n", -signal.SIGSYS), done.stderr


def test_S18_control_without_seccomp_the_same_program_goes_on(tmp_path: Path) -> None:
    python = os.path.realpath(sys.executable)
    start = installer._START.replace("install.main()", "install.seccomp.install = lambda _: None; install.main()")
    done = run_in_place_of_uv(start, tmp_path, python, "-I", "-S", "-c", ATTACK)
    assert done.stdout.endswith("7\nwent on\n") and done.returncode == 0, done.stderr


def run_in_place_of_uv(start: str, folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    wanted = {
        "uv": program, "python": os.path.realpath(sys.executable), "arguments": arguments, "environment": {},
        "certificates": "", "file_bytes": 1 << 20, "cpu_s": 10,
    }  # fmt: skip
    command = [sys.executable, "-I", "-S", "-B", "-c", start, str(folder), json.dumps(wanted)]
    return subprocess.run(command, capture_output=True, text=True, check=False)

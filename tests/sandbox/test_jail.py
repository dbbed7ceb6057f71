"""The jail itself: what it is made of as the host sees it (S12), and what of the host is in sight from within (S15). In every
tier; that these tests can fail is shown in test_controls.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from preview.outside import process
from tests.sandbox.programs import DENIED, LOOK_INTO
from tests.sandbox.support import LIMITS, Sandbox

pytestmark = pytest.mark.sandbox


def test_S12_the_jail_is_as_configured_read_from_the_host(sandbox: Sandbox) -> None:
    child = sandbox.load({"main.py": "from workers import Response\nasync def on_fetch(r): return Response('')"})
    sandbox.ask(child)
    proc = Path(f"/proc/{child.pid}")
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        if kind != "Bnd" or os.geteuid() == 0 or sandbox.tier == "A":  # without a right to empty it, it bounds nothing
            assert int(status[f"Cap{kind}"], 16) == 0, kind
    (uid,) = set(status["Uid"].split())
    assert int(uid) > 65536 if sandbox.own_uids else int(uid) == os.getuid()
    limits = (proc / "limits").read_text()
    threads = LIMITS.threads if sandbox.tier == "A" or sandbox.own_uids else None
    for name, value in (("processes", threads), ("open files", LIMITS.open_files), ("core file size", 0)):
        found = next(line for line in limits.splitlines() if f"Max {name} " in line)
        assert value is None or f" {value} " in found, found
    if sandbox.tier == "A":
        assert len(status["NSpid"].split()) >= 3, "a pid namespace of its own within the zygote's"
        for kind in ("user", "mnt", "net", "ipc", "uts", "pid", "cgroup"):
            assert os.readlink(proc / "ns" / kind) != os.readlink(f"/proc/self/ns/{kind}"), kind
        for line in (proc / "mountinfo").read_text().splitlines():
            place, flags = line.split()[4:6]
            assert place in ("/worker", "/tmp") or place.startswith("/dev/") or "ro" in flags.split(","), line
            assert "nosuid" in flags, line
    assert int((proc / "oom_score_adj").read_text()) >= 500
    for controller in sandbox.children.cgroups.controllers:
        assert f"/quickedit-{os.getpid()}-" in (proc / "cgroup").read_text(), controller
    sandbox.kill(child)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has one uid")
def test_S12_each_worker_has_a_user_of_its_own_as_root(sandbox: Sandbox) -> None:
    if not sandbox.own_uids:
        assert not os.access("/", os.W_OK, follow_symlinks=False) or os.stat(sys.executable).st_uid == 0
        return
    hello = {"main.py": "from workers import Response\nasync def on_fetch(r): return Response('')"}
    children = [sandbox.load(hello) for _ in range(3)]
    assert len({os.stat(f"/proc/{child.pid}").st_uid for child in children} | {os.getuid()}) == 4
    for child in children:
        sandbox.kill(child)


def test_S12_the_child_holds_no_descriptor_but_its_own(sandbox: Sandbox) -> None:
    tried = """
        import os, stat
        def attempt():
            found = []
            for fd in range(256):
                try: found.append(os.fstat(fd))
                except OSError: pass
            return [(stat.S_IFMT(each.st_mode), each.st_ino) for each in found]
        """
    one, other = sandbox.tried(tried), sandbox.tried(tried)
    # Nothing, twice the pipe for last words, the channel, and the pair with which the event loop wakes itself.
    kinds = [stat.S_IFCHR, stat.S_IFIFO, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFSOCK, stat.S_IFSOCK]
    assert [kind for kind, _ in one] == [kind for kind, _ in other] == kinds
    assert not {inode for _, inode in one[1:]} & {inode for _, inode in other[1:]}, (
        "and none is another child's as well"
    )


def test_S15_the_servers_environment_arguments_and_memory_are_not_there(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = """
        import os, sys, gc
        def attempt():
            return [dict(os.environ), sys.argv, sys.path, os.uname().nodename, sorted(set(sys.modules) & SUSPECT)]
        SUSPECT = {"preview", "preview.protocol", "preview.sandbox", "preview.inside", "ctypes.wintypes", "ssl"}
        """
    environment, arguments, path, node, ours = sandbox.tried(tried)
    assert environment == {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC"}
    assert (arguments, ours) == (["worker"], [])
    assert path[0] == "/worker" and not any("site-packages" in entry for entry in path)
    if sandbox.tier == "A":
        assert node == "worker"
        assert all(entry.startswith(("/usr/lib", "/quickedit/preview/inside/shims", "/packages")) for entry in path[1:])


def test_S15_packages_installed_beside_the_standard_library_cannot_be_read(sandbox: Sandbox) -> None:
    code = """
        import os
        def attempt():
            folder = os.path.dirname(os.__file__)
            found = []
            for name in ("site-packages", "dist-packages"):
                try: names = os.listdir(f"{folder}/{name}")
                except OSError: continue
                for each in names:
                    try: found.append(os.close(os.open(f"{folder}/{name}/{each}/__init__.py", os.O_RDONLY)))
                    except OSError: pass
            return found
        """
    assert sandbox.tried(code) == []


def test_S15_the_runners_own_process_cannot_be_looked_into(sandbox: Sandbox) -> None:
    for name in ("environ", "maps", "mem", "cmdline", "fd", "root/etc/hostname"):
        code = LOOK_INTO.format(path=f"/proc/{os.getpid()}/{name}")
        assert sandbox.tried(code) == DENIED[sandbox.tier], name


def test_S15_another_workers_code_is_nowhere_in_memory(sandbox: Sandbox) -> None:
    secret = sandbox.load(
        {"main.py": "from workers import Response\nSECRET = 'b8f2' + 'c0ffee'\nasync def on_fetch(r): ..."}
    )
    look = """
        import ctypes, sys
        def attempt():
            needle = "c0ff" + "ee" * 1
            import gc
            return [type(o).__name__ for o in gc.get_objects() if isinstance(o, dict) and "SECRET" in o]
        """
    assert sandbox.tried(look) == []
    sandbox.kill(secret)


def test_the_supervisor_measures_the_memory_of_a_child(sandbox: Sandbox) -> None:
    child = sandbox.load({"main.py": "from workers import Response\nasync def on_fetch(r): return Response('')"})
    assert 500 < process.pss_kb(child.pid) < 20_000
    sandbox.kill(child)


def test_S15_the_interpreter_is_cpython_and_says_its_version(sandbox: Sandbox) -> None:
    code = """
        import platform, sys
        def attempt():
            return [platform.python_implementation(), list(sys.version_info[:2]), sys.platform]
        """
    assert sandbox.tried(code) == ["CPython", list(sys.version_info[:2]), "linux"]

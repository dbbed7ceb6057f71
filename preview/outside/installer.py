"""Runs ``uv`` once: wheels only, in a process that can do little else, into a folder that anybody may read afterwards.

`environments` decides what is installed and where it is kept. What uv says of a failure is turned into a person's words here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import re
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import uv

from preview.outside.packages import installed
from preview.requirements import Requirement

LONGEST = 120.0
"""Seconds for one installation."""
MAX_BYTES = 512 * 1024 * 1024
"""Bytes of one environment, what is fetched for it included."""
_MAX_SAID = 2000
_ROOT = str(Path(__file__).resolve().parents[2])
_START = f"import sys; sys.path.insert(0, {_ROOT!r}); from preview.inside import install; install.main()"
_NO_PACKAGE = re.compile(r"(?:Because|and) (\S+) was not found in the package registry")
_NO_VERSION = re.compile(r"there is no version of (\S+)")
_OTHER_PYTHON = re.compile(r"(\S+) (?:depends on|requires) Python ?([<>=!~][^\s,]*)")


class NotInstalled(Exception):
    """What was asked for cannot be had. The message says why, for the author of the worker. ``passing`` where that may be
    otherwise soon, as it is not what was asked for that is at fault."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


async def install(staging: Path, plain: Sequence[Requirement], index: str, versions: Mapping[str, str]) -> str:
    """Into ``site`` below an empty folder; says what uv said. ``versions`` are those that no package may differ from. Raises
    NotInstalled, and OSError."""
    said = await _run_uv(staging, plain, index, versions)
    await asyncio.to_thread(_tidy, staging / "site")
    return said


async def _run_uv(staging: Path, plain: Sequence[Requirement], index: str, versions: Mapping[str, str]) -> str:
    """What uv said. Raises NotInstalled."""
    process = await asyncio.create_subprocess_exec(
        *_command(staging, plain, index, versions), env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}, cwd="/",
        start_new_session=True, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    watching = asyncio.create_task(_end_where_too_large(process.pid, staging))
    try:
        said, _ = await asyncio.wait_for(process.communicate(), LONGEST)
    except TimeoutError:
        raise NotInstalled(f"The packages could not be installed within {LONGEST:g} s.", passing=True) from None
    finally:
        watching.cancel()
        if process.returncode is None:
            _end(process.pid)
            await process.wait()
    text = said.decode("utf-8", "replace").replace(str(staging), "")
    if watching.done() and not watching.cancelled():
        raise _too_large()
    if process.returncode and "File too large" in text:
        raise _too_large()
    if process.returncode:
        raise _why(text)
    return text


def _command(staging: Path, plain: Sequence[Requirement], index: str, versions: Mapping[str, str]) -> list[str]:
    site, home = staging / "site", staging / "home"
    home.mkdir()
    (staging / "wanted.txt").write_text("".join(f"{each.compact}\n" for each in plain))
    (staging / "held.txt").write_text(
        "".join(f"{name}=={version}\n" for name, version in {**versions, **installed()}.items())
    )
    python = os.path.realpath(sys.executable)
    certificates = os.environ.get("SSL_CERT_FILE", "")
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "NO_COLOR": "1",
        "UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "1",
    }  # fmt: skip
    if certificates:
        environment["SSL_CERT_FILE"] = certificates
    if index:  # may name a password, which an argument would show to everybody on the machine
        environment["UV_DEFAULT_INDEX"] = index
    arguments = [
        "pip", "install", "--only-binary", ":all:", "--target", str(site), "--python", python, "--no-python-downloads",
        "--requirement", str(staging / "wanted.txt"), "--constraint", str(staging / "held.txt"), "--no-config", "--no-cache",
        "--system-certs", "--no-progress", "--link-mode", "copy", "--compile-bytecode",
    ]  # fmt: skip
    wanted = {
        "uv": uv.find_uv_bin(), "python": python, "arguments": arguments, "environment": environment,
        "certificates": certificates, "file_bytes": MAX_BYTES, "cpu_s": int(LONGEST) * 2,
    }  # fmt: skip
    return [sys.executable, "-I", "-S", "-B", "-c", _START, str(staging), json.dumps(wanted)]


def _why(said: str) -> NotInstalled:
    """In a person's words, where it is one of the usual reasons; else what uv said."""
    lines = [line.removeprefix("cause:").strip() for line in said.splitlines() if not line.startswith("Using ")]
    text = " ".join(line.removeprefix("error:").strip() for line in lines if line)[:_MAX_SAID]
    if found := _NO_PACKAGE.search(text):
        return NotInstalled(f"There is no package {found[1]} in the index. Is the name right?")
    if found := _NO_VERSION.search(text):
        return NotInstalled(f"There is no version {found[1]} in the index.")
    if found := _OTHER_PYTHON.search(text):
        return NotInstalled(f"{found[1]} needs Python {found[2]}; workers here run on {platform.python_version()}.")
    if "error sending request" in text:
        away = "The packages could not be installed: the package index cannot be reached. Is this machine online?"
        return NotInstalled(away, passing=True)
    if "no usable wheels" in text or "no wheels" in text or "building from source is disabled" in text:
        only = "Only ready-made packages (wheels) for this Python can be installed; nothing is built here."
        return NotInstalled(f"{only} uv says: {text}")
    if "Traceback" in said:
        last = said.strip().splitlines()[-1][:_MAX_SAID]
        return NotInstalled(f"The installer could not be confined, so nothing was installed: {last}", passing=True)
    return NotInstalled(f"The packages could not be installed. uv says: {text}")


def _tidy(site: Path) -> None:
    """Programs and links go; the rest is everybody's to read. Raises NotInstalled where it is too large."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    size = 0
    for folder, folders, files in os.walk(site):
        os.chmod(folder, 0o755)
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            if os.path.islink(path) or name == ".lock":
                os.unlink(path)
            elif name in files:
                os.chmod(path, 0o644)
                size += os.stat(path).st_size
    if size > MAX_BYTES:
        raise _too_large()


def _too_large() -> NotInstalled:
    return NotInstalled(f"The packages are larger than {MAX_BYTES // 1024 // 1024} MB together.")


async def _end_where_too_large(pid: int, staging: Path) -> None:
    """Ends the process group once the folder has outgrown its limit; returns then, and only then."""
    while await asyncio.to_thread(_bytes_below, staging) <= MAX_BYTES:
        await asyncio.sleep(0.5)
    _end(pid)


def _bytes_below(folder: Path) -> int:
    size = 0
    for below, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):  # it comes and goes
                size += os.lstat(os.path.join(below, name)).st_size
    return size


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)

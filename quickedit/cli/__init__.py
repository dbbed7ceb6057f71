"""The console script ``quickedit``. Each command is a module beside this one and is imported only when it is asked for, as
``up`` must not pay for what ``init`` needs. Commands print for people and return an exit status; failures that a person can
do something about are raised as ``CommandFailed`` and end in one sentence, never in a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from quickedit.cli.failure import CommandFailed


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the return value is the process's exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        command = getattr(importlib.import_module(f"quickedit.cli.{chosen.module}"), chosen.function)
        status: int = command(chosen)
    except CommandFailed as failure:
        print(f"\n{failure}" if sys.stderr.isatty() else f"{failure}", file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quickedit", description="A browser-based IDE for small Python workers.")
    parser.set_defaults(function="run")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start everything and print the login URL")
    up.set_defaults(module="up")

    init = commands.add_parser("init", help="write a new worker's modules into a directory")
    init.add_argument("directory", metavar="DIR")
    init.add_argument(
        "--template",
        default="hello",
        metavar="T",
        help="hello (default), html-page, json-api, form-d1, cron, queue or chat",
    )
    init.set_defaults(module="init")

    dev = commands.add_parser("dev", help="serve a directory of modules with live reload; no database, no login")
    dev.add_argument("directory", metavar="DIR")
    dev.add_argument("--port", type=int, default=8787, metavar="N", help="default 8787; 0 takes a free one")
    dev.add_argument("--sandbox", choices=("auto", "A", "B", "off"), default="auto", help="off: your own code only")
    dev.add_argument("--allow", default="", metavar="HOSTS", help="what fetch() may reach beside the public internet")
    dev.add_argument(
        "--sql", action="append", default=[], metavar="DB=FILE", help="run a script on a D1 database first"
    )
    dev.add_argument("--migrate", action="store_true", help="apply D1 migrations first")
    dev.set_defaults(module="dev")

    link = commands.add_parser("login-link", help="print a new login URL for the owner")
    link.set_defaults(module="login_link")

    _keeping(commands)

    doctor = commands.add_parser("doctor", help="say what this machine lacks, and the command that helps")
    doctor.set_defaults(module="doctor")
    return parser


def _keeping(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The commands that take things out and bring them in."""
    backup = commands.add_parser(
        "backup", help="write the whole installation into one file, beside a running one or not"
    )
    backup.add_argument("file", metavar="FILE", help="a name such as quickedit-monday.tar.gz")
    backup.set_defaults(module="backup")

    restore = commands.add_parser("restore", help="bring a backup into an empty installation")
    restore.add_argument("file", metavar="FILE")
    restore.set_defaults(module="backup", function="restore")

    export = commands.add_parser("export", help="write one worker's files into a zip")
    export.add_argument("worker", metavar="WORKER")
    export.add_argument("file", metavar="FILE", nargs="?", default="", help="WORKER.zip unless named")
    export.set_defaults(module="archive")

    bring_in = commands.add_parser("import", help="make a worker of a zip, or bring a zip into one")
    bring_in.add_argument("file", metavar="FILE")
    bring_in.add_argument("--name", default="", help="of the new worker; the file's own unless named")
    bring_in.add_argument("--into", default="", metavar="WORKER", help="an existing one: nothing in it is deleted")
    bring_in.set_defaults(module="archive", function="bring_in")

"""``python -m preview DIR [--port N]``: serves a directory of modules on the real runtime. See
``preview.outside.dev``."""

from __future__ import annotations

import argparse
import sys

from preview.outside import dev


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m preview", description="Serves a directory of modules as a worker.")
    parser.add_argument("directory", metavar="DIR", help="the folder that holds the worker's modules")
    parser.add_argument("--port", type=int, default=8787, help="the port; 0 for a free one")
    parser.add_argument(
        "--sandbox",
        choices=("auto", "A", "B", "off"),
        default="auto",
        help="off: without a sandbox, your own code only",
    )
    parser.add_argument("--allow", default="", metavar="HOSTS", help=dev.ALLOW_HELP)
    parser.add_argument("--sql", action="append", default=[], metavar="DB=FILE", help=dev.SQL_HELP)
    parser.add_argument("--migrate", action="store_true", help=dev.MIGRATE_HELP)
    options = parser.parse_args()
    return dev.main(
        options.directory, options.port,
        sandbox=options.sandbox, allow=options.allow, sql=options.sql, migrate=options.migrate,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

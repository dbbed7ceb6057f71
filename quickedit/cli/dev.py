"""``quickedit dev DIR``: a directory of modules on the real runtime. The work is ``preview.outside.dev``'s."""

from __future__ import annotations

import argparse

from preview.outside import dev


def run(arguments: argparse.Namespace) -> int:
    return dev.main(
        arguments.directory, arguments.port,
        sandbox=arguments.sandbox, allow=arguments.allow, sql=arguments.sql, migrate=arguments.migrate,
    )  # fmt: skip

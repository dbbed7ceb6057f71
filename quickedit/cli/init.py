"""``quickedit init DIR --template T``: the modules of a template, as files in a directory, to begin a worker outside the IDE."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from quickedit.cli.failure import CommandFailed
from quickedit.errors import BadInput
from quickedit.lifecycle import templates


def run(arguments: argparse.Namespace) -> int:
    """Refuses to overwrite anything: either all files are written or none."""
    target = Path(arguments.directory)
    try:
        files = templates.files(arguments.template)
    except BadInput as refused:
        raise CommandFailed(f"{refused.message} {refused.hint}", 2) from refused
    taken = sorted(path for path in files if os.path.lexists(target / path))
    if taken:
        raise CommandFailed(f"{target / taken[0]} is there already. Choose an empty directory; nothing was written.")
    try:
        for path, text in files.items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror} ({error.filename})") from error
    print(f"{len(files)} files in {target}. Now:  quickedit dev {shlex.quote(str(target))}")
    return 0

"""``quickedit export WORKER`` and ``quickedit import FILE``: one worker as a zip, out and in, beside a running Quick Edit or not.

What is brought in goes through a room of this process, so it is an ordinary batch: open editors see it, and it is in the history.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path

from quickedit.cli.configuration import load_django
from quickedit.cli.failure import CommandFailed


def run(arguments: argparse.Namespace) -> int:
    """The command ``export``. Raises CommandFailed."""
    load_django()
    from quickedit.workspaces import archives, store

    target = Path(arguments.file or f"{arguments.worker}.zip")
    files = store.export(_worker(arguments.worker))
    try:
        with target.open("xb") as stream:
            stream.write(archives.pack(files))
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror}. Name another file.") from error
    print(f"{target}: {len(files)} files")
    return 0


def bring_in(arguments: argparse.Namespace) -> int:
    """The command ``import``. Raises CommandFailed, and nothing has then changed."""
    load_django()
    from quickedit.accounts import links
    from quickedit.cli import database
    from quickedit.errors import QuickEditError
    from quickedit.lifecycle import service
    from quickedit.workspaces import archives

    if database.behind():
        database.migrate()
    source = Path(arguments.file)
    try:
        files = archives.unpack(source.read_bytes())
        owner = links.owner().pk
        if arguments.into:
            said = asyncio.run(_merge(_worker(arguments.into), owner, files))
        else:
            worker = service.create_with(owner, arguments.name or source.stem.lower(), files)
            said = f"{worker.name}: a new worker with {len(files)} files"
    except OSError as error:
        raise CommandFailed(f"{source} cannot be read: {error.strerror}") from error
    except QuickEditError as error:
        raise CommandFailed(f"{error.message} {error.hint}".strip()) from error
    print(said)
    return 0


def _worker(name: str) -> int:
    from quickedit.workers.models import Worker

    found = Worker.objects.filter(name=name, deleted_at__isnull=True).first()
    if found is None:
        raise CommandFailed(f"There is no worker named “{name}”.")
    return found.pk


async def _merge(worker_id: int, by: int, files: Mapping[str, bytes]) -> str:
    from quickedit import rooms
    from quickedit.threads import in_database
    from quickedit.workspaces import blobs, restoring

    async with rooms.enter(worker_id) as room:
        found = restoring.bring_in(room.workspace, files)
        if found.contents:
            await in_database(blobs.store_many, worker_id, found.contents)
        if found.ops:
            client = f"import-{secrets.token_hex(8)}"
            await room.submit(client=client, by=by, seq=1, base=room.revision, ops=found.ops)
    return f"{found.created} files created, {found.changed} changed, {found.same} as they were"

"""``quickedit backup FILE`` and ``quickedit restore FILE``: the whole installation in one file, and back into an empty one.

The file is a gzipped tar: ``manifest.json``, the rows of every table as lines of JSON (so that SQLite goes into PostgreSQL and
back), and what else lies in the data directory. A backup is taken beside a running Quick Edit: the database as of one moment
first, then the bundles, which are always written before a row names them. It holds secrets: only its owner can read it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from quickedit.cli.configuration import load_django
from quickedit.cli.failure import CommandFailed

FORMAT = 1
_MANIFEST, _ROWS, _FILES = "manifest.json", "database.jsonl", "files"
_LEFT_OUT = ("run", "packages")
"""Folders of the data directory that mean something to running processes only, or are fetched again when they are missed."""
_SQLITE = b"SQLite format 3\0"


def run(arguments: argparse.Namespace) -> int:
    """The command ``backup``. Raises CommandFailed."""
    settings = load_django()
    target = Path(arguments.file)
    if target.exists():
        raise CommandFailed(f"{target} exists already; choose another name.")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            rows = _write(stream, settings.DATA_DIR)
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(target)
    except OSError as error:
        raise CommandFailed(f"The backup could not be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    print(
        f"{target}: {rows} rows, {target.stat().st_size / 2**20:.1f} MB. It holds secrets: keep it where only you can read it."
    )
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """The command ``restore``. Raises CommandFailed, and the database is then as it was."""
    settings = load_django()
    from quickedit.cli import database, dump

    if database.behind():
        database.migrate()
    if dump.holds_anything():
        raise CommandFailed(
            "There is something in this installation already. Restore into an empty one: another QUICKEDIT_DATA_DIR "
            "(and, with PostgreSQL, another QUICKEDIT_DATABASE_URL)."
        )
    try:
        with tarfile.open(arguments.file, "r:gz") as archive:
            rows = _read(archive, settings.DATA_DIR)
    except (OSError, tarfile.TarError, EOFError, ValueError, KeyError) as error:
        raise CommandFailed(f"{arguments.file} cannot be restored: {error}") from error
    print(f"Restored {rows} rows into {settings.DATA_DIR}. Start it with `quickedit up`.")
    return 0


def _write(stream: IO[bytes], data: Path) -> int:
    from quickedit.cli import dump

    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive, tempfile.TemporaryFile() as rows:
        count = dump.write(rows)
        manifest = {"format": FORMAT, "made": int(time.time()), "migrations": dump.migrations(), "rows": count}
        _add(archive, _MANIFEST, io.BytesIO(json.dumps(manifest).encode()))
        _add(archive, _ROWS, rows)
        for path in _files(data):
            with _opened(path) as content:
                _add(archive, f"{_FILES}/{path.relative_to(data).as_posix()}", content)
    return count


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, os.SEEK_END)
    entry.mode, entry.mtime = 0o600, int(time.time())
    content.seek(0)
    archive.addfile(entry, content)


def _files(data: Path) -> Iterator[Path]:
    """What else the data directory holds: not our database, which goes as rows, and nothing of running processes."""
    for path in sorted(data.rglob("*")):
        inside = path.relative_to(data)
        ours = inside.name.startswith("quickedit.sqlite3") and len(inside.parts) == 1
        journal = path.name.endswith(("-wal", "-shm", "-journal"))
        if path.is_file() and not path.is_symlink() and inside.parts[0] not in _LEFT_OUT and not ours and not journal:
            yield path


def _opened(path: Path) -> IO[bytes]:
    """The file, or where it is a database in use, a copy of it as of one moment."""
    import sqlite3

    stream = path.open("rb")
    if stream.read(len(_SQLITE)) != _SQLITE:
        stream.seek(0)
        return stream
    stream.close()
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as source:
        content = source.serialize()
    source.close()
    return io.BytesIO(content)


def _read(archive: tarfile.TarFile, data: Path) -> int:
    from quickedit.cli import dump

    manifest = json.load(_content(archive, _MANIFEST))
    if manifest["format"] != FORMAT or manifest["migrations"] != dump.migrations():
        raise CommandFailed(
            "This backup was made by another version of Quick Edit: restore it with that one, then upgrade."
        )
    for entry in archive.getmembers():
        folder, _, inside = entry.name.partition("/")
        if folder == _FILES:
            _place(data, inside, entry, _content(archive, entry.name))
    return dump.read(_content(archive, _ROWS), int(manifest["rows"]))


def _content(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise ValueError(f"{name} is no file")
    return found


def _place(data: Path, inside: str, entry: tarfile.TarInfo, content: IO[bytes]) -> None:
    """A file below the data directory, and nowhere else (B5)."""
    parts = PurePosixPath(inside).parts
    if not entry.isfile() or not parts or inside.startswith("/") or ".." in parts:
        raise ValueError(f"{entry.name} is no file that a backup has")
    target = data.joinpath(*parts)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.is_symlink() or data.resolve() not in target.resolve().parents:
        raise ValueError(f"{entry.name} leads out of the data directory")
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
        while chunk := content.read(1024 * 1024):
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())

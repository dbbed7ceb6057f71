"""Backup and restore of the whole installation, export and import of one worker: as commands, beside a running server, between
databases (issue of every admin: is it really all there?)."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import io
import json
import os
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from quickedit.deployments import bundles
from tests.conftest import quickedit
from tests.services import Postgres
from tests.support import memory_directory
from tests.web.conftest import Person
from tests.web.test_history import PNG, put_blob, zipped


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in memory: every restore migrates an empty database, which syncs a hundred times."""
    with tempfile.TemporaryDirectory(prefix="quickedit-keeping-", dir=memory_directory()) as directory:
        yield Path(directory)


def command(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    full = {**os.environ, **environment}
    return subprocess.run([quickedit(), *map(str, words)], env=full, capture_output=True, text=True, timeout=120)


def rows(**environment: str) -> list[str]:
    """All rows of an installation, as another process reads them."""
    code = (
        "import django, io; django.setup()\n"
        "from quickedit.cli import dump\n"
        "stream = io.BytesIO(); dump.write(stream); print(stream.getvalue().decode())"
    )
    run = [Path(quickedit()).with_name("python"), "-c", code]
    done = subprocess.run(run, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = [line for line in done.stdout.splitlines() if line and not line.startswith('["sessions.')]
    assert found
    return sorted(found)


async def test_a_backup_taken_while_people_type_is_restored_whole_into_sqlite_and_postgresql(
    owner: Person, place: Path, postgres: Postgres
) -> None:
    name = owner.make()
    digest = bundles.store({"main.py": b"x"})
    put_blob(owner, name, PNG)
    async with owner.editor(name) as editor:
        for seq in range(1, 6):
            text = {"op": "create", "file": f"f{seq}", "path": f"ö{seq}.txt", "text": "é\0😀\n"}
            await editor.operate(seq, editor.welcome["revision"], text)
            await editor.until("committed")
        backup = place / "all.tar.gz"
        made = command("backup", backup)
    assert made.returncode == 0, made.stderr
    assert backup.stat().st_mode & 0o777 == 0o600
    assert command("backup", backup).returncode == 1
    lite = {"QUICKEDIT_DATA_DIR": str(place / "lite")}
    full = {"QUICKEDIT_DATA_DIR": str(place / "full"), "QUICKEDIT_DATABASE_URL": postgres.create()}
    for environment in (lite, full):
        done = command("restore", backup, **environment)
        assert done.returncode == 0, done.stderr
        assert rows(**environment) == rows()
        data = Path(environment["QUICKEDIT_DATA_DIR"])
        assert (data / "secret-key").read_text() == (settings.DATA_DIR / "secret-key").read_text()
        assert (data / "bundles" / digest[:2] / digest).read_bytes()
        again = command("restore", backup, **environment)
        assert again.returncode == 1 and "something in this installation" in again.stderr
        out = place / f"{data.name}.zip"
        assert command("export", name, out, **environment).returncode == 0
        assert zipfile.ZipFile(out).read("ö3.txt") == "é\0😀\n".encode()
        # It goes on from there: ids that the database gives follow the restored ones.
        assert command("import", out, "--name", "fresh", **environment).returncode == 0
    back = place / "back.tar.gz"
    assert command("backup", back, **full).returncode == 0
    other = {"QUICKEDIT_DATA_DIR": str(place / "other")}
    assert command("restore", back, **other).returncode == 0
    assert rows(**other) == rows(**full)


def hostile(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A backup that would write somewhere else."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        from quickedit.cli import dump

        manifest = json.dumps({"format": 1, "made": 0, "migrations": dump.migrations(), "rows": 0}).encode()
        for member, content in (("manifest.json", manifest), ("database.jsonl", b""), (name, b"owned")):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            if member == name and kind != tarfile.REGTYPE:
                entry.type, entry.linkname, entry.size = kind, "/etc/passwd", 0
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("content", [
    b"", b"\x1f\x8b\x08 no more", "files/../../owned", "files//etc/owned", "files/link",
])  # fmt: skip
def test_B5_a_hostile_or_broken_backup_is_refused_in_a_sentence(
    django_ready: None, place: Path, content: str | bytes
) -> None:
    backup = place / "b.tar.gz"
    if isinstance(content, str):
        backup.write_bytes(hostile(content, tarfile.SYMTYPE if content.endswith("link") else tarfile.REGTYPE))
    else:
        backup.write_bytes(content)
    done = command("restore", backup, QUICKEDIT_DATA_DIR=str(place / "data"))
    assert done.returncode == 1 and "cannot be restored" in done.stderr and "Traceback" not in done.stderr
    assert not list(place.rglob("owned"))


async def test_import_into_a_worker_is_an_ordinary_batch_that_open_editors_see(owner: Person, place: Path) -> None:
    name = owner.make()
    source = place / "more.zip"
    source.write_bytes(zipped({"new.py": "n = 1\n", "logo.png": PNG}))
    async with owner.editor(name) as editor:
        done = command("import", source, "--into", name)
        assert done.stdout.strip() == "2 files created, 0 changed, 0 as they were", done.stderr
        seen = await editor.until("committed")  # by the pulse, as there is no Redis here
        assert sorted(op["path"] for op in seen["ops"]) == ["logo.png", "new.py"]
    for words in (
        ("export", "no-such-worker"),
        ("import", place / "none.zip"),
        ("import", source, "--name", "UPPER"),
    ):
        failed = command(*words)
        assert failed.returncode == 1 and "Traceback" not in failed.stderr and failed.stderr.strip()

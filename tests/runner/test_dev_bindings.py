"""``python -m preview DIR`` with bindings: data in ``.quickedit``, scripts of SQL, the address that runs the handler."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runner.test_dev import Dev
from tests.support import Program

MAIN = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        count = int(await self.env.KV.get("count") or 0) + 1
        await self.env.KV.put("count", str(count))
        row = await self.env.DB.prepare("SELECT text FROM quotes").first()
        return Response(f"{count} {row.text}")

    async def scheduled(self, controller, env, ctx):
        print("ran", controller.cron, controller.scheduledTime)
        if controller.cron == "fail":
            raise ValueError("as asked")
"""
CONFIG = {
    "main": "main.py",
    "kv_namespaces": [{"binding": "KV", "id": "<YOUR_KV_NAMESPACE_ID>"}],
    "d1_databases": [{"binding": "DB", "database_name": "quotes"}],
    "triggers": {"crons": ["*/1 * * * *"]},
}
SCRIPT = "DROP TABLE IF EXISTS quotes; CREATE TABLE quotes (text TEXT); INSERT INTO quotes VALUES ('to be; or not');"


async def start(folder: Path, *options: str) -> Dev:
    made = Dev(folder, Program([sys.executable, "-m", "preview", folder, "--port", "0", *options]), 0)
    made.port = int((await made.says("Ready on http://localhost:")).rpartition(":")[2])
    return made


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "wrangler.jsonc").write_text(json.dumps(CONFIG))
    (tmp_path / "init.sql").write_text(SCRIPT)
    yield tmp_path


async def test_data_is_kept_beside_the_modules_and_a_script_makes_the_tables(folder: Path) -> None:
    dev = await start(folder, "--sql", f"DB={folder / 'init.sql'}")
    try:
        assert "DB: ran 3 statements" in dev.process.output
        assert (await dev.get()).text == "1 to be; or not"
        assert (folder / ".quickedit").is_dir()
        assert (await dev.get("/cdn-cgi/handler/scheduled?cron=*+*+*+*+*&time=1745856238")).text == "ok\n"
        await dev.says("ran * * * * * 1745856238000")
        assert (await dev.get("/__scheduled")).status == 200
        await dev.says("ran */1 * * * *")
        failed = await dev.get("/cdn-cgi/handler/scheduled?cron=fail")
        assert failed.status == 500 and failed.text == "error: ValueError: as asked\n"
        assert "preview's own data" not in dev.process.output
    finally:
        await asyncio.to_thread(dev.process.stop)
    again = await start(folder)
    try:
        assert (await again.get()).text == "2 to be; or not"
    finally:
        await asyncio.to_thread(again.process.stop)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("DB=nowhere.sql", "nowhere.sql was not run on DB"), ("KV=x", "it has DB"), ("DB", "it has DB")],
)
async def test_a_script_that_cannot_be_run_is_said_and_nothing_starts(folder: Path, wanted: str, said: str) -> None:
    process = Program([sys.executable, "-m", "preview", folder, "--port", "0", "--sql", wanted])
    try:
        await asyncio.to_thread(process.wait_for, said)
        assert process.process.wait(20) == 1
    finally:
        await asyncio.to_thread(process.stop)


FIRST = "CREATE TABLE quotes (text TEXT);"
SECOND = "INSERT INTO quotes VALUES ('from a migration');"


async def test_migrations_are_named_at_the_start_and_applied_with_the_option_before_scripts(folder: Path) -> None:
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0001_init.sql").write_text(FIRST)
    dev = await start(folder)
    await asyncio.to_thread(dev.process.stop)
    assert "DB: 1 migration (0001_init.sql) is not applied; --migrate does it" in dev.process.output
    (folder / "migrations" / "0002_quote.sql").write_text(SECOND)
    (folder / "script.sql").write_text("UPDATE quotes SET text = text || ', then a script'")
    dev = await start(folder, "--migrate", "--sql", f"DB={folder / 'script.sql'}")
    try:
        assert "DB: applied 2 migrations (0001_init.sql, 0002_quote.sql)" in dev.process.output
        assert (await dev.get()).text == "1 from a migration, then a script"
    finally:
        await asyncio.to_thread(dev.process.stop)
    again = await start(folder, "--migrate")
    await asyncio.to_thread(again.process.stop)
    assert "migration" not in again.process.output


async def test_a_migration_that_fails_ends_the_start_with_its_line_and_another_status(folder: Path) -> None:
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0001_init.sql").write_text(FIRST)
    (folder / "migrations" / "0002_wrong.sql").write_text("-- a comment\nINSERT INTO nowhere VALUES (1);")
    process = Program([sys.executable, "-m", "preview", folder, "--port", "0", "--migrate"])
    try:
        await asyncio.to_thread(
            process.wait_for, "migrations/0002_wrong.sql, line 2, was not applied to DB: D1_ERROR: no such"
        )
        assert process.process.wait(20) == 1
        assert "Ready on" not in process.output
    finally:
        await asyncio.to_thread(process.stop)

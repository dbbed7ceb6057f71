"""One SQLite file of a worker's stores, as ``kv``, ``objects`` and ``queues`` use it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from preview.outside.bindings.database import Database


def database(path: Path, pool: ThreadPoolExecutor, beneath: Database | None = None) -> Database:
    schema = "CREATE TABLE IF NOT EXISTS words (word TEXT)"
    return Database(path, schema, pool, most=1 << 24, beneath=beneath, views="")


async def test_the_first_uses_of_a_file_come_at_once(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    """A worker's first request writes while its consumer looks for messages, and its preview opens both layers: SQLite
    says «database is locked» at once, without waiting, to one of two that make the same file. Of 150 files, some would."""
    for number in range(150):
        live = database(tmp_path / f"live-{number}", pool)
        preview = database(tmp_path / f"preview-{number}", pool, live)
        uses = (
            use
            for each in (live, preview)
            for use in (
                each.read(lambda connection: connection.execute("SELECT * FROM main.words").fetchall()),
                each.write(lambda connection: connection.execute("INSERT INTO main.words VALUES ('first')").rowcount),
            )
        )
        await asyncio.gather(*uses)  # raises what any of them raises
        assert await live.read(lambda connection: connection.execute("SELECT * FROM words").fetchall()) == [("first",)]
        await preview.close()
        await live.close()

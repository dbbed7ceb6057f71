"""D1 migrations as web asks for them, in the real runner and its confined SQL process: once each, whole or not at all."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from preview.bundle import pack_modules
from preview.client import AskData, Refused
from preview.outside.bindings.d1_sql import MAX_MIGRATION
from tests.runner.support import SHARED, Runner

pytestmark = SHARED

INIT = """-- Migration number: 0001
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO users VALUES (1, 'Ada');
"""
MORE = "ALTER TABLE users ADD COLUMN born INTEGER;\nUPDATE users SET born = 1815;"
_numbers = itertools.count(1)


class Database:
    """One database of a worker of its own."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._worker = f"m-{next(_numbers)}"

    async def ask(self, method: str, body: bytes = b"", *, preview: bool = False, **args: Any) -> Any:
        asked = AskData(self._worker, preview, "d1", "main", method, json.dumps(args).encode(), body)
        return json.loads(await self._runner.web.data(asked))

    async def apply(self, files: dict[str, str | bytes], *, table: str = "d1_migrations", preview: bool = False) -> Any:
        contents = {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()}
        body = pack_modules(contents)
        return await self.ask("migrate", body, preview=preview, names=list(files), migrations_table=table)

    async def pending(self, *names: str, table: str = "d1_migrations", preview: bool = False) -> list[str]:
        answer = await self.ask("migrations", preview=preview, names=names, migrations_table=table)
        return list(answer["pending"])

    async def rows(self, sql: str, *, preview: bool = False) -> list[list[Any]]:
        return list((await self.ask("query", preview=preview, sql=sql))["rows"])

    async def tables(self, *, preview: bool = False) -> list[str]:
        return [table["name"] for table in await self.ask("tables", preview=preview)]


@pytest.fixture
def db(shared_runner: Runner) -> Database:
    return Database(shared_runner)


async def test_a_migration_is_applied_once_and_recorded_as_wrangler_records_it(db: Database) -> None:
    assert await db.pending("0001_init.sql") == ["0001_init.sql"]
    assert await db.apply({"0001_init.sql": INIT}) == {"applied": ["0001_init.sql"], "failed": None}
    assert await db.apply({"0001_init.sql": INIT}) == {"applied": [], "failed": None}
    assert await db.rows("SELECT * FROM users") == [[1, "Ada"]]
    assert await db.rows("SELECT id, name, applied_at IS NOT NULL FROM d1_migrations") == [[1, "0001_init.sql", 1]]
    columns = await db.rows("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('d1_migrations')")
    assert columns == [
        ["id", "INTEGER", 0, None, 1], ["name", "TEXT", 0, None, 0], ["applied_at", "TIMESTAMP", 1, "CURRENT_TIMESTAMP", 0],
    ]  # fmt: skip


async def test_a_second_apply_applies_only_what_is_new(db: Database) -> None:
    await db.apply({"0001_init.sql": INIT})
    both = {"0001_init.sql": INIT, "0002_more.sql": MORE}
    assert await db.pending(*both) == ["0002_more.sql"]
    assert await db.apply(both) == {"applied": ["0002_more.sql"], "failed": None}
    assert await db.rows("SELECT born FROM users") == [[1815]] and await db.pending(*both) == []


async def test_looking_makes_no_database_so_that_the_preview_goes_on_to_see_the_live_one(db: Database) -> None:
    assert await db.pending("0001_init.sql", preview=True) == ["0001_init.sql"]
    await db.apply({"0001_init.sql": INIT})
    assert await db.pending("0001_init.sql", preview=True) == []


async def test_a_table_that_wrangler_made_is_read_and_one_of_another_name_is_not(db: Database) -> None:
    made = "CREATE TABLE d1_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP"
    made += " DEFAULT CURRENT_TIMESTAMP NOT NULL); INSERT INTO d1_migrations (name) VALUES ('0001_init.sql')"
    await db.ask("exec", sql=made)
    assert await db.pending("0001_init.sql", "0002_more.sql") == ["0002_more.sql"]
    assert await db.pending("0001_init.sql", table="other") == ["0001_init.sql"]
    await db.apply({"0001_init.sql": INIT}, table="other")
    assert await db.rows("SELECT name FROM other") == [["0001_init.sql"]]


async def test_a_failing_migration_leaves_neither_its_tables_nor_its_row_and_ends_the_run(db: Database) -> None:
    wrong = "CREATE TABLE half (a);\n\n-- the next line is wrong\nINSERT INTO users\n  VALUES (1, 'twice');\n"
    done = await db.apply({"0001_init.sql": INIT, "0002_wrong.sql": wrong, "0003_more.sql": MORE})
    assert done["applied"] == ["0001_init.sql"]
    assert (done["failed"]["name"], done["failed"]["line"]) == ("0002_wrong.sql", 4)
    assert "UNIQUE constraint failed: users.id" in done["failed"]["message"]
    assert await db.tables() == ["d1_migrations", "users"]
    assert await db.pending("0001_init.sql", "0002_wrong.sql", "0003_more.sql") == ["0002_wrong.sql", "0003_more.sql"]
    fixed = wrong.replace("(1,", "(2,")
    assert (await db.apply({"0002_wrong.sql": fixed}))["applied"] == ["0002_wrong.sql"]


async def test_a_first_migration_that_fails_leaves_no_table_of_migrations_either(db: Database) -> None:
    assert (await db.apply({"0001_init.sql": "CREATE TABLE a (b); NONSENSE"}))["failed"]["line"] == 1
    assert await db.tables() == []


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("ATTACH 'other.sqlite' AS other", "ATTACH"),
        ("PRAGMA writable_schema=ON", "PRAGMA writable_schema"),
        ("COMMIT", "COMMIT"), ("ROLLBACK", "ROLLBACK"), ("END", "COMMIT"), ("BEGIN", "BEGIN"), ("SAVEPOINT x", "SAVEPOINT"),
        ("VACUUM INTO 'stolen'", ""), ("SELECT load_extension('x')", "load_extension"),
        ("INSERT OR ROLLBACK INTO users VALUES (1, 'again')", "UNIQUE"),
        ("DROP TABLE d1_migrations", "no such table"),
        ("INSERT INTO d1_migrations (name) VALUES ('0002_hostile.sql')", "UNIQUE"),
        ("CREATE TRIGGER deny BEFORE INSERT ON d1_migrations BEGIN SELECT RAISE(IGNORE); END", "trigger"),
        ("CREATE TRIGGER reach AFTER INSERT ON d1_migrations BEGIN SELECT load_extension('x'); END", "load_extension"),
        ("CREATE TABLE c (u REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (9)", "FOREIGN KEY"),
    ],
)  # fmt: skip
async def test_s15_a_migration_neither_reaches_beyond_the_database_nor_out_of_its_transaction(
    db: Database, sql: str, words: str
) -> None:
    await db.apply({"0001_init.sql": INIT})
    done = await db.apply({"0002_hostile.sql": f"CREATE TABLE mine (a);\n{sql};\nCREATE TABLE more (a);"})
    assert done["applied"] == [] and words in done["failed"]["message"]
    assert await db.tables() == ["d1_migrations", "users"]
    assert await db.pending("0002_hostile.sql") == ["0002_hostile.sql"]
    assert await db.rows("SELECT * FROM users") == [[1, "Ada"]]


async def test_a_previews_apply_does_not_reach_live_data(db: Database) -> None:
    await db.apply({"0001_init.sql": INIT})
    assert await db.pending("0001_init.sql", "0002_more.sql", preview=True) == ["0002_more.sql"]
    assert (await db.apply({"0002_more.sql": MORE}, preview=True))["applied"] == ["0002_more.sql"]
    assert await db.rows("SELECT born FROM users", preview=True) == [[1815]]
    assert await db.pending("0002_more.sql", preview=True) == []
    assert await db.pending("0002_more.sql") == ["0002_more.sql"]
    with pytest.raises(Refused, match="no such column"):
        await db.rows("SELECT born FROM users")


async def test_a_trigger_after_a_comment_is_one_statement_and_many_statements_are_no_error(db: Database) -> None:
    trigger = """/* counts */ -- them; all
    CREATE TRIGGER watch AFTER INSERT ON users BEGIN
      UPDATE users SET name = 'x'; SELECT 1;
    END;
    """
    many = "".join(f"INSERT INTO users VALUES ({number}, 'n');\n" for number in range(10, 1600))
    done = await db.apply(
        {"0001_init.sql": INIT, "0002_trigger.sql": trigger, "0003_many.sql": many, "0004_empty.sql": "-- later\n"}
    )
    assert done["failed"] is None and len(done["applied"]) == 4
    assert await db.rows("SELECT count(*) FROM users") == [[1591]]


async def test_what_is_too_large_no_text_or_not_among_the_files_is_told(db: Database) -> None:
    large = await db.apply({"0001_a.sql": "-" * (MAX_MIGRATION + 1)})
    assert str(MAX_MIGRATION) in large["failed"]["message"]
    assert "UTF-8" in (await db.apply({"0001_a.sql": b"\xff"}))["failed"]["message"]
    marked = "\ufeffCREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END"
    assert (await db.apply({"0001_a.sql": "CREATE TABLE a (b)", "0002_marked.sql": marked}))["failed"] is None
    with pytest.raises(Refused):
        await db.ask("migrate", pack_modules({"a": b""}), names=["b"], migrations_table="d1_migrations")
    with pytest.raises(Refused):
        await db.ask("migrate", b"\x01", names=[], migrations_table="d1_migrations")


async def test_a_table_that_others_refer_to_is_rebuilt_with_foreign_keys_put_off(db: Database) -> None:
    await db.apply(
        {"0001_init.sql": INIT + "CREATE TABLE notes (by INTEGER REFERENCES users (id)); INSERT INTO notes VALUES (1);"}
    )
    rebuilt = """CREATE TABLE kept AS SELECT * FROM users;
    DROP TABLE users;
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    INSERT INTO users SELECT * FROM kept;
    DROP TABLE kept;"""
    assert "FOREIGN KEY" in (await db.apply({"0002_rebuilt.sql": rebuilt}))["failed"]["message"]
    assert (await db.apply({"0002_rebuilt.sql": f"PRAGMA defer_foreign_keys = on;\n{rebuilt}"}))["failed"] is None
    assert await db.rows("SELECT name FROM users JOIN notes ON by = id") == [["Ada"]]

"""D1 against its documented behaviour, in the real confined process: https://developers.cloudflare.com/d1/worker-api/."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path
from typing import Any

import pytest

from preview.outside.bindings import d1
from preview.outside.bindings.d1 import D1Error
from preview.outside.bindings.d1_sql import statements
from preview.outside.bindings.errors import BindingError, WrongType
from preview.outside.bindings.stores import Stores, WorkerData


async def run(data: WorkerData, sql: str, *values: Any) -> dict[str, Any]:
    answer = await data.d1.query("DB", [{"sql": sql, "values": list(values)}], together=False)
    result: dict[str, Any] = answer["results"][0]
    return result


async def make_table(data: WorkerData) -> None:
    await data.d1.exec("DB", "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'one');")


async def test_rows_columns_and_meta_come_back(live: WorkerData) -> None:
    await make_table(live)
    inserted = await run(live, "INSERT INTO t (name) VALUES (?), (?)", "two", None)
    assert inserted["meta"]["changes"] == 2 and inserted["meta"]["last_row_id"] == 3
    assert inserted["meta"]["changed_db"] is True and inserted["meta"]["size_after"] > 0
    found = await run(live, "SELECT name, id FROM t ORDER BY id")
    assert found["columns"] == ["name", "id"]
    assert found["rows"] == [["one", 1], ["two", 2], [None, 3]]
    assert found["meta"]["changed_db"] is False and found["meta"]["changes"] == 0


async def test_values_of_each_documented_type_are_bound(live: WorkerData) -> None:
    blob = {"bytes": base64.b64encode(b"\x00\xff").decode()}
    found = await run(live, "SELECT ?1, ?2, ?3, ?4, ?5, typeof(?4), ?1", None, True, 2.5, "é", blob)
    assert found["rows"] == [[None, 1, 2.5, "é", [0, 255], "text", None]]
    assert (await run(live, "SELECT ?", 1 << 62))["rows"] == [[1 << 62]]


@pytest.mark.parametrize("value", [{"a": 1}, [1], 1 << 63, {"bytes": "!"}, {"bytes": 5}, "\ud800"])
async def test_a_value_of_another_type_is_a_type_error(live: WorkerData, value: Any) -> None:
    with pytest.raises(WrongType):
        await run(live, "SELECT ?", value)


@pytest.mark.parametrize(
    "wrong",
    [
        None, [], "SELECT 1", [1], [{"sql": 1, "values": []}], [{"sql": "SELECT 1"}],
        [{"sql": "SELECT 1", "values": [1] * 101}], [{"sql": "x" * 100_001, "values": []}],
    ],
)  # fmt: skip
async def test_what_is_no_statement_is_a_type_error(live: WorkerData, wrong: object) -> None:
    with pytest.raises(WrongType):
        await live.d1.query("DB", wrong, together=False)


async def test_a_syntax_error_is_told_as_d1_tells_it(live: WorkerData) -> None:
    with pytest.raises(D1Error, match=r'^D1_ERROR: near "NONSENSE": syntax error: SQLITE_ERROR'):
        await run(live, "NONSENSE")
    with pytest.raises(D1Error, match="Wrong number of parameter bindings"):
        await run(live, "SELECT ?")
    with pytest.raises(D1Error, match="one statement"):
        await run(live, "SELECT 1; SELECT 2")


async def test_a_batch_is_all_or_nothing(live: WorkerData) -> None:
    await make_table(live)
    good = {"sql": "INSERT INTO t VALUES (?, 'x')", "values": [7]}
    with pytest.raises(D1Error, match="UNIQUE"):
        await live.d1.query("DB", [good, {**good, "values": [1]}], together=True)
    assert (await run(live, "SELECT count(*) FROM t"))["rows"] == [[1]]
    answer = await live.d1.query("DB", [good, {"sql": "SELECT count(*) FROM t", "values": []}], together=True)
    assert answer["results"][1]["rows"] == [[2]]


async def test_exec_runs_a_script_with_triggers_comments_and_semicolons_in_texts(live: WorkerData) -> None:
    script = """
    -- a comment; with a semicolon
    CREATE TABLE t (a TEXT); CREATE TABLE log (a TEXT);
    CREATE TRIGGER watch AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); INSERT INTO log VALUES ('again'); END;
    INSERT INTO t VALUES ('one; two'); /* ; */ ;
    """
    assert (await live.d1.exec("DB", script))["count"] == 4
    assert (await run(live, "SELECT a FROM log"))["rows"] == [["one; two"], ["again"]]


def test_a_script_of_half_open_quotes_is_cut_in_linear_time() -> None:
    began = time.perf_counter()
    for piece in ("'", '"', "[", "`", "/*", "--", "a;", "CREATE TRIGGER x;"):
        list(statements(piece * 20_000)) if piece != "CREATE TRIGGER x;" else list(statements(piece * 200))
    assert time.perf_counter() - began < 10


async def test_foreign_keys_hold_as_in_d1(live: WorkerData) -> None:
    await live.d1.exec("DB", "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a INTEGER REFERENCES a (id))")
    with pytest.raises(D1Error, match="FOREIGN KEY"):
        await run(live, "INSERT INTO b VALUES (1)")


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'other.sqlite' AS x", "ATTACH ':memory:' AS x", "DETACH main", "PRAGMA journal_mode=DELETE",
        "PRAGMA writable_schema=1",
        "PRAGMA temp_store_directory='/'", "PRAGMA hard_heap_limit=0", "BEGIN", "COMMIT", "SAVEPOINT a",
        "VACUUM INTO '/tmp/stolen'",
        "VACUUM", "SELECT load_extension('x')", "SELECT fts3_tokenizer('simple')", "CREATE TEMP TABLE x (a)",
        "CREATE VIRTUAL TABLE x USING fts4(a)", "CREATE VIRTUAL TABLE x USING dbstat", "SELECT * FROM pragma_database_list",
        "UPDATE sqlite_master SET sql = ''", "SELECT readfile('/etc/passwd')",
    ],
)  # fmt: skip
async def test_s15_sql_that_reaches_beyond_the_database_is_refused(live: WorkerData, sql: str) -> None:
    await make_table(live)
    with pytest.raises(D1Error):
        await run(live, sql)
    with pytest.raises(D1Error):
        await live.d1.exec("DB", f"SELECT 1; {sql}")
    assert (await run(live, "SELECT name FROM t"))["rows"] == [["one"]]


@pytest.mark.parametrize("sql", ["PRAGMA table_list", "PRAGMA table_info(t)", "PRAGMA foreign_key_check", "PRAGMA quick_check",
                                 "SELECT name FROM sqlite_master", "CREATE VIRTUAL TABLE words USING fts5(word)"])  # fmt: skip
async def test_what_d1_documents_beyond_plain_sql_is_there(live: WorkerData, sql: str) -> None:
    await make_table(live)
    await run(live, sql)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_s1_sql_without_end_is_stopped_and_the_next_statement_answers(
    live: WorkerData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(d1, "SECONDS", 0.3)
    with pytest.raises(D1Error, match="took too long"):
        await run(live, ENDLESS)
    assert (await run(live, "SELECT 1"))["rows"] == [[1]]


async def test_s1_a_migration_of_very_many_statements_is_stopped_and_leaves_nothing(
    live: WorkerData, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_table(live)
    monkeypatch.setattr(d1, "SECONDS", 0.3)
    script = "CREATE TABLE half (a);" + "SELECT 1;" * 110_000
    with pytest.raises(D1Error, match="took too long") as caught:
        await live.d1.migrate("DB", "d1_migrations", "0001_a.sql", script)
    assert caught.value.line == 1
    assert (await run(live, "SELECT count(*) FROM sqlite_master"))["rows"] == [[1]]


async def test_s2_sql_that_eats_memory_is_an_error_and_the_next_statement_answers(live: WorkerData) -> None:
    for sql in (
        "SELECT zeroblob(1000000000)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT randomblob(1900000), i FROM n LIMIT 50",
        "SELECT group_concat(a.x) FROM (SELECT hex(randomblob(900000)) AS x) a, (SELECT 1 UNION SELECT 2 UNION SELECT 3) b",
    ):
        with pytest.raises(D1Error):
            await run(live, sql)
    assert (await run(live, "SELECT 1"))["rows"] == [[1]]


async def test_s6_a_database_that_is_full_says_so_and_stays_readable(tmp_path: Path) -> None:
    stores = Stores(tmp_path, most=1024 * 1024)
    data = stores.data("7", preview=False)
    await data.d1.exec("DB", "CREATE TABLE t (a BLOB); INSERT INTO t VALUES ('kept')")
    with pytest.raises(D1Error, match="full"):
        for _ in range(10):
            await run(data, "INSERT INTO t VALUES (randomblob(300000))")
    assert (await run(data, "SELECT a FROM t LIMIT 1"))["rows"] == [["kept"]]
    await stores.close()


async def test_s14_a_process_that_dies_is_an_error_and_the_data_is_there(
    live: WorkerData, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_table(live)
    monkeypatch.setattr(d1, "SECONDS", 60.0)
    asking = asyncio.create_task(run(live, ENDLESS))
    while not live.d1._turn.locked():
        await asyncio.sleep(0)
    process = live.d1._process
    assert process is not None
    process._process.kill()
    with pytest.raises(D1Error, match="process ended"):
        await asking
    assert (await run(live, "SELECT name FROM t"))["rows"] == [["one"]]


async def test_a_request_that_is_given_up_does_not_answer_the_next_one(live: WorkerData) -> None:
    asking = asyncio.create_task(run(live, ENDLESS))
    while not live.d1._turn.locked():
        await asyncio.sleep(0)
    asking.cancel()
    assert (await run(live, "SELECT 'mine'"))["rows"] == [["mine"]]


async def test_s11_the_process_reaches_only_the_databases_of_its_worker(live: WorkerData, stores: Stores) -> None:
    await make_table(live)
    process = live.d1._process
    assert process is not None
    status = Path(f"/proc/{process._process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    other = stores.data("8", preview=False)
    assert (await other.d1.query("DB", [{"sql": "SELECT count(*) FROM sqlite_master", "values": []}], together=False))[
        "results"
    ][0]["rows"] == [[0]]


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "x" * 65, "a\0b"])
async def test_b1_a_database_of_a_hostile_name_is_refused(live: WorkerData, name: str) -> None:
    with pytest.raises(BindingError):
        await live.d1.exec(name, "SELECT 1")


# The layer of a preview


async def test_a_preview_reads_the_live_database_until_it_writes_its_own_copy(
    live: WorkerData, preview: WorkerData
) -> None:
    await make_table(live)
    assert (await run(preview, "SELECT name FROM t"))["rows"] == [["one"]]
    await run(live, "INSERT INTO t VALUES (2, 'two')")
    assert (await run(preview, "SELECT count(*) FROM t"))["rows"] == [[2]]
    assert preview.d1.databases() == []
    await run(preview, "DELETE FROM t WHERE id = 1")
    assert preview.d1.databases() == ["DB"]
    assert (await run(preview, "SELECT name FROM t"))["rows"] == [["two"]]
    assert (await run(live, "SELECT count(*) FROM t"))["rows"] == [[2]]


async def test_a_preview_batch_that_writes_late_is_one_transaction_on_the_copy(
    live: WorkerData, preview: WorkerData
) -> None:
    await make_table(live)
    both = [{"sql": "SELECT count(*) FROM t", "values": []}, {"sql": "INSERT INTO t VALUES (9, 'nine')", "values": []}]
    answer = await preview.d1.query("DB", both, together=True)
    assert answer["results"][0]["rows"] == [[1]]
    assert answer["wrote"] == ["INSERT INTO t VALUES (9, 'nine') (1 rows)"]
    assert (await run(live, "SELECT count(*) FROM t"))["rows"] == [[1]]
    assert (await run(preview, "SELECT count(*) FROM t"))["rows"] == [[2]]


async def test_a_preview_of_a_database_that_is_not_there_yet_begins_an_empty_one(
    live: WorkerData, preview: WorkerData
) -> None:
    await make_table(preview)
    assert (await run(preview, "SELECT count(*) FROM t"))["rows"] == [[1]]
    assert live.d1.databases() == []


async def test_a_reset_preview_reads_the_live_database_again(
    stores: Stores, live: WorkerData, preview: WorkerData
) -> None:
    await make_table(live)
    await run(preview, "DROP TABLE t")
    await stores.reset("7")
    assert (await run(stores.data("7", preview=True), "SELECT name FROM t"))["rows"] == [["one"]]


async def test_a_preview_reads_a_live_database_whose_process_was_killed(live: WorkerData, preview: WorkerData) -> None:
    await make_table(live)
    process = live.d1._process
    assert process is not None
    process.end()
    await process.wait()
    assert (await run(preview, "SELECT name FROM t"))["rows"] == [["one"]]
    await run(preview, "INSERT INTO t VALUES (2, 'two')")
    assert (await run(live, "SELECT count(*) FROM t"))["rows"] == [[1]]


async def test_a_runner_has_a_bounded_number_of_sql_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = Stores(tmp_path)
    monkeypatch.setattr(stores._room, "_most", 2)
    one, two, three = [stores.data(worker, preview=False) for worker in "123"]
    for data in (one, two):
        await run(data, "SELECT 1")
    asking = asyncio.create_task(run(one, ENDLESS))
    while not one.d1._turn.locked():
        await asyncio.sleep(0)
    assert (await run(three, "SELECT 1"))["rows"] == [[1]]
    assert two.d1._process is None and one.d1._process is not None
    more = asyncio.create_task(run(three, ENDLESS))
    while not three.d1._turn.locked():
        await asyncio.sleep(0)
    with pytest.raises(D1Error, match="too many databases"):
        await run(two, "SELECT 1")
    asking.cancel()
    more.cancel()
    await asyncio.gather(asking, more, return_exceptions=True)
    assert (await run(two, "SELECT 1"))["rows"] == [[1]]
    await stores.close()

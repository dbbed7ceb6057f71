"""KV against its documented behaviour: https://developers.cloudflare.com/kv/api/."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from preview.outside.bindings.errors import BindingError, Full, WrongType
from preview.outside.bindings.kv import MAX_VALUE, between, read_cursor
from preview.outside.bindings.stores import Stores, WorkerData


async def names(data: WorkerData, **options: object) -> list[str]:
    return [key.name for key in (await data.kv.list("N", options)).keys]


async def test_a_value_comes_back_with_its_metadata(live: WorkerData) -> None:
    await live.kv.put("N", "a", b"\x00\xff", {"metadata": {"tag": ["é"]}})
    found = await live.kv.get("N", "a")
    assert found is not None
    assert found.value == b"\x00\xff"
    assert found.metadata == '{"tag":["é"]}'
    assert await live.kv.get("OTHER", "a") is None


async def test_putting_again_replaces_value_metadata_and_expiry(live: WorkerData) -> None:
    await live.kv.put("N", "a", b"1", {"metadata": 1, "expirationTtl": 60})
    await live.kv.put("N", "a", b"", {})
    found = await live.kv.get("N", "a")
    assert found is not None and found.value == b"" and found.metadata is None
    assert (await live.kv.list("N", {})).keys[0].expires is None


async def test_deleting_what_is_not_there_is_no_error(live: WorkerData) -> None:
    await live.kv.delete("N", "nothing")
    await live.kv.put("N", "a", b"1", {})
    await live.kv.delete("N", "a")
    assert await live.kv.get("N", "a") is None


async def test_keys_come_in_the_order_of_their_utf8_bytes(live: WorkerData) -> None:
    for key in ("b", "a", "é", "Z", "a\U0001f600", "a\uffff"):
        await live.kv.put("N", key, b"", {})
    assert await names(live) == sorted(("b", "a", "é", "Z", "a\U0001f600", "a\uffff"), key=str.encode)


async def test_a_prefix_and_a_cursor_walk_through_all_keys_once(live: WorkerData) -> None:
    for number in range(25):
        await live.kv.put("N", f"user:{number:02}", b"", {})
    await live.kv.put("N", "user;", b"", {})
    await live.kv.put("N", "use", b"", {})
    seen: list[str] = []
    options: dict[str, object] = {"prefix": "user:", "limit": 10}
    while True:
        page = await live.kv.list("N", options)
        seen += [key.name for key in page.keys]
        if not page.cursor:
            break
        options["cursor"] = page.cursor
    assert seen == [f"user:{number:02}" for number in range(25)]


@pytest.mark.parametrize("prefix", ["a", "\ud7ff", "\U0010ffff", "x\U0010ffff", "\x00"])
def test_a_prefix_bounds_exactly_what_begins_with_it(prefix: str) -> None:
    where, values = between(prefix, "")
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (key TEXT)")
    keys = [prefix, prefix + "x", prefix + "\U0010ffff", "", "\U0010ffff", "b", "\ue000", "y", "x"]
    connection.executemany("INSERT INTO t VALUES (?)", [(key,) for key in keys])
    found = {row[0] for row in connection.execute(f"SELECT key FROM t WHERE {where}", values)}
    connection.close()
    assert found == {key for key in keys if key.startswith(prefix)}


async def test_an_expired_value_is_gone_from_get_and_list(live: WorkerData, monkeypatch: pytest.MonkeyPatch) -> None:
    await live.kv.put("N", "short", b"1", {"expirationTtl": 60})
    await live.kv.put("N", "long", b"1", {"expiration": int(time.time()) + 500})
    keys = {key.name: key.expires for key in (await live.kv.list("N", {})).keys}
    assert keys["short"] is not None and abs(keys["short"] - time.time() - 60) < 5
    later = time.time() + 100
    monkeypatch.setattr("preview.outside.bindings.kv.time.time", lambda: later)
    assert await live.kv.get("N", "short") is None
    assert await names(live) == ["long"]


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("", {}), (".", {}), ("..", {}), ("k" * 513, {}), (7, {}), (None, {}), ("\ud800", {}),
        ("k", {"expirationTtl": 59}), ("k", {"expirationTtl": "60"}), ("k", {"expirationTtl": 1e99}),
        ("k", {"expiration": 1}), ("k", {"metadata": "\ud800"}), ("k", {"metadata": "m" * 1024}),
    ],
)  # fmt: skip
async def test_what_the_documentation_refuses_is_refused(
    live: WorkerData, key: object, options: dict[str, object]
) -> None:
    with pytest.raises(BindingError):
        await live.kv.put("N", key, b"", options)
    assert await names(live) == []


async def test_a_key_of_512_bytes_and_metadata_of_1024_are_taken(live: WorkerData) -> None:
    await live.kv.put("N", "é" * 256, b"", {"metadata": "m" * 1022})
    assert await live.kv.get("N", "é" * 256) is not None


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": -1}, {"limit": "3"}, {"limit": True}, {"prefix": 3},
                                     {"cursor": "nonsense"}, {"cursor": 5}, {"cursor": "!" * 4000}])  # fmt: skip
async def test_a_list_with_wrong_options_is_a_type_error(live: WorkerData, options: dict[str, object]) -> None:
    with pytest.raises(WrongType):
        await live.kv.list("N", options)


def test_a_cursor_of_half_a_character_is_refused() -> None:
    with pytest.raises(WrongType):
        read_cursor("McM")


async def test_several_keys_come_at_once_up_to_a_hundred(live: WorkerData) -> None:
    await live.kv.put("N", "a", b"1", {})
    found = await live.kv.get_many("N", ["a", "b"])
    assert found["a"] is not None and found["a"].value == b"1" and found["b"] is None
    for wrong in ([], [f"k{n}" for n in range(101)], "a", [1]):
        with pytest.raises(WrongType):
            await live.kv.get_many("N", wrong)


async def test_a_value_over_the_limit_is_refused(live: WorkerData) -> None:
    with pytest.raises(Full):
        await live.kv.put("N", "k", bytes(MAX_VALUE + 1), {})


async def test_a_full_store_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    stores = Stores(tmp_path, most=1024 * 1024)
    data = stores.data("7", preview=False)
    await data.kv.put("N", "first", b"kept", {})
    with pytest.raises(Full, match="full"):
        for number in range(8):
            await data.kv.put("N", f"k{number}", bytes(400_000), {})
    found = await data.kv.get("N", "first")
    assert found is not None and found.value == b"kept"
    await data.kv.delete("N", "k0")
    await data.kv.put("N", "again", bytes(300_000), {})
    await stores.close()


async def test_what_was_put_is_there_after_the_runner_is_gone(tmp_path: Path) -> None:
    first = Stores(tmp_path)
    await asyncio.gather(*(first.data("7", preview=False).kv.put("N", f"k{n}", b"v", {}) for n in range(50)))
    # Nothing is closed: a second runner reads what the first made durable.
    second = Stores(tmp_path)
    assert len((await second.data("7", preview=False).kv.list("N", {})).keys) == 50
    await first.close()
    await second.close()


async def test_one_wrong_write_in_a_group_leaves_the_others_alone(live: WorkerData) -> None:
    database = live.kv._database

    def wrong(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO kv (namespace, key, value) VALUES ('N', 'half', x'00')")
        raise WrongType("no")

    outcomes = await asyncio.gather(
        live.kv.put("N", "a", b"1", {}), database.write(wrong), live.kv.put("N", "b", b"1", {}), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), WrongType, type(None)]
    assert await names(live) == ["a", "b"]


# The layer of a preview


async def test_a_preview_reads_what_is_live_and_its_writes_stay_above(live: WorkerData, preview: WorkerData) -> None:
    await live.kv.put("N", "kept", b"live", {})
    await live.kv.put("N", "changed", b"live", {"metadata": 1})
    await live.kv.put("N", "deleted", b"live", {})
    await preview.kv.put("N", "changed", b"draft", {})
    await preview.kv.put("N", "new", b"draft", {})
    await preview.kv.delete("N", "deleted")
    assert await names(preview) == ["changed", "kept", "new"]
    assert await names(live) == ["changed", "deleted", "kept"]
    mine, theirs = await preview.kv.get("N", "changed"), await live.kv.get("N", "changed")
    assert mine is not None and mine.value == b"draft" and mine.metadata is None
    assert theirs is not None and theirs.value == b"live" and theirs.metadata == "1"
    assert await preview.kv.get("N", "deleted") is None


async def test_a_preview_pages_through_both_layers_in_one_order(live: WorkerData, preview: WorkerData) -> None:
    for number in range(10):
        await (live if number % 2 else preview).kv.put("N", f"k{number}", b"", {})
    await preview.kv.delete("N", "k3")
    first = await preview.kv.list("N", {"limit": 4})
    rest = await preview.kv.list("N", {"cursor": first.cursor})
    assert [key.name for key in first.keys + rest.keys] == [f"k{n}" for n in range(10) if n != 3]


async def test_an_expired_value_of_a_preview_goes_on_hiding_the_live_one(
    live: WorkerData, preview: WorkerData, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.kv.put("N", "a", b"live", {})
    await preview.kv.put("N", "a", b"draft", {"expirationTtl": 60})
    later = time.time() + 100
    monkeypatch.setattr("preview.outside.bindings.kv.time.time", lambda: later)
    await preview.kv.put("N", "b", b"", {})
    assert await preview.kv.get("N", "a") is None


async def test_a_reset_preview_shows_the_live_data_again(stores: Stores, live: WorkerData, preview: WorkerData) -> None:
    await live.kv.put("N", "a", b"live", {})
    await preview.kv.delete("N", "a")
    await stores.reset("7")
    found = await stores.data("7", preview=True).kv.get("N", "a")
    assert found is not None and found.value == b"live"


async def test_the_file_beneath_a_preview_cannot_be_written_through_it(live: WorkerData, preview: WorkerData) -> None:
    await live.kv.put("N", "a", b"live", {})
    await preview.kv.get("N", "a")
    with pytest.raises(BindingError, match="readonly"):
        await preview.kv._database.write(lambda connection: connection.execute("DELETE FROM base.kv"))
    assert await live.kv.get("N", "a") is not None


async def test_workers_do_not_see_each_other(stores: Stores, live: WorkerData) -> None:
    await live.kv.put("N", "a", b"1", {})
    assert await stores.data("8", preview=False).kv.get("N", "a") is None
    hostile = stores.data("../7", preview=False)
    assert await hostile.kv.get("N", "a") is None

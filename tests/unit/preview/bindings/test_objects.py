"""R2 against its documented behaviour: https://developers.cloudflare.com/r2/api/workers/workers-api-reference/."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from preview.outside.bindings.errors import BindingError, Full, WrongType
from preview.outside.bindings.objects import MAX_PART
from preview.outside.bindings.stores import Stores, WorkerData


async def body_of(data: WorkerData, key: str, **options: Any) -> bytes | None:
    found = await data.objects.get("B", key, options)
    return None if found is None else found[1]


async def keys(data: WorkerData, **options: Any) -> list[str]:
    return [info["key"] for info in (await data.objects.list("B", options))["objects"]]


async def test_an_object_comes_back_with_everything_that_was_put(live: WorkerData) -> None:
    options = {"httpMetadata": {"contentType": "text/plain"}, "customMetadata": {"by": "me"}}
    info = await live.objects.put("B", "a/b.txt", b"hello", options)
    assert info is not None
    assert (info["key"], info["size"], info["etag"]) == ("a/b.txt", 5, hashlib.md5(b"hello").hexdigest())
    assert info["httpEtag"] == f'"{info["etag"]}"' and info["checksums"] == {"md5": info["etag"]}
    found = await live.objects.get("B", "a/b.txt", {})
    assert found is not None and found[1] == b"hello"
    assert found[0]["httpMetadata"] == {"contentType": "text/plain"} and found[0]["customMetadata"] == {"by": "me"}
    assert found[0]["version"] == info["version"] and found[0]["range"] == {"offset": 0, "length": 5}
    assert (await live.objects.head("B", "a/b.txt") or {})["uploaded"] == info["uploaded"]
    assert await live.objects.head("OTHER", "a/b.txt") is None


async def test_putting_again_makes_another_version(live: WorkerData) -> None:
    first = await live.objects.put("B", "k", b"1", {})
    second = await live.objects.put("B", "k", b"", {})
    assert first is not None and second is not None and first["version"] != second["version"]
    assert await body_of(live, "k") == b""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"offset": 4, "length": 6}, b"456789"), ({"offset": 14}, b"EF"), ({"suffix": 4}, b"CDEF"), ({"length": 3}, b"012"),
        ({"offset": 10, "length": 100}, b"ABCDEF"), ({"suffix": 100}, b"0123456789ABCDEF"),
    ],
)  # fmt: skip
async def test_a_range_gives_those_bytes(live: WorkerData, asked: dict[str, int], expected: bytes) -> None:
    await live.objects.put("B", "k", b"0123456789ABCDEF", {})
    assert await body_of(live, "k", range=asked) == expected


@pytest.mark.parametrize(
    "asked", [{"offset": 16}, {"offset": -1}, {"length": 0}, {"suffix": 0}, {"offset": "1"}, "bytes=0-1"]
)
async def test_a_range_that_cannot_be_is_refused(live: WorkerData, asked: Any) -> None:
    await live.objects.put("B", "k", b"0123456789ABCDEF", {})
    with pytest.raises(WrongType):
        await body_of(live, "k", range=asked)


async def test_a_range_spans_the_chunks_that_a_body_lies_in(live: WorkerData) -> None:
    body = bytes(range(256)) * 12_000
    await live.objects.put("B", "k", body, {})
    assert await body_of(live, "k") == body
    assert await body_of(live, "k", range={"offset": 1_048_570, "length": 20}) == body[1_048_570:1_048_590]


async def test_conditions_decide_whether_a_body_comes_and_whether_a_put_happens(live: WorkerData) -> None:
    info = await live.objects.put("B", "k", b"1", {})
    assert info is not None
    found = await live.objects.get("B", "k", {"onlyIf": {"etagMatches": "other"}})
    assert found is not None and found[1] is None and found[0]["size"] == 1
    assert (
        await body_of(live, "k", onlyIf={"etagMatches": info["etag"], "uploadedBefore": info["uploaded"] + 1}) == b"1"
    )
    assert await body_of(live, "k", onlyIf={"etagDoesNotMatch": info["httpEtag"]}) is None
    assert await body_of(live, "k", onlyIf={"uploadedAfter": info["uploaded"]}) is None
    assert await live.objects.put("B", "k", b"2", {"onlyIf": {"etagDoesNotMatch": "*"}}) is None
    assert await live.objects.put("B", "new", b"2", {"onlyIf": {"etagMatches": "x"}}) is None
    assert await live.objects.put("B", "k", b"2", {"onlyIf": {"etagMatches": info["etag"]}}) is not None


async def test_a_checksum_that_is_not_the_bodys_is_refused(live: WorkerData) -> None:
    for name in ("md5", "sha1", "sha256", "sha384", "sha512"):
        await live.objects.put("B", "k", b"x", {name: hashlib.new(name, b"x").hexdigest()})
        with pytest.raises(BindingError):
            await live.objects.put("B", "k", b"x", {name: "00"})
    assert (await live.objects.head("B", "k") or {})["checksums"].keys() == {"md5", "sha512"}


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("", {}), ("k" * 1025, {}), (None, {}), ("k", {"httpMetadata": {"contentTyp": "x"}}), ("k", {"customMetadata": {"a": 1}}),
        ("k", {"customMetadata": {"a": "x" * 9000}}), ("k", {"storageClass": "Tape"}), ("k", {"onlyIf": {"etag": "x"}}),
        ("k", {"md5": "0", "sha1": "0"}), ("k", {"onlyIf": 3}), ("k", {"httpMetadata": [1]}),
    ],
)  # fmt: skip
async def test_what_is_not_documented_is_refused(live: WorkerData, key: Any, options: dict[str, Any]) -> None:
    with pytest.raises(BindingError):
        await live.objects.put("B", key, b"", options)
    assert await keys(live) == []


async def test_lists_page_and_fold_by_delimiter(live: WorkerData) -> None:
    for key in ("d/a/1", "d/a/2", "d/b/1", "d/root", "d/z/1", "e"):
        await live.objects.put("B", key, b"", {})
    whole = await live.objects.list("B", {"prefix": "d/", "delimiter": "/"})
    assert [info["key"] for info in whole["objects"]] == ["d/root"]
    assert whole["delimitedPrefixes"] == ["d/a/", "d/b/", "d/z/"] and whole["truncated"] is False
    seen: list[str] = []
    options: dict[str, Any] = {"prefix": "d/", "delimiter": "/", "limit": 1}
    while True:
        page = await live.objects.list("B", options)
        seen += [info["key"] for info in page["objects"]] + page["delimitedPrefixes"]
        if not page["truncated"]:
            break
        options["cursor"] = page["cursor"]
    assert seen == ["d/a/", "d/b/", "d/root", "d/z/"]
    assert await keys(live, startAfter="d/root") == ["d/z/1", "e"]
    assert await keys(live, limit=2) == ["d/a/1", "d/a/2"]


async def test_a_folder_is_folded_once_whatever_its_keys_are(live: WorkerData) -> None:
    for key in ("a/1", "a/\U0010ffff1", "a/\U0010ffff2", "a/\U0010ffff3", "b"):
        await live.objects.put("B", key, b"", {})
    for limit in (1, 2, 100):
        seen: list[str] = []
        options: dict[str, Any] = {"delimiter": "/", "limit": limit}
        for _ in range(5):
            page = await live.objects.list("B", options)
            seen += page["delimitedPrefixes"] + [info["key"] for info in page["objects"]]
            if not page["truncated"]:
                break
            options["cursor"] = page["cursor"]
        assert sorted(set(seen)) == ["a/", "b"]
        assert limit == 1 or seen.count("a/") == 1


async def test_several_keys_are_deleted_at_once(live: WorkerData) -> None:
    for key in "abc":
        await live.objects.put("B", key, b"", {})
    await live.objects.delete("B", ["a", "b", "nothing"])
    assert await keys(live) == ["c"]
    with pytest.raises(WrongType):
        await live.objects.delete("B", [f"k{n}" for n in range(1001)])


async def test_parts_become_one_object_in_the_order_of_their_numbers(live: WorkerData) -> None:
    upload = await live.objects.begin("B", "big", {"customMetadata": {"a": "b"}})
    second = await live.objects.part("B", "big", upload, 2, b"second")
    replaced = await live.objects.part("B", "big", upload, 1, b"wrong")
    first = await live.objects.part("B", "big", upload, 1, b"first-")
    assert await live.objects.head("B", "big") is None
    with pytest.raises(BindingError, match="no part 1"):
        await live.objects.complete("B", "big", upload, [replaced, second])
    info = await live.objects.complete("B", "big", upload, [second, first])
    assert info["etag"].endswith("-2") and info["customMetadata"] == {"a": "b"} and info["size"] == 12
    assert await body_of(live, "big") == b"first-second"
    assert await body_of(live, "big", range={"offset": 4, "length": 4}) == b"t-se"
    with pytest.raises(BindingError, match="no such upload"):
        await live.objects.abort("B", "big", upload)


async def test_an_aborted_upload_leaves_nothing(live: WorkerData) -> None:
    upload = await live.objects.begin("B", "k", {})
    await live.objects.part("B", "k", upload, 1, b"x")
    await live.objects.abort("B", "k", upload)
    with pytest.raises(BindingError):
        await live.objects.part("B", "k", upload, 2, b"x")
    count = await live.objects._database.read(lambda c: c.execute("SELECT count(*) FROM parts").fetchone()[0])
    assert count == 0 and await keys(live) == []


async def test_what_a_frame_does_not_hold_is_read_in_pieces_of_one_version(live: WorkerData) -> None:
    upload = await live.objects.begin("B", "big", {})
    parts = [await live.objects.part("B", "big", upload, n, bytes([n]) * MAX_PART) for n in (1, 2)]
    info = await live.objects.complete("B", "big", upload, parts)
    found = await live.objects.get("B", "big", {})
    assert found is not None and found[1] == b"\1" * MAX_PART
    rest = await live.objects.read("B", "big", info["version"], MAX_PART, MAX_PART)
    assert rest == b"\2" * MAX_PART
    await live.objects.put("B", "big", b"new", {})
    with pytest.raises(BindingError, match="replaced"):
        await live.objects.read("B", "big", info["version"], 0, 10)
    with pytest.raises(Full):
        await live.objects.put("B", "big", bytes(MAX_PART + 1), {})


# The layer of a preview


async def test_a_preview_shows_live_objects_and_changes_none(
    stores: Stores, live: WorkerData, preview: WorkerData
) -> None:
    for key in ("changed", "deleted", "kept"):
        await live.objects.put("B", key, b"live", {})
    await preview.objects.put("B", "changed", b"draft", {})
    await preview.objects.put("B", "new", b"draft", {})
    await preview.objects.delete("B", "deleted")
    assert await keys(preview) == ["changed", "kept", "new"] and await keys(live) == ["changed", "deleted", "kept"]
    assert await body_of(preview, "kept") == b"live" and await body_of(preview, "changed") == b"draft"
    assert await body_of(live, "changed") == b"live" and await body_of(preview, "deleted") is None
    await preview.objects.put("B", "deleted", b"again", {})
    assert await body_of(preview, "deleted") == b"again"
    await stores.reset("7")
    assert await keys(stores.data("7", preview=True)) == ["changed", "deleted", "kept"]

"""Bundles on disk: atomic, checked, bounded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from preview.outside.bundles import BadDigest, Bundles


def bundle(content: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(content).hexdigest(), content


async def test_a_bundle_is_there_again_after_a_restart(tmp_path: Path) -> None:
    digest, packed = bundle(b"one")
    first = Bundles(tmp_path)
    first.put(digest, packed, "a")
    assert await first.get(digest) == packed
    first.close()
    again = Bundles(tmp_path)
    assert await again.get(digest) == packed
    again.close()


async def test_bytes_that_are_not_what_the_digest_names_are_refused(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    with pytest.raises(BadDigest):
        bundles.put("0" * 64, b"something", "a")
    bundles.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"on", b"two"])
async def test_a_damaged_file_is_dropped_and_never_given_out(tmp_path: Path, damage: bytes) -> None:
    digest, packed = bundle(b"one")
    first = Bundles(tmp_path)
    first.put(digest, packed, "a")
    first.close()
    (tmp_path / digest).write_bytes(damage)
    again = Bundles(tmp_path)
    assert await again.get(digest) is None
    again.close()
    assert not (tmp_path / digest).exists()


async def test_the_disk_is_bounded_and_the_least_recently_used_go_first(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path, max_disk=300, max_memory=100)
    many = [bundle(bytes([number]) * 100) for number in range(6)]
    for digest, packed in many[:3]:
        bundles.put(digest, packed, digest)
    assert await bundles.get(many[0][0])
    for digest, packed in many[3:5]:
        bundles.put(digest, packed, digest)
    bundles.close()
    assert {path.name for path in tmp_path.iterdir()} == {many[index][0] for index in (0, 3, 4)}


async def test_what_a_crash_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".part-abc").write_bytes(b"half")
    Bundles(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


async def test_F3_a_full_disk_loses_no_bundle_that_is_warm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    digest, packed = bundle(b"one")
    bundles = Bundles(tmp_path / "bundles")
    (tmp_path / "bundles").rmdir()
    bundles.put(digest, packed, "a")
    assert await bundles.get(digest) == packed
    bundles.close()
    assert "could not be kept" in caplog.text


async def test_of_a_draft_that_somebody_types_in_the_newest_is_written_and_no_other(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path, max_memory=1)
    many = [bundle(bytes([number]) * 100) for number in range(20)]
    for digest, packed in many:
        bundles.put(digest, packed, "draft:1")
        assert await bundles.get(digest) == packed
    other, packed = bundle(b"other")
    bundles.put(other, packed, "live:1")
    gone, packed = bundle(b"gone")
    bundles.put(gone, packed, "check:1")
    bundles.drop("check:1")
    assert list(tmp_path.iterdir()) == [], "before a moment has passed"
    bundles.close()
    assert {path.name for path in tmp_path.iterdir()} == {many[-1][0], other}


async def test_a_bundle_that_comes_back_is_on_disk_and_the_one_between_is_not(tmp_path: Path) -> None:
    (first, one), (second, two) = bundle(b"one"), bundle(b"two")
    bundles = Bundles(tmp_path, max_memory=1)
    bundles.put(first, one, "draft:1")
    bundles._write_out()
    bundles.put(second, two, "draft:1")
    bundles.put(first, one, "draft:1")
    bundles.close()
    again = Bundles(tmp_path)
    assert (await again.get(first), await again.get(second)) == (one, None)
    again.close()

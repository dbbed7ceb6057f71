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
    first.put(digest, packed)
    assert await first.get(digest) == packed
    first.close()
    again = Bundles(tmp_path)
    assert await again.get(digest) == packed
    again.close()


async def test_bytes_that_are_not_what_the_digest_names_are_refused(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    with pytest.raises(BadDigest):
        bundles.put("0" * 64, b"something")
    bundles.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"on", b"two"])
async def test_a_damaged_file_is_dropped_and_never_given_out(tmp_path: Path, damage: bytes) -> None:
    digest, packed = bundle(b"one")
    first = Bundles(tmp_path)
    first.put(digest, packed)
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
        bundles.put(digest, packed)
    assert await bundles.get(many[0][0])
    for digest, packed in many[3:5]:
        bundles.put(digest, packed)
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
    bundles.put(digest, packed)
    assert await bundles.get(digest) == packed
    bundles.close()
    assert "could not be kept" in caplog.text

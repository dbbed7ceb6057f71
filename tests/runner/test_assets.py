"""Static assets over HTTP: validators and ranges, as browsers ask for them when they play a video or revisit a page."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from tests.runner.support import SHARED, Runner, answering

pytestmark = SHARED

CLIP = bytes(range(256)) * 40
SIZE = len(CLIP)


@pytest_asyncio.fixture(loop_scope="module")
async def runner(shared_runner: Runner) -> Runner:
    if "p-1" not in shared_runner.hosts:
        config = json.dumps({"main": "main.py", "assets": {"directory": "public"}}).encode()
        await shared_runner.preview({**answering("worker"), "quickedit.json": config, "public/clip.mp4": CLIP})
    return shared_runner


async def test_a_file_says_that_it_has_ranges_and_a_tag_that_saves_sending_it_again(runner: Runner) -> None:
    reply = await runner.fetch("/clip.mp4")
    assert (reply.status, reply.header("accept-ranges"), reply.body) == (200, "bytes", CLIP)
    tag = reply.header("etag") or ""
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await runner.fetch("/clip.mp4", headers={"If-None-Match": held})
        assert (again.status, again.body, again.header("etag")) == (304, b"", tag)
    assert (await runner.fetch("/clip.mp4", headers={"If-None-Match": '"other"'})).status == 200
    head = await runner.fetch("/clip.mp4", method="HEAD")
    assert (head.status, head.header("content-length"), head.header("etag")) == (200, str(SIZE), tag)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=10000-", 10000, SIZE), ("bytes=-5", SIZE - 5, SIZE),
        ("bytes=0-999999999", 0, SIZE), ("bytes=-999999999", 0, SIZE), ("BYTES=1-2", 1, 3),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    ],
)  # fmt: skip
async def test_a_range_is_answered_with_that_part(runner: Runner, asked: str, start: int, stop: int) -> None:
    reply = await runner.fetch("/clip.mp4", headers={"Range": asked})
    assert (reply.status, reply.body) == (206, CLIP[start:stop])
    assert reply.header("content-range") == f"bytes {start}-{stop - 1}/{SIZE}"
    assert reply.header("content-length") == str(stop - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999999-", "bytes=-0"])
async def test_a_range_beyond_the_file_is_416_and_says_how_long_it_is(runner: Runner, asked: str) -> None:
    reply = await runner.fetch("/clip.mp4", headers={"Range": asked})
    assert (reply.status, reply.header("content-range"), reply.body) == (416, f"bytes */{SIZE}", b"")


@pytest.mark.parametrize(
    "asked",
    ["bytes=5-2", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "items=0-1", "bytes 0-1", "bytes=" + "9" * 5000 + "-"],
)
async def test_what_is_no_single_range_of_bytes_is_answered_with_the_whole_file(runner: Runner, asked: str) -> None:
    reply = await runner.fetch("/clip.mp4", headers={"Range": asked})
    assert (reply.status, reply.body) == (200, CLIP)


async def test_a_range_of_a_file_that_has_changed_is_answered_with_the_whole_of_it(runner: Runner) -> None:
    tag = (await runner.fetch("/clip.mp4")).header("etag") or ""
    assert (await runner.fetch("/clip.mp4", headers={"Range": "bytes=0-1", "If-Range": tag})).status == 206
    for other in ('"other"', f"W/{tag}", "Thu, 26 Nov 2026 07:00:00 GMT"):
        assert (await runner.fetch("/clip.mp4", headers={"Range": "bytes=0-1", "If-Range": other})).status == 200
    assert (await runner.fetch("/clip.mp4", method="HEAD", headers={"Range": "bytes=0-1"})).status == 200

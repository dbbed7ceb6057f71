"""The pure parts of the control plane: differences, the outbox, static files, names, the log filter, bundles."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import logging
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from quickedit.accounts.redact import RedactTokens
from quickedit.deployments import bundles
from quickedit.deployments.changes import Change, compare
from quickedit.drafts.draft import BEHIND, PATIENCE, Draft, Head
from quickedit.drafts.labels import new_label
from quickedit.editor.outbox import MAX_COURTESY, MAX_WAITING, Outbox
from quickedit.errors import BadInput, Unavailable
from quickedit.statics import StaticFiles
from quickedit.workers.names import RESERVED, check_name

# --- differences ----------------------------------------------------------------------------------------------------


def test_a_difference_counts_lines_that_came_and_went() -> None:
    old = {"a.py": b"1\n2\n3\n", "b.py": b"x\n", "same.py": b"s"}
    new = {"a.py": b"1\ntwo\n3\n4\n", "c.py": b"y\nz\n", "same.py": b"s"}
    assert compare(old, new) == [
        Change("a.py", "changed", 2, 1),
        Change("b.py", "removed", 0, 1),
        Change("c.py", "added", 2, 0),
    ]


def test_bytes_that_are_no_text_are_named_without_numbers() -> None:
    assert compare({"a": b"\0"}, {"a": b"\0\1"}) == [Change("a", "changed", 0, 0)]


def test_a_hostile_pair_of_modules_is_compared_in_time() -> None:
    seed = 7
    lines = [b"%d\n" % random.Random(seed).randrange(3) for _ in range(150_000)]
    before, after = b"".join(lines), b"".join(reversed(lines)) + b"end\n"
    started = time.perf_counter()
    (change,) = compare({"a": before}, {"a": after})
    assert change.plus - change.minus == 1
    assert time.perf_counter() - started < 5


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "shop", "a1", "order-status", "a" * 58, "preview2"])
def test_a_good_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_every_reserved_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        check_name(name)


def test_a_preview_label_is_128_random_bits_of_a_host_name() -> None:
    labels = {new_label() for _ in range(1000)}
    assert len(labels) == 1000
    assert {len(label) for label in labels} == {28}
    assert all(label[2:].isalnum() and label == label.lower() for label in labels)


# --- the log --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("GET /login?token=secret-1 302", ()),
        ("GET %s", ("/login?a=b&TOKEN=secret-1&c=d",)),
        ("%(path)s", ({"path": "http://x/login?token=secret-1"},)),
        ("url 'token=secret-1'", ()),
    ],
)
def test_a_token_is_redacted_wherever_it_stands(message: str, arguments: Any) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, arguments, None)
    RedactTokens().filter(record)
    assert "secret" not in record.getMessage()
    assert "[redacted]" in record.getMessage()


# --- bundles --------------------------------------------------------------------------------------------------------


def test_a_bundle_is_read_back_and_a_damaged_one_is_noticed() -> None:
    modules = {"main.py": b"x = 1\n", "data/\u00e9.txt": b"\0\xff"}
    digest = bundles.store(modules)
    assert bundles.store(modules) == digest
    assert bundles.load(digest) == modules
    file = settings.BUNDLES_DIR / digest[:2] / digest
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(file.read_bytes().replace(b"x = 1", b"x = 2"))
    with pytest.raises(Unavailable):
        bundles.load(digest)
    file.unlink()
    with pytest.raises(Unavailable):
        bundles.load(digest)


@pytest.mark.parametrize("digest", ["", "../../../etc/passwd", "a" * 31, "/" * 64])
def test_a_bundles_name_cannot_be_a_path(digest: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        bundles.load(digest)


# --- the outbox -----------------------------------------------------------------------------------------------------


async def test_frames_are_sent_in_order_and_flush_waits_for_them() -> None:
    sent: list[str] = []

    async def send(frame: str) -> None:
        await asyncio.sleep(0)
        sent.append(frame)

    outbox = Outbox(send, lambda: None)
    for number in range(50):
        outbox.put(str(number))
    await outbox.flush(5)
    assert sent == [str(number) for number in range(50)]
    await outbox.close()


async def test_what_can_be_written_now_is_and_never_before_what_waits() -> None:
    sent: list[str] = []
    room, ready = asyncio.Event(), True

    async def send(frame: str) -> None:
        await room.wait()
        sent.append(frame)

    def now(frame: str) -> bool:
        if ready:
            sent.append(f"now {frame}")
        return ready

    outbox = Outbox(send, lambda: None, now)
    outbox.put("1")
    assert sent == ["now 1"], "without a turn of the loop"
    ready = False
    outbox.put("2")
    ready = True
    outbox.put("3")  # could be written now, but 2 waits
    await asyncio.sleep(0.01)
    outbox.put("4")  # 2 is with the transport by now, which has not taken it
    room.set()
    await outbox.flush(5)
    outbox.put("5")
    assert sent == ["now 1", "2", "3", "4", "now 5"]
    await outbox.close()
    assert not outbox.put("6") and sent[-1] == "now 5"


async def test_a_client_that_takes_nothing_costs_a_bounded_amount_and_loses_logs_first() -> None:
    stuck, overflows = asyncio.Event(), 0

    async def send(frame: str) -> None:
        await stuck.wait()

    def overflow() -> None:
        nonlocal overflows
        overflows += 1

    outbox = Outbox(send, overflow)
    frame = "x" * 100_000
    assert sum(outbox.put(frame, courtesy=True) for _ in range(100)) == MAX_COURTESY // len(frame)
    taken = sum(outbox.put(frame) for _ in range(100))
    assert taken <= MAX_WAITING // len(frame)
    assert overflows == 1
    assert not outbox.put("x")
    await outbox.close()


# --- static files ---------------------------------------------------------------------------------------------------


class Answer:
    """What an ASGI application sent."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 0, b"", {}

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = (
                message["status"],
                {key.decode(): value.decode() for key, value in message["headers"]},
            )
        else:
            self.body += message["body"]


async def get(files: StaticFiles, path: str, method: str = "GET", **headers: str) -> Answer:
    answer = Answer()
    sent = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    await files.serve({"method": method, "headers": sent}, answer, path)
    return answer


@pytest.fixture
def dist(tmp_path: Path) -> StaticFiles:
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / ".vite").mkdir()
    (tmp_path / "dist" / ".vite" / "manifest.json").write_text("{}")
    (tmp_path / "dist" / "editor.html").write_text("<p>editor")
    (tmp_path / "dist" / "assets" / "main-abc.js").write_text("let a = 1")
    (tmp_path / "dist" / "assets" / "main-abc.js.br").write_bytes(b"brotli")
    (tmp_path / "secret.txt").write_text("secret")
    os.symlink(tmp_path / "secret.txt", tmp_path / "dist" / "link.txt")
    return StaticFiles(tmp_path / "dist", headers={"X-Content-Type-Options": "nosniff"}, index="editor.html")


async def test_a_hashed_file_is_sent_compressed_and_kept_for_ever(dist: StaticFiles) -> None:
    answer = await get(dist, "assets/main-abc.js", accept_encoding="gzip, br")
    assert (answer.status, answer.body, answer.headers["content-encoding"]) == (200, b"brotli", "br")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_client_without_brotli_gets_the_plain_file(dist: StaticFiles) -> None:
    answer = await get(dist, "assets/main-abc.js", accept_encoding="gzip")
    assert (answer.body, "content-encoding" in answer.headers) == (b"let a = 1", False)


async def test_a_page_is_asked_for_again_and_answered_not_modified(dist: StaticFiles) -> None:
    answer = await get(dist, "")
    assert (answer.body, answer.headers["cache-control"]) == (b"<p>editor", "no-cache")
    again = await get(dist, "editor.html", if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


async def test_a_file_that_is_built_anew_is_served_anew(dist: StaticFiles, tmp_path: Path) -> None:
    await get(dist, "")
    (tmp_path / "dist" / "editor.html").write_text("<p>another editor")
    assert (await get(dist, "")).body == b"<p>another editor"


@pytest.mark.parametrize(
    "path",
    ["link.txt", "../secret.txt", "assets/../../secret.txt", ".vite/manifest.json", "assets", "assets/", "assets/main-abc.js.br",
     "/etc/passwd", "a\0b", "assets\\main-abc.js", "x" * 5000, "assets//main-abc.js", "\ud800"],
)  # fmt: skip
async def test_nothing_else_is_served(dist: StaticFiles, path: str) -> None:
    assert (await get(dist, path, accept_encoding="br")).status == 404


async def test_a_file_takes_GET_and_HEAD_only(dist: StaticFiles) -> None:
    assert (await get(dist, "editor.html", method="POST")).status == 405
    head = await get(dist, "editor.html", method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "9")


# --- drafts ---------------------------------------------------------------------------------------------------------


class CountedDraft(Draft):
    """One that notes when it would have run."""

    def __init__(self) -> None:
        async def describe() -> tuple[str, dict[str, str]]:
            return "w", {}

        super().__init__(1, head=lambda: Head(1, {}), describe=describe, emit=lambda event: None, wait=0.01)
        self.ran: list[float] = []

    def run_now(self) -> None:
        self.ran.append(time.monotonic())


async def test_a_preview_waits_while_the_event_loop_is_behind_and_runs_once_it_is_not() -> None:
    draft = CountedDraft()
    draft.changed()
    time.sleep(3 * BEHIND)  # the loop is held up by others' work
    await asyncio.sleep(BEHIND)
    assert not draft.ran
    async with asyncio.timeout(20):
        while not draft.ran:
            await asyncio.sleep(0.01)


async def test_a_preview_runs_after_a_while_even_where_the_event_loop_stays_behind() -> None:
    draft = CountedDraft()
    draft.changed()
    began = time.monotonic()
    while not draft.ran:
        assert time.monotonic() - began < PATIENCE + 20
        time.sleep(2 * BEHIND)
        await asyncio.sleep(0)
    assert draft.ran[0] - began > PATIENCE / 2

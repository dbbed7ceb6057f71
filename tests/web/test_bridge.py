"""The bridge over a real WebSocket: hello first, batches in order, refusals by name, bounds, and who may."""

from __future__ import annotations

import tests.with_django  # noqa: F401  # isort: skip

import asyncio
import hashlib
import json
import secrets

import pytest

from quickedit.wire.messages import MAX_FRAME
from tests.web.conftest import Person, Server, join


def create(path: str, text: str = "", file: str = "") -> dict[str, str]:
    return {"op": "create", "file": file or secrets.token_hex(8), "path": path, "text": text}


async def test_hello_is_welcomed_with_a_snapshot_to_fetch_and_the_previews_address(owner: Person) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        welcome = editor.welcome
        assert (welcome["worker"], welcome["role"], welcome["last_seq"]) == (name, "owner", 0)
        assert welcome["you"] == {"id": owner.user.pk, "name": owner.user.username}
        assert welcome["snapshot"] == f"/api/v1/workers/{name}/snapshot"
        address = await editor.until("preview.address")
        assert address["origin"].startswith("http://p-")
        assert len(address["origin"].split("//")[1].split(".")[0]) == 28


async def test_a_batch_is_committed_and_everybody_sees_it_the_author_included(owner: Person, mate: Person) -> None:
    name = owner.make()
    join(mate, name, "editor")
    async with owner.editor(name) as one, mate.editor(name) as two:
        base = one.welcome["revision"]
        await one.operate(1, base, create("notes.txt", "hello"))
        seen = [await one.until("committed"), await two.until("committed")]
        assert seen[0] == seen[1]
        assert (seen[0]["revision"], seen[0]["client"], seen[0]["seq"]) == (base + 1, one.client, 1)
        assert seen[0]["by"] == owner.user.pk
        files = owner.ask("GET", f"workers/{name}/snapshot").json()["files"]
        assert {"notes.txt": "hello"}.items() <= {file["path"]: file["text"] for file in files}.items()


async def test_batches_are_committed_in_the_order_they_were_sent(owner: Person) -> None:
    async with owner.editor(owner.make()) as editor:
        base = editor.welcome["revision"]
        for seq in range(1, 9):
            await editor.operate(seq, base, create(f"n{seq}.txt"))
        assert [(await editor.until("committed"))["seq"] for _ in range(8)] == list(range(1, 9))


async def test_a_client_that_comes_back_catches_up_from_its_revision(owner: Person) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        base = editor.welcome["revision"]
        await editor.operate(1, base, create("a.txt"))
        await editor.until("committed")
    async with owner.editor(name, client=editor.client, revision=base) as editor:
        assert editor.welcome["last_seq"] == 1
        assert editor.welcome["snapshot"] is None
        assert [batch["seq"] for batch in editor.welcome["catch_up"]] == [1]


async def test_a_resent_batch_is_answered_again_and_applied_once(owner: Person) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        base = editor.welcome["revision"]
        batch = create("once.txt")
        await editor.operate(1, base, batch)
        first = await editor.until("committed")
    async with owner.editor(name, client=editor.client, revision=first["revision"]) as editor:
        await editor.operate(1, base, batch)
        again = await editor.until("committed")
        assert (again["revision"], again["seq"]) == (first["revision"], 1)
        assert editor.welcome["revision"] == first["revision"]


async def test_a_client_from_the_future_gets_a_snapshot(owner: Person) -> None:
    async with owner.editor(owner.make(), revision=10_000) as editor:
        assert editor.welcome["snapshot"]


@pytest.mark.parametrize(
    ("op", "code"),
    [
        (create("../x.py"), "bad-path"),
        (create("/etc/passwd"), "bad-path"),
        (create("a\\b"), "bad-path"),
        ({"op": "delete", "path": "no-such-file"}, ""),
        ({"op": "edit", "file": "no-such-id", "changes": [1]}, ""),
    ],
)
async def test_a_batch_that_cannot_be_done_is_refused_by_name_and_the_next_one_works(
    owner: Person, op: dict[str, object], code: str
) -> None:
    async with owner.editor(owner.make()) as editor:
        base = editor.welcome["revision"]
        await editor.operate(1, base, op)
        refused = await editor.until("refused")
        assert refused["seq"] == 1
        assert refused["message"]
        if code:
            assert refused["code"].startswith(code)
        await editor.operate(1, base, create("next.txt"))
        assert (await editor.until("committed"))["seq"] == 1


def upload(person: Person, worker: str, ops: list[dict[str, str]]) -> str:
    """A batch as a blob; its digest."""
    content = json.dumps(ops).encode()
    digest = hashlib.sha256(content).hexdigest()
    answer = person.ask("PUT", f"workers/{worker}/blobs/{digest}", content=content)
    assert answer.status_code == 201, answer.text
    return digest


async def test_a_large_batch_travels_as_a_blob_both_ways(owner: Person) -> None:
    name = owner.make()
    text = "line\n" * 100_000
    digest = await asyncio.to_thread(upload, owner, name, [create("large.txt", text)])
    async with owner.editor(name) as editor:
        await editor.send({"t": "op", "seq": 1, "base": editor.welcome["revision"], "blob": digest})
        committed = await editor.until("committed")
        assert committed["ops"] is None
        fetched = await asyncio.to_thread(owner.ask, "GET", f"workers/{name}/blobs/{committed['blob']}")
        assert fetched.json()[0]["text"] == text


@pytest.mark.parametrize(
    "ops",
    [
        [create("big.txt", "x" * (1024 * 1024 + 1))],
        [create(f"n{number}.txt", "") for number in range(513)],
        [create(f"n{number}.txt", "x" * 1024 * 1024) for number in range(11)],
    ],
    ids=["a module over 1 MiB", "over 512 modules", "a worker over 10 MiB"],
)
async def test_a_batch_over_a_limit_is_refused_and_nothing_is_lost(owner: Person, ops: list[dict[str, str]]) -> None:
    name = owner.make()
    digest = await asyncio.to_thread(upload, owner, name, ops)
    async with owner.editor(name) as editor:
        await editor.send({"t": "op", "seq": 1, "base": editor.welcome["revision"], "blob": digest})
        refused = await editor.until("refused")
        assert (refused["seq"], refused["code"]) == (1, "too-large")
        await editor.send({"t": "ping", "n": 1})
        assert (await editor.until("pong"))["revision"] == editor.welcome["revision"]


async def test_a_blob_is_there_for_its_own_worker_only(owner: Person, outsider: Person) -> None:
    one, two, foreign = owner.make(), owner.make(), outsider.make()
    digest = await asyncio.to_thread(upload, owner, one, [create("a.txt")])
    assert owner.ask("GET", f"workers/{two}/blobs/{digest}").status_code == 404
    assert outsider.ask("GET", f"workers/{foreign}/blobs/{digest}").status_code == 404
    assert owner.ask("PUT", f"workers/{one}/blobs/{'0' * 64}", content=b"other").status_code == 400


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "no-such-kind"}, {"t": "op"}, {"t": "op", "seq": "1", "base": 0}, {"t": "ping", "n": 1, "more": 2},
        {"t": 7},
        {}, [], "", "null", "{", "[" * 5000, {"t": "welcome"}, {"t": "op", "seq": 1, "base": 0, "ops": [{"op": "x"}]},
    ],
)  # fmt: skip
async def test_a_frame_that_is_not_understood_is_refused_by_name_and_survived(owner: Person, frame: object) -> None:
    async with owner.editor(owner.make()) as editor:
        await editor.send(frame)
        refused = await editor.until("refused")
        assert refused["seq"] is None
        assert refused["code"] and refused["message"]
        await editor.send({"t": "ping", "n": 5})
        pong = await editor.until("pong")
        assert (pong["n"], pong["revision"]) == (5, editor.welcome["revision"])


async def test_an_unknown_kind_is_named_in_its_refusal(owner: Person) -> None:
    async with owner.editor(owner.make()) as editor:
        await editor.send({"t": "frobnicate"})
        assert "frobnicate" in (await editor.until("refused"))["message"]


async def test_a_client_that_keeps_sending_nonsense_is_closed(owner: Person) -> None:
    async with owner.editor(owner.make()) as editor:
        for _ in range(30):
            await editor.send("nonsense")
        assert await editor.closed() == 4400


async def test_bytes_instead_of_text_are_refused(owner: Person) -> None:
    async with owner.editor(owner.make()) as editor:
        await editor.send(b"\x00\xff")
        assert (await editor.until("refused"))["code"] == "bad-frame"


@pytest.mark.parametrize(
    "frame", [{"t": "ping", "n": 1}, {"t": "op", "seq": 1, "base": 0, "ops": []}, {"t": "preview.run"}]
)
async def test_P3_G1_hello_must_be_first(owner: Person, frame: dict[str, object]) -> None:
    async with owner.bridge(owner.make()) as socket:
        await socket.send(json.dumps(frame))
        goodbye = json.loads(await socket.recv())
        assert (goodbye["t"], goodbye["code"], goodbye["reconnect"]) == ("goodbye", "hello-first", False)
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4400, "hello-first")


async def test_P3_a_second_hello_ends_the_conversation(owner: Person) -> None:
    async with owner.editor(owner.make()) as editor:
        await editor.send({"t": "hello", "protocol": 1, "client": "again"})
        assert await editor.closed() == 4400


async def test_P3_a_page_of_another_protocol_is_told_to_reload(owner: Person) -> None:
    async with owner.bridge(owner.make()) as socket:
        await socket.send(json.dumps({"t": "hello", "protocol": 99, "client": "old"}))
        refused = json.loads(await socket.recv())
        assert (refused["code"], "eload" in refused["hint"]) == ("protocol", True)
        await socket.wait_closed()


async def test_L1_a_frame_of_1_MiB_and_1_closes_with_a_reason_and_the_server_lives(owner: Person) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        await editor.send("x" * (MAX_FRAME + 1))
        assert await editor.closed() in (1009, 4413)
    async with owner.editor(name) as editor:
        assert editor.welcome["revision"] >= 0


async def test_a_frame_of_1_MiB_arrives(owner: Person) -> None:
    async with owner.editor(owner.make()) as editor:
        await editor.send("x" * MAX_FRAME)
        assert (await editor.until("refused"))["seq"] is None


async def test_ctrl_s_with_nothing_dirty_is_no_error(owner: Person) -> None:
    async with owner.editor(owner.make()) as editor:
        await editor.send({"t": "preview.run"})
        await editor.send({"t": "ping", "n": 1})
        await editor.until("pong")
        assert not [frame for frame in editor.seen if frame["t"] == "refused"]


async def test_A1_a_viewer_sees_edits_and_makes_none(owner: Person, mate: Person) -> None:
    name = owner.make()
    join(mate, name, "viewer")
    async with owner.editor(name) as one, mate.editor(name) as two:
        base = one.welcome["revision"]
        await two.operate(1, base, create("mine.txt"))
        refused = await two.until("refused")
        assert (refused["seq"], refused["code"]) == (1, "forbidden")
        await one.operate(1, base, create("yours.txt"))
        assert (await two.until("committed"))["revision"] == base + 1


async def test_without_a_session_the_bridge_says_sign_in(server: Server, owner: Person) -> None:
    name = owner.make()
    async with owner.bridge(name, additional_headers={}) as socket:
        assert json.loads(await socket.recv())["code"] == "not-signed-in"
        await socket.wait_closed()
        assert socket.close_code == 4401


@pytest.mark.parametrize("known", [True, False])
async def test_an_outsiders_bridge_closes_as_for_no_worker(owner: Person, outsider: Person, known: bool) -> None:
    async with outsider.bridge(owner.make() if known else "no-such-worker") as socket:
        assert json.loads(await socket.recv())["code"] == "no-such-worker"
        await socket.wait_closed()
        assert socket.close_code == 4404


async def test_signing_out_closes_this_sessions_sockets_and_no_others(owner: Person, mate: Person) -> None:
    name = owner.make()
    join(mate, name, "editor")
    async with owner.editor(name) as one, mate.editor(name) as two:
        await asyncio.to_thread(owner.browser.post, "/logout", data={"csrfmiddlewaretoken": owner.csrf})
        assert await one.closed() == 4401
        await two.send({"t": "ping", "n": 1})
        await two.until("pong")


async def test_deleting_a_worker_closes_its_sockets(owner: Person) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        await asyncio.to_thread(owner.ask, "DELETE", f"workers/{name}")
        assert await editor.closed() == 4404


async def test_what_was_committed_is_there_after_everybody_left(owner: Person) -> None:
    name = owner.make()
    async with owner.editor(name) as editor:
        await editor.operate(1, editor.welcome["revision"], create("kept.txt", "still here\n"))
        revision = (await editor.until("committed"))["revision"]
    snapshot = owner.ask("GET", f"workers/{name}/snapshot").json()
    assert snapshot["revision"] == revision
    assert "still here\n" in [file["text"] for file in snapshot["files"]]

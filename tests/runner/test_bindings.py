"""Bindings through the real runner: a sandboxed worker's code, the stores behind it, and the layer of its preview."""

from __future__ import annotations

import asyncio
import json
import tempfile
import textwrap
from collections.abc import AsyncIterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from preview.client import Host, Program
from tests.runner.support import Runner, start_runner

CONFIG: dict[str, Any] = {
    "kv_namespaces": [{"binding": "KV", "id": "things"}],
    "d1_databases": [{"binding": "DB", "database_name": "main"}],
    "r2_buckets": [{"binding": "BUCKET", "bucket_name": "files"}],
}


def worker(body: str, config: Mapping[str, Any] = CONFIG) -> dict[str, bytes]:
    """A worker whose ``fetch`` is ``body``; what it returns is sent as JSON."""
    main = (
        "import json\nfrom workers import WorkerEntrypoint, Response, OutsideError\n"
        "class Default(WorkerEntrypoint):\n"
        "    async def fetch(self, request):\n"
        "        return Response.json(await self.work(request))\n"
        "    async def work(self, request):\n"
        "        env = self.env\n" + textwrap.indent(textwrap.dedent(body), "        ")
    )
    return {"main.py": main.encode(), "quickedit.json": json.dumps(config).encode()}


pytestmark = pytest.mark.asyncio(loop_scope="module")
_labels = (f"p-{number}" for number in count(1))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner() -> AsyncIterator[Runner]:
    """One for all tests here: each uses a worker of its own."""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        runner = await start_runner(Path(folder))
        yield runner
        await runner.web.close()
        status = await asyncio.to_thread(runner.process.stop)
        assert status == 0, runner.process.output
        assert "Traceback" not in runner.process.output, runner.process.output


@pytest.fixture
def label() -> str:
    return next(_labels)


async def answer(runner: Runner, path: str, host: str) -> Any:
    reply = await runner.fetch(path, host, headers={"accept": "application/json"})
    assert reply.status == 200, reply.text
    return json.loads(reply.body)


KV = """
await env.KV.put("text", "héllo")
await env.KV.put("json", json.dumps({"a": [1, {"b": None}]}), metadata={"tag": "x"})
await env.KV.put("bytes", b"\\x00\\xff", {"expirationTtl": 60})
await env.KV.put("gone", "x"); await env.KV.delete("gone")
page = await env.KV.list(limit=2)
rest = await env.KV.list({"cursor": page["cursor"]})
with_metadata = await env.KV.getWithMetadata("json", "json")
assert (await env.KV.get("json", type="json")).a[1].b is None
return {
    "text": await env.KV.get("text"), "json": await env.KV.get("json", "json"), "gone": await env.KV.get("gone"),
    "bytes": list(await env.KV.get("bytes", {"type": "arrayBuffer"})), "many": await env.KV.get(["text", "nothing"]),
    "page": [key.name for key in page.keys], "rest": [key["name"] for key in rest["keys"]],
    "complete": [page.list_complete, rest["list_complete"]], "metadata": with_metadata.metadata.to_py(),
    "expires": page["keys"][0].get("expiration") is not None, "value": with_metadata["value"]["a"][0],
}
"""


async def test_kv_answers_as_documented_in_all_its_spellings(runner: Runner, label: str) -> None:
    await runner.preview(worker(KV), label)
    found = await answer(runner, "/", label)
    assert found == {
        "text": "héllo", "json": {"a": [1, {"b": None}]}, "gone": None, "bytes": [0, 255],
        "many": {"text": "héllo", "nothing": None}, "page": ["bytes", "json"], "rest": ["text"], "complete": [False, True],
        "metadata": {"tag": "x"}, "expires": True, "value": 1,
    }  # fmt: skip


D1 = """
await env.DB.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB);\\nINSERT INTO t (name) VALUES ('one');")
inserted = await env.DB.prepare("INSERT INTO t (name, data) VALUES (?, ?)").bind("two", b"\\x01").run()
rows = await env.DB.prepare("SELECT id, name FROM t WHERE id > ? ORDER BY id").bind(0).all()
first, again = await env.DB.batch([env.DB.prepare("SELECT count(*) AS n FROM t"), env.DB.prepare("SELECT data FROM t")])
try:
    await env.DB.prepare("SELEC").all()
except OutsideError as error:
    wrong = str(error)
try:
    await env.DB.prepare("SELECT ?").bind(object()).all()
except TypeError as error:
    kind = str(error)
session = env.DB.withSession()
return {
    "meta": [inserted.success, inserted["meta"]["changes"], inserted.meta.last_row_id],
    "names": [row.name for row in rows.results],
    "first": await env.DB.prepare("SELECT name FROM t").first("name"),
    "none": await env.DB.prepare("SELECT 1 WHERE 0").first(),
    "raw": await env.DB.prepare("SELECT id FROM t").raw(columnNames=True), "n": first.results[0]["n"],
    "blob": again.results[1].data,
    "wrong": wrong, "kind": kind[:13], "session": (await session.prepare("SELECT 1 AS one").first())["one"],
}
"""


async def test_d1_answers_as_documented_in_all_its_spellings(runner: Runner, label: str) -> None:
    await runner.preview(worker(D1), label)
    assert await answer(runner, "/", label) == {
        "meta": [True, 1, 2], "names": ["one", "two"], "first": "one", "none": None, "raw": [["id"], [1], [2]], "n": 2,
        "blob": [1], "wrong": 'D1_ERROR: near "SELEC": syntax error: SQLITE_ERROR', "kind": "D1_TYPE_ERROR", "session": 1,
    }  # fmt: skip


R2 = """
info = await env.BUCKET.put("a/1.txt", "0123456789", httpMetadata={"contentType": "text/plain"}, customMetadata={"by": "me"})
await env.BUCKET.put("a/2.txt", b"x")
await env.BUCKET.put("big", b"ab" * 5_000_000)
big = await env.BUCKET.get("big")
size = 0
async for chunk in big.body:
    size += len(chunk)
part = await env.BUCKET.get("a/1.txt", range={"offset": 2, "length": 3})
stale = await env.BUCKET.get("a/1.txt", onlyIf={"etagMatches": "other"})
listed = await env.BUCKET.list(prefix="a/", limit=1)
folded = await env.BUCKET.list({"delimiter": "/"})
upload = await env.BUCKET.createMultipartUpload("parts")
done = await upload.complete([await upload.uploadPart(1, "one-"), await upload.uploadPart(2, "two")])
await env.BUCKET.delete(["a/2.txt", "nothing"])
body = await env.BUCKET.get("a/1.txt")
return {
    "size": info.size, "http": info["httpMetadata"]["contentType"], "text": await body.text(), "used": body["bodyUsed"],
    "part": await part.text(), "stale": hasattr(stale, "text"), "keys": [each.key for each in listed.objects],
    "truncated": listed["truncated"], "folded": folded["delimitedPrefixes"], "big": size, "etag": big.httpEtag[-3:],
    "gone": await env.BUCKET.head("a/2.txt"), "parts": await (await env.BUCKET.get("parts")).text(),
    "year": info.uploaded.year > 2000,
}
"""


async def test_r2_answers_as_documented_with_ranges_conditions_and_parts(runner: Runner, label: str) -> None:
    await runner.preview(worker(R2), label)
    assert await answer(runner, "/", label) == {
        "size": 10, "http": "text/plain", "text": "0123456789", "used": True, "part": "234", "stale": False, "keys": ["a/1.txt"],
        "truncated": True, "folded": ["a/"], "big": 10_000_000, "etag": '-2"', "gone": None, "parts": "one-two", "year": True,
    }  # fmt: skip


async def test_bodies_stream_from_a_request_into_a_bucket_and_out_into_a_response(runner: Runner, label: str) -> None:
    main = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method == "POST":
            await self.env.BUCKET.put("big", request.body)
            await self.env.KV.put("small", "few words")
            return Response("kept")
        if "small" in request.url:
            return Response(await self.env.KV.get("small", "stream"), headers={"content-length": "9"})
        found = await self.env.BUCKET.get("big")
        return Response(found.body, headers={"content-length": str(found.size)})
"""
    await runner.preview({"main.py": main.encode(), "quickedit.json": json.dumps(CONFIG).encode()}, label)
    body = bytes(range(256)) * 40_000
    assert (await runner.fetch("/", label, method="POST", body=body)).text == "kept"
    assert (await runner.fetch("/small", label)).text == "few words"
    assert (await runner.fetch("/", label)).body == body


async def test_a_preview_never_changes_live_data_and_its_writes_stand_in_the_log_of_the_request(runner: Runner) -> None:
    write = """
    await env.KV.put("k", request.query["to"])
    await env.DB.exec("CREATE TABLE IF NOT EXISTS t (v TEXT); DELETE FROM t")
    await env.DB.prepare("INSERT INTO t VALUES (?)").bind(request.query["to"]).run()
    await env.BUCKET.put("o", request.query["to"])
    return "done"
    """
    read = """
    row = await env.DB.prepare("SELECT v FROM t").first("v")
    return [await env.KV.get("k"), row, await (await env.BUCKET.get("o")).text()]
    """
    both = worker(
        'if "to" in request.query:\n' + textwrap.indent(textwrap.dedent(write), "    ") + textwrap.dedent(read)
    )
    program = await runner.deploy(both, "shop")
    draft = await runner.preview(both, "p-shop")
    key = f"draft:{program.key.partition(':')[2]}"
    shown = Program(key, "shop", draft.digest, draft.revision, None, {})
    runner.hosts["p-shop"] = Host("p-shop", key, True, ""), shown
    await runner.web.put_host(runner.hosts["p-shop"][0])
    await runner.web.run(shown, both)

    assert await answer(runner, "/?to=live", "shop") == "done"
    assert await answer(runner, "/", "p-shop") == ["live"] * 3
    assert await answer(runner, "/?to=draft", "p-shop") == "done"
    assert await answer(runner, "/", "p-shop") == ["draft"] * 3
    assert await answer(runner, "/", "shop") == ["live"] * 3
    event = await runner.log(
        lambda event: event.host == "p-shop" and event.path == "/?to=draft" and event.status == 200
    )
    said = [record.text for record in event.records]
    assert said[0] == "KV KV: put “k”, 5 bytes (in the preview's own data)"
    assert any(text.startswith("D1 DB: INSERT INTO t VALUES (?) (1 rows)") for text in said)
    assert any(text.startswith("R2 BUCKET: put “o”") for text in said)
    live = await runner.log(lambda event: event.host == "shop" and event.path == "/?to=live")
    assert live.records == []


async def test_live_data_outlives_the_runner(tmp_path: Path) -> None:
    modules = worker('n = int(await env.KV.get("n") or 0) + 1\nawait env.KV.put("n", str(n))\nreturn n')
    first = await start_runner(tmp_path)
    await first.deploy(modules)
    assert [await answer(first, "/", "shop") for _ in range(3)] == [1, 2, 3]
    await first.web.close()
    first.process.process.kill()
    second = await start_runner(tmp_path)
    await second.deploy(modules)
    assert await answer(second, "/", "shop") == 4
    await second.web.close()
    second.process.stop()


async def test_s15_a_worker_reaches_no_resource_that_its_configuration_does_not_name(runner: Runner) -> None:
    await runner.deploy(worker('await env.KV.put("secret", "1")\nreturn 1'), "owner")
    assert await answer(runner, "/", "owner") == 1
    steal = """
    from workers import _outside
    said = []
    asked = [("kv", {"binding": "things", "key": "secret"}), ("kv", {"binding": "KV", "key": "secret", "worker": "shop"}),
             ("d1", {"binding": "../shop/live/d1/main", "statements": []}), ("kv", 3), ("nothing", {})]
    for name, args in asked:
        try:
            said.append((await _outside.call(name, "get", args))[0])
        except Exception as error:
            said.append(type(error).__name__)
    return [said, await env.KV.get("secret")]
    """
    await runner.deploy(worker(steal), "thief")
    assert await answer(runner, "/", "thief") == [["OutsideError"] * 5, None]


async def test_a_wrong_argument_is_a_type_error_with_the_line_of_the_worker(runner: Runner, label: str) -> None:
    await runner.preview(worker('await env.KV.put("k", {"a": 1})'), label)
    reply = await runner.fetch("/", label, headers={"accept": "text/plain"})
    assert reply.status == 500
    assert "TypeError: a value must be str or bytes, not dict" in reply.text and "main.py" in reply.text


async def test_a_misspelt_option_is_a_type_error(runner: Runner, label: str) -> None:
    await runner.preview(worker('await env.KV.put("k", "v", expirationTTL=60)'), label)
    reply = await runner.fetch("/", label, headers={"accept": "text/plain"})
    assert "put() has no option 'expirationTTL'" in reply.text

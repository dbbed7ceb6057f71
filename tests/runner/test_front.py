"""The public port: names, limits, headers both ways, error pages, and hostile workers and visitors."""

from __future__ import annotations

import asyncio
import json

import pytest

from preview.client import Refused
from tests.runner.support import Runner, answering, read_reply, worker

ECHO = """
import json
return Response.json({
    "method": request.method, "url": request.url, "headers": dict(request.headers), "body": await request.text(),
})"""


async def test_a_request_arrives_as_it_was_made_and_the_answer_comes_back(runner: Runner) -> None:
    await runner.preview(worker(ECHO))
    reply = await runner.fetch(
        "/a%20b/?x=1&y=%C3%A9", method="PUT", headers={"X-One": "1", "Te": "trailers"}, body=b"data"
    )
    seen = json.loads(reply.text)
    assert (seen["method"], seen["body"]) == ("PUT", "data")
    assert seen["url"] == "http://p-1.localhost/a%20b/?x=1&y=%C3%A9"
    assert seen["headers"]["x-one"] == "1" and "te" not in seen["headers"] and "connection" not in seen["headers"]


async def test_a_chunked_body_arrives_whole_and_its_trailers_are_not_headers(runner: Runner) -> None:
    await runner.preview(worker(ECHO))
    reply = await runner.raw(
        b"POST / HTTP/1.1\r\nHost: p-1.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Admin: yes\r\n\r\n"
    )
    seen = json.loads(reply.text)
    assert seen["body"] == "abcdefg" and "x-admin" not in seen["headers"]


async def test_a_preview_carries_its_revision_and_timing_and_a_deployed_worker_does_not(runner: Runner) -> None:
    program = await runner.preview(answering("x"))
    reply = await runner.fetch()
    assert reply.header("x-quickedit-revision") == str(program.revision)
    assert (reply.header("server-timing") or "").startswith("worker;dur=")
    assert (reply.header("cache-control"), reply.header("referrer-policy")) == ("no-store", "same-origin")
    await runner.deploy(answering("x"))
    reply = await runner.fetch(host="shop")
    assert {name for name, _ in reply.headers} == {"date", "content-type", "content-length", "connection"}


async def test_O13_framing_rules_change_on_a_preview_and_are_left_alone_in_production(runner: Runner) -> None:
    modules = worker("""return Response("x", headers={
        "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
        "Set-Cookie": "a=1; SameSite=Strict"})""")
    await runner.preview(modules)
    await runner.deploy(modules)
    preview, deployed = await runner.fetch(), await runner.fetch(host="shop")
    assert preview.all("content-security-policy") == ["default-src 'self'", "frame-ancestors http://localhost:8000"]
    assert preview.header("x-frame-options") is None
    assert preview.header("set-cookie") == "a=1; SameSite=None; Secure; Partitioned"
    assert deployed.header("x-frame-options") == "DENY"
    assert deployed.header("content-security-policy") == "default-src 'self'; frame-ancestors 'none'"
    assert deployed.header("set-cookie") == "a=1; SameSite=Strict"


async def test_O8_the_control_planes_cookie_does_not_reach_the_worker(runner: Runner) -> None:
    await runner.preview(worker(ECHO))
    reply = await runner.fetch(headers={"Cookie": "mine=1; quickedit=canary; __Host-quickedit=canary"})
    assert "canary" not in reply.text and json.loads(reply.text)["headers"]["cookie"] == "mine=1"


async def test_head_answers_without_a_body_and_the_connection_goes_on(runner: Runner) -> None:
    await runner.preview(answering("hello"))
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(b"HEAD / HTTP/1.1\r\nHost: p-1.localhost\r\n\r\nGET / HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n")
    head = await read_reply(reader, body=False)
    assert (head.status, head.header("content-length")) == (200, "5")
    assert (await read_reply(reader)).text == "hello"
    writer.close()


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_may_have_no_body_has_none(runner: Runner, status: int) -> None:
    await runner.preview(worker(f"return Response(None, status={status})"))
    reply = await runner.fetch()
    assert reply.status == status and reply.header("content-length") is None


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_a_body_over_10_mib_is_refused_before_it_is_read(runner: Runner) -> None:
    await runner.preview(worker(ECHO))
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: p-1.localhost\r\nContent-Length: 10485761\r\n\r\n")
    reply = await read_reply(reader)
    assert reply.status == 413 and "10 MiB" in reply.text
    writer.close()


async def test_a_chunked_body_over_10_mib_is_refused_while_it_comes(runner: Runner) -> None:
    await runner.preview(worker(ECHO))
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: p-1.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for _ in range(12):
        writer.write(chunk)
        await writer.drain()
    assert (await read_reply(reader)).status == 413
    writer.close()


async def test_a_body_of_10_mib_arrives(runner: Runner) -> None:
    await runner.preview(worker("return Response(str(len(await request.bytes())))"))
    assert (await runner.fetch(method="POST", body=b"x" * 10 * 1024 * 1024)).text == "10485760"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\nX: " + b"\xff" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_B4_headers_that_are_too_large_are_refused(runner: Runner, head: bytes) -> None:
    await runner.preview(answering("x"))
    assert (await runner.raw(head)).status == 431
    assert (await runner.fetch()).text == "x"


async def test_B4_a_header_without_end_is_cut_off(runner: Runner) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\nX: ")
    with pytest.raises(ConnectionError):
        for _ in range(10_000):
            writer.write(b"x" * 65536)
            await writer.drain()
            if reader.at_eof():
                raise ConnectionResetError
            await asyncio.sleep(0)
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\nHost: shop.localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : p-1.localhost\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
    ],
)
async def test_B3_an_ambiguous_request_is_refused_and_never_reaches_the_worker(runner: Runner, request_: bytes) -> None:
    await runner.preview(answering("reached"))
    reply = await runner.raw(request_)
    assert reply.status == 400 and "reached" not in reply.text


@pytest.mark.parametrize("host", ["evil.com", "127.0.0.1", "p-1.localhost.evil.com", "a.p-1.localhost"])
async def test_O10_a_foreign_host_is_refused(runner: Runner, host: str) -> None:
    await runner.preview(answering("reached"))
    reply = await runner.raw(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert reply.status == 421 and "reached" not in reply.text


# --- errors ---------------------------------------------------------------------------------------------------------

BOOM = "value = 'can' + 'ary'\nprint('before')\nraise ValueError('boom')"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("*/*", "text/plain; charset=utf-8"),
        (None, "text/plain; charset=utf-8"),
    ],
)
async def test_an_exception_is_shown_in_the_form_that_the_visitor_reads(
    runner: Runner, accept: str | None, kind: str
) -> None:
    await runner.preview(worker(BOOM))
    reply = await runner.fetch("/path?q=1", headers={"Accept": accept} if accept else {})
    assert (reply.status, reply.header("content-type")) == (500, kind)
    assert "ValueError" in reply.text and "boom" in reply.text and "main.py" in reply.text
    if kind == "application/json":
        assert json.loads(reply.text)["error"]["line"] == 6
    event = await runner.log(lambda event: event.status == 500)
    assert (event.method, event.path) == ("GET", "/path?q=1")
    assert [record.text for record in event.records] == ["before", "ValueError: boom"]
    assert (event.records[-1].path, event.records[-1].line) == ("main.py", 6)


async def test_O15_values_appear_only_under_a_private_label(runner: Runner) -> None:
    await runner.preview(worker(BOOM), "p-mine")
    await runner.preview(worker(BOOM), "p-shared", private=False)
    headers = {"Accept": "text/html", "X-Seen": "header-canary"}
    mine, shared = (
        await runner.fetch(host="p-mine", headers=headers),
        await runner.fetch(host="p-shared", headers=headers),
    )
    assert "canary" in mine.text and "header-canary" in mine.text
    assert "canary" not in shared.text and "ValueError" in shared.text


async def test_O15_a_deployed_worker_answers_a_plain_500_and_its_owner_reads_the_rest_in_the_log(
    runner: Runner,
) -> None:
    await runner.deploy(worker(BOOM))
    reply = await runner.fetch(host="shop", headers={"Accept": "text/html", "X-Canary": "x"})
    assert (reply.status, reply.header("content-type")) == (500, "text/plain; charset=utf-8")
    error_id = reply.header("x-quickedit-error") or "none"
    assert error_id in reply.text and "ValueError" not in reply.text and "main.py" not in reply.text
    event = await runner.log(lambda event: event.status == 500)
    assert error_id in event.records[-1].text and "ValueError: boom" in event.records[-1].text
    assert "canary'" not in event.records[-1].text


@pytest.mark.parametrize(
    "body",
    [
        "return Response('x', headers={'X-A': 'a\\r\\nSet-Cookie: evil=1'})",
        "return Response('x', headers={'X-A\\r\\nSet-Cookie': 'evil=1'})",
        "r = Response('x')\nr.status = 99\nreturn r",
        "r = Response('x')\nr.status = 101\nreturn r",
        "return None",
        "return 'text'",
        "return Response(b'x' * (64 << 20))",
        "import os\nos._exit(1)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import sys\nsys.exit()",
        "raise KeyboardInterrupt",
        "import ctypes\nctypes.string_at(0)",
    ],
)
async def test_S16_a_hostile_answer_becomes_an_error_page_and_the_front_lives(runner: Runner, body: str) -> None:
    await runner.preview(worker(f"if 'ok' in request.url: return Response('fine')\n{body}"))
    reply = await runner.fetch()
    assert 500 <= reply.status <= 503 and reply.header("set-cookie") is None
    assert (await runner.fetch("/ok")).text == "fine"


async def test_S16_frames_that_no_worker_may_send_end_the_worker_and_not_the_runner(runner: Runner) -> None:
    await runner.preview(
        worker(
            "if 'ok' in request.url: return Response('fine')\n"
            "import os\n"
            "for fd in range(3, 64):\n"
            "    try: os.write(fd, b'\\xff' * 4096)\n"
            "    except OSError: pass\n"
            "return Response('x')"
        )
    )
    assert (await runner.fetch()).status >= 500
    assert (await runner.fetch("/ok")).text == "fine"


async def test_S5_a_worker_that_prints_for_ever_is_stopped_and_its_log_is_bounded(strict_runner: Runner) -> None:
    runner = strict_runner
    await runner.preview(worker("while True: print('x' * 100)"))
    reply = await runner.fetch()
    assert reply.status >= 500
    assert sum(len(record.text) for event in runner.logs for record in event.records) < 4 << 20


async def test_hop_by_hop_headers_of_a_worker_stay_inside(runner: Runner) -> None:
    await runner.preview(
        worker(
            "return Response('hello', headers={'Connection': 'x', 'Transfer-Encoding': 'chunked', 'Content-Length': '999'})"
        )
    )
    reply = await runner.fetch()
    assert reply.text == "hello" and reply.header("transfer-encoding") is None


async def test_visitors_that_go_away_cost_nothing_that_stays(runner: Runner) -> None:
    await runner.preview(
        worker("if 'slow' in request.url:\n    import asyncio\n    await asyncio.sleep(0.3)\nreturn Response('x')")
    )
    for _ in range(100):
        _, writer = await asyncio.open_connection("127.0.0.1", runner.port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n")
        await writer.drain()
        writer.transport.abort()
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", runner.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: p-1.localhost\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.transport.abort()
    assert (await runner.fetch()).text == "x"


# --- the HTTP tab ---------------------------------------------------------------------------------------------------


async def test_the_http_tab_gets_the_answer_that_a_browser_would(runner: Runner) -> None:
    program = await runner.preview(worker(ECHO))
    answer = await runner.web.request("p-1", "POST", "/x?y=1", [("X-A", "1"), ("Host", "evil")], b"body")
    seen = json.loads(answer.body)
    assert (answer.status, seen["body"], seen["url"]) == (200, "body", "http://p-1.localhost/x?y=1")
    assert ("x-quickedit-revision", str(program.revision)) in answer.headers and answer.ms > 0
    assert (await runner.web.request("p-9", "GET", "/", [], b"")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GE T", "/", []), ("GET", "x", []), ("GET", "/a b", []), ("GET", "/\r\nX: y", []), ("GET", "//é", []),
        ("GET", "/", [("a b", "c")]), ("GET", "/", [("a", "b\r\nc: d")]), ("GET", "/", [("a", "x" * 40_000)]),
    ],
)  # fmt: skip
async def test_B6_a_request_that_http_does_not_allow_is_refused_with_a_sentence(
    runner: Runner, method: str, path: str, headers: list[tuple[str, str]]
) -> None:
    await runner.preview(answering("x"))
    with pytest.raises(Refused) as caught:
        await runner.web.request("p-1", method, path, headers, b"")
    assert caught.value.message

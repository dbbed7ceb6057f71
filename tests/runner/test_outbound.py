"""`fetch()` from a worker in the real sandbox, through the supervisor, to a real server: S17 and its limits."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.runner.servers import Upstream, upstream
from tests.runner.support import Runner, start_runner, worker

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Upstream, Upstream]]:
    with upstream() as one, upstream() as other:
        yield one, other


@pytest.fixture
def server(servers: tuple[Upstream, Upstream]) -> Upstream:
    servers[0].seen.clear()
    return servers[0]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def open_runner(servers: tuple[Upstream, Upstream]) -> AsyncIterator[Runner]:
    """A runner that may reach both servers, and whose own environment names a proxy that nobody may use."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="qe-") as folder:
        for name in names:
            patch.setenv(name, "http://127.0.0.1:1")
        made = await start_runner(Path(folder), "--allow", ",".join(f"127.0.0.1:{each.port}" for each in servers))
    yield made
    await made.web.close()
    await asyncio.to_thread(made.process.stop)


async def run(runner: Runner, body: str) -> Any:
    """What a worker returns whose handler is ``body``, with `fetch` and OutsideError at hand."""
    lines = [
        "from workers import fetch, OutsideError, Request, Headers, FormData",
        "import json, asyncio",
        *body.splitlines(),
    ]
    await runner.preview(worker("\n".join(lines)))
    reply = await runner.fetch()
    assert reply.status == 200, reply.text
    return json.loads(reply.body)


FAILING = """
try:
    await fetch({call})
except OutsideError as error:
    return Response.json([error.code, str(error)])
return Response.json("it was sent")
"""


async def test_a_request_goes_out_with_method_headers_and_body(open_runner: Runner, server: Upstream) -> None:
    got = await run(
        open_runner,
        f"""
answer = await fetch("{server.url}/a%20b?q=é", method="PUT", headers={{"X-Test": "1"}}, body="hällo")
return Response.json([answer.status, answer.ok, answer.url, await answer.json()])
""",
    )
    status, ok, url, seen = got
    assert (status, ok, url) == (200, True, f"{server.url}/a%20b?q=é")
    assert (seen["method"], seen["path"], seen["body"]) == (
        "PUT",
        "/a%20b?q=%C3%A9",
        "hällo".encode().decode("latin-1"),
    )
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["x-test"] == "1" and headers["content-type"].startswith("text/plain")
    assert headers["host"] == f"127.0.0.1:{server.port}"


async def test_a_fetched_response_can_be_returned_as_it_is(open_runner: Runner, server: Upstream) -> None:
    await open_runner.preview(worker(f'from workers import fetch\nreturn await fetch("{server.url}/status?404")'))
    reply = await open_runner.fetch()
    assert (reply.status, reply.text) == (404, "as asked")


async def test_a_request_object_and_an_options_dict_say_the_same(open_runner: Runner, server: Upstream) -> None:
    got = await run(
        open_runner,
        f"""
one = await fetch(Request("{server.url}/", method="POST", body="x"))
two = await fetch("{server.url}/", {{"method": "POST", "body": "x"}})
return Response.json([(await one.json())["body"], (await two.json())["body"]])
""",
    )
    assert got == ["x", "x"]


async def test_gzip_is_unpacked(open_runner: Runner, server: Upstream) -> None:
    got = await run(
        open_runner,
        f'a = await fetch("{server.url}/gzip")\nreturn Response.json([await a.text(), a.headers.get("content-encoding")])',
    )
    assert got == ["squeezed", None]


async def test_redirects_are_followed_shown_or_refused_as_asked(open_runner: Runner, server: Upstream) -> None:
    got = await run(
        open_runner,
        f"""
url = "{server.url}/redirect?302&/there"
followed = await fetch(url, method="POST", body="x", headers={{"authorization": "t"}})
seen = await followed.json()
manual = await fetch(url, redirect="manual")
try:
    await fetch(url, redirect="error")
except OutsideError as error:
    refused = error.code
kept = await (await fetch("{server.url}/redirect?307&/there", method="POST", body="x")).json()
return Response.json([followed.url, followed.redirected, seen["method"], manual.status, manual.headers["location"], refused,
    kept["method"], kept["body"]])
""",
    )
    assert got == [f"{server.url}/there", True, "GET", 302, "/there", "redirect", "POST", "x"]


async def test_credentials_do_not_follow_to_another_origin(
    open_runner: Runner, servers: tuple[Upstream, Upstream]
) -> None:
    one, other = servers
    await run(
        open_runner,
        f"""
headers = {{"authorization": "secret", "cookie": "secret", "x-plain": "1"}}
a = await fetch("{one.url}/redirect?302&{other.url}/", headers=headers)
return Response.json(a.status)
""",
    )
    sent = {name.lower(): value for name, value in other.seen[-1]["headers"].items()}
    assert "authorization" not in sent and "cookie" not in sent and sent["x-plain"] == "1"


async def test_cookies_of_one_answer_are_not_sent_with_the_next_request(open_runner: Runner, server: Upstream) -> None:
    await run(
        open_runner,
        f'await fetch("{server.url}/cookie")\na = await fetch("{server.url}/")\nreturn Response.json(a.status)',
    )
    assert not any(name.lower() == "cookie" for name in server.seen[-1]["headers"])


async def test_S17_nothing_but_the_public_internet_is_reached(open_runner: Runner, server: Upstream) -> None:
    urls = [
        "http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "http://0x7f.1:1/", "http://169.254.169.254/latest/",
        "http://[::ffff:127.0.0.1]:1/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://10.0.0.1/",
        "http://0/", "http://[fd00:ec2::254]/",
    ]  # fmt: skip
    got = await run(
        open_runner,
        f"""
found = await asyncio.gather(*[fetch(url) for url in {urls!r}], return_exceptions=True)
return Response.json([[error.code, str(error)] for error in found])
""",
    )
    assert len(got) == len(urls)
    for url, (code, message) in zip(urls, got, strict=True):
        assert code == "blocked" and "public internet" in message, (url, code, message)


async def test_S17_the_runner_itself_is_closed_even_where_its_address_is_allowed(server: Upstream) -> None:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        runner = await start_runner(Path(folder), "--allow", "127.0.0.0/8", "--own-port", str(server.port))
        try:
            for port in (runner.port, server.port):
                code, message = await run(runner, FAILING.format(call=f'"http://127.0.0.1:{port}/"'))
                assert (code, message) == ("blocked", "A worker cannot reach Quick Edit itself.")
        finally:
            await runner.web.close()
            await asyncio.to_thread(runner.process.stop)


async def test_S17_a_redirect_is_checked_like_the_first_address(open_runner: Runner, server: Upstream) -> None:
    call = f'"{server.url}/redirect?302&http://169.254.169.254/latest/meta-data/"'
    code, _ = await run(open_runner, FAILING.format(call=call))
    assert code == "blocked"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('"ftp://example.com/"', "bad-argument"),
        ('"file:///etc/passwd"', "bad-argument"),
        ('"/relative"', "bad-argument"),
        ('"http://user:password@example.com/"', "bad-argument"),
        ('"http://exa mple.com/"', "network"),
        ('"http://[::1"', "bad-argument"),
        ('"http://example.com:99999/"', "bad-argument"),
        ('"http://127.0.0.1:{port}/", method="GET /x HTTP/1.1\\r\\nX: y"', "bad-argument"),
        ('"http://127.0.0.1:{port}/bomb"', "too-large"),
        ('"http://127.0.0.1:{port}/endless"', "too-large"),
        ('"http://127.0.0.1:{port}/redirect?302&/redirect?302%26/redirect"', None),
    ],
)  # fmt: skip
async def test_bad_requests_and_answers_are_refused_with_a_word(
    open_runner: Runner, server: Upstream, call: str, code: str | None
) -> None:
    got = await run(open_runner, FAILING.format(call=call.replace("{port}", str(server.port))))
    assert code is None or got[0] == code, got


async def test_a_request_may_fetch_fifty_times(open_runner: Runner, server: Upstream) -> None:
    got = await run(
        open_runner,
        f"""
found = await asyncio.gather(*[fetch("{server.url}/") for _ in range(52)], return_exceptions=True)
return Response.json([error.code for error in found if isinstance(error, OutsideError)])
""",
    )
    assert got == ["too-many", "too-many"]


async def test_a_body_over_the_limit_is_refused_before_it_is_sent(open_runner: Runner, server: Upstream) -> None:
    got = await run(
        open_runner,
        f"""
try:
    await fetch("{server.url}/", method="POST", body=bytes(11 << 20))
except ValueError as error:
    return Response.json(str(error))
""",
    )
    assert "limit" in got and not server.seen


async def test_every_subrequest_stands_in_the_log_without_its_query(open_runner: Runner, server: Upstream) -> None:
    await run(open_runner, f'a = await fetch("{server.url}/path?key=secret")\nreturn Response.json(a.status)')
    event = await open_runner.log(lambda event: any("/path?" in record.text for record in event.records))
    (text,) = [record.text for record in event.records if "/path?" in record.text]
    assert text.startswith(f"fetch GET {server.url}/path?… → 200, ") and "secret" not in text

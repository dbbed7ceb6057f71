"""The `workers` package: names and behaviour of Cloudflare's Python API, refusals at the author's line."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from http import HTTPMethod, HTTPStatus
from typing import Any

import pytest

from preview.inside import entry

workers = entry.workers


def request(method: str = "GET", url: str = "http://w.localhost/", body: bytes = b"", **headers: str) -> Any:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return workers.Request._received(method, url, pairs, body)


def test_it_is_imported_as_workers_and_nothing_else_of_ours_becomes_importable() -> None:
    assert sys.modules["workers"] is workers
    assert workers.Response.__module__ == "workers.response"
    assert not any(path.endswith("preview/inside") for path in sys.path)


# --- headers ----------------------------------------------------------------------------------------------------------


def test_header_names_have_no_case_and_several_values_are_joined() -> None:
    headers = workers.Headers([("Accept", "a"), ("ACCEPT", "b"), ("Set-Cookie", "x=1"), ("set-cookie", "y=2")])
    assert headers.get("accept") == headers["aCCept"] == "a, b"
    assert headers.get_all("accept") == ["a, b"] and headers.get_all("nope") == []
    assert headers.get_all("set-cookie") == ["x=1", "y=2"]
    assert headers.getSetCookie() == ["x=1", "y=2"]
    assert headers["set-cookie"] == "x=1"
    assert "ACCEPT" in headers and headers.has("accept")
    assert (headers["nope"], headers.get("nope"), headers.get("nope", "d")) == (None, None, "d")
    assert headers.items()[1] == ("ACCEPT", "b")


def test_setting_replaces_and_appending_adds() -> None:
    headers = workers.Headers({"a": "1"})
    headers.append("A", "2")
    headers["b"] = "3"
    headers.set("a", "4")
    headers.delete("B")
    assert headers.items() == [("a", "4")]
    assert headers == workers.Headers([("A", "4")])


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a\n", "a\x00"])
def test_S16_a_header_name_that_http_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header name"):
        workers.Headers({name: "x"})


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b=c", "a\nb", "a\x00b"])
def test_S16_a_header_value_with_a_line_break_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        workers.Response("", headers={"x": value})


# --- requests ---------------------------------------------------------------------------------------------------------


async def test_a_request_has_the_documented_members() -> None:
    asked = request(
        "POST", "http://w.localhost:8001/a%20b?x=1&x=2&y=%C3%A9", b'{"a": [1]}', content_type="application/json"
    )
    assert asked.method == "POST" and asked.method is HTTPMethod.POST
    assert asked.url == "http://w.localhost:8001/a%20b?x=1&x=2&y=%C3%A9"
    assert asked.headers["Content-Type"] == "application/json"
    assert repr(asked) == "Request(method='POST', url='http://w.localhost:8001/a%20b?x=1&x=2&y=%C3%A9')"
    assert await asked.clone().json() == {"a": [1]}
    assert await asked.clone().text() == '{"a": [1]}'
    assert await asked.clone().bytes() == b'{"a": [1]}'
    assert (await asked.clone().blob()).content_type == "application/json"


def test_path_and_query_are_decoded() -> None:
    asked = request(url="http://w.localhost/a%20b/%C3%A9?x=1&x=2&empty=&y=%C3%A9+z")
    assert asked.path == "/a b/é"
    assert asked.query["x"] == "1" and asked.query.get_all("x") == ["1", "2"]
    assert dict(asked.query) == {"x": "1", "empty": "", "y": "é z"}
    assert asked.query.get("nope", "d") == "d"
    assert len(request(url="http://w.localhost").query) == 0
    assert request(url="http://w.localhost").path == "/"


async def test_a_body_is_read_once() -> None:
    asked = request("POST", body=b"x")
    assert not asked.body_used
    await asked.text()
    assert asked.body_used
    with pytest.raises(OSError, match="Body already used"):
        await asked.json()
    with pytest.raises(OSError, match="before the first read"):
        asked.clone()


async def test_a_request_can_be_made_and_remade() -> None:
    made = workers.Request("http://a/", method="post", body="hi", headers={"x": "1"})
    assert (made.method, made.headers["content-type"]) == ("POST", "text/plain;charset=UTF-8")
    other = workers.Request(made, method="PUT")
    assert (other.url, other.headers["x"], await other.text()) == ("http://a/", "1", "hi")
    with pytest.raises(TypeError, match="GET request cannot have a body"):
        workers.Request("http://a/", body="x")


def test_an_unusual_method_stays_a_text() -> None:
    assert request("PURGE").method == "PURGE"


# --- forms ------------------------------------------------------------------------------------------------------------


async def test_an_urlencoded_form_is_read() -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    form = await request("POST", body=b"name=Zo%C3%AB+A&tag=a&tag=b&empty=", content_type=kind).form_data()
    assert form["name"] == "Zoë A"
    assert form.get_all("tag") == ["a", "b"]
    assert form.get("empty") == "" and form.get("nope") is None
    assert list(form) == ["name", "tag", "tag", "empty"]


async def test_a_multipart_form_survives_the_way_there_and_back() -> None:
    form = workers.FormData({"text": "äöü\r\nline"})
    form.append("file", workers.File(b"\x00--x\r\n\xff", 'a "quoted".bin', "image/png"))
    form.append("file", workers.Blob("plain", "text/plain"), "b.txt")
    response = workers.Response(form)
    read = await response.form_data()
    assert read["text"] == "äöü\r\nline"
    first, second = read.get_all("file")
    assert (first.name, first.content_type, await first.bytes()) == ('a "quoted".bin', "image/png", b"\x00--x\r\n\xff")
    assert (second.name, await second.text(), second.size) == ("b.txt", "plain", 5)


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/json", b"{}", "is not a form"),
        ("multipart/form-data", b"", "names no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n", "no closing boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nvalue\r\n--x--", "names no field"),
        ("multipart/form-data; boundary=x", b"\r\n--x" * 100_000, "more than 10000 fields"),
        ("application/x-www-form-urlencoded", b"a&" * 50_000, "fields"),
    ],
)
async def test_B2_what_is_no_form_is_refused(kind: str, body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        await request("POST", body=body, content_type=kind).form_data()


# --- responses --------------------------------------------------------------------------------------------------------


async def test_a_response_has_the_documented_defaults() -> None:
    plain = workers.Response("hé")
    assert (plain.status, plain.headers.items()) == (200, [("content-type", "text/plain;charset=UTF-8")])
    assert await plain.bytes() == "hé".encode()
    assert workers.Response(b"x").headers.items() == []
    assert workers.Response(None, status=HTTPStatus.NO_CONTENT).status == 204
    html = workers.Response("<p>", headers={"Content-Type": "text/html"})
    assert html.headers.items() == [("Content-Type", "text/html")]
    assert repr(html) == "Response(status=200, status_text='OK', content_type='text/html')"


async def test_json_builds_on_the_class_and_reads_on_the_object() -> None:
    made = workers.Response.json({"ok": True}, status=201, headers={"x": "1"})
    assert (made.status, made.headers["content-type"], made.headers["x"]) == (201, "application/json", "1")
    assert await made.clone().json() == {"ok": True}
    assert workers.Response.json([], headers={"Content-Type": "application/ld+json"}).headers.get_all(
        "content-type"
    ) == ["application/ld+json"]
    with pytest.raises(TypeError, match="not JSON serializable"):
        workers.Response.json(object())


def test_a_redirect_carries_its_address() -> None:
    assert workers.Response.redirect("https://example.org/").headers["location"] == "https://example.org/"
    assert workers.Response.redirect("/done", status=303).status == 303
    with pytest.raises(ValueError, match="is not a redirect"):
        workers.Response.redirect("/", 200)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (({"a": 1},), TypeError, r"Response\.json"),
        ((object(),), TypeError, "must be str, bytes or a generator, not object"),
        (("x", 99), ValueError, "outside 200–599"),
        (("x", 600), ValueError, "outside 200–599"),
        (("x", "200"), TypeError, "status must be an int"),
        (("x", True), TypeError, "status must be an int"),
        (("x", 204), TypeError, "has no body"),
    ],
)
def test_a_response_that_http_cannot_carry_is_refused(arguments: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        workers.Response(*arguments)


def test_half_a_surrogate_pair_in_a_body_does_not_fail_the_response() -> None:
    assert workers.Response("a\ud800b")._content == b"a?b"


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_env_shows_names_only_and_says_what_is_missing() -> None:
    env = workers.Env({"GREETING": "value-canary", "LIMIT": 3})
    assert (env.GREETING, env.LIMIT, "GREETING" in env, sorted(env)) == ("value-canary", 3, True, ["GREETING", "LIMIT"])
    assert repr(env) == "<env: GREETING, LIMIT>"
    assert getattr(env, "NOPE", "d") == "d"
    with pytest.raises(AttributeError, match="env has no variable 'GREETNG'"):
        _ = env.GREETNG


async def test_fetch_while_a_module_is_imported_says_to_do_it_in_a_handler() -> None:
    with pytest.raises(workers.OutsideError, match="do it in a handler"):
        await workers.fetch("https://example.org")
    with pytest.raises(TypeError, match="takes no 'timeout'"):
        await workers.fetch("https://example.org", timeout=3)


def test_what_cloudflare_has_and_we_do_not_is_named() -> None:
    with pytest.raises(ImportError, match="Quick Edit's does not have it yet"):
        exec("from workers import DurableObject")
    with pytest.raises(ImportError, match="cannot import name 'Nope'"):
        exec("from workers import Nope")


async def test_background_work_goes_on_and_its_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()
        raise ValueError("in the background")

    with caplog.at_level(logging.ERROR):
        workers.Context().waitUntil(work())
        await asyncio.wait_for(done.wait(), 5)
        await asyncio.sleep(0)
    assert "a wait_until() task failed" in caplog.text and "in the background" in caplog.text


def test_the_package_is_typed() -> None:
    from pathlib import Path

    assert (Path(workers.__file__ or "").parent / "py.typed").exists()
    json.dumps(sorted(workers.__all__))

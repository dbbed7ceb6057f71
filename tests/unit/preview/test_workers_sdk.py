"""What Cloudflare's own SDK for Python workers does, where a worker can tell: the small conversions and defaults."""

from __future__ import annotations

import importlib.util
from http import HTTPMethod, HTTPStatus
from pathlib import Path
from types import ModuleType

import pytest

from preview.inside import entry

workers = entry.workers


def _shim(name: str) -> ModuleType:
    """A module that only workers can import."""
    path = Path(entry.__file__).parent / "shims" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


js, ffi = _shim("js"), _shim("pyodide/ffi")


def test_values_become_the_text_that_javascript_makes_of_them() -> None:
    headers = workers.Headers({"x-flag": True, "x-off": False, "x-number": 123})
    assert [headers["x-flag"], headers["x-off"], headers["x-number"]] == ["true", "false", "123"]
    form = workers.FormData({"count": 123, "share": 0.5})
    form.append("yes", True)
    assert dict(form) == {"count": "123", "share": "0.5", "yes": "true"}


def test_iterating_a_form_goes_through_every_field() -> None:
    form = workers.FormData({"key": "a"})
    form.append("key", "b")
    form.append("other", "c")
    assert list(form.items()) == [("key", "a"), ("key", "b"), ("other", "c")]
    assert (list(form), list(form.keys()), list(form.values())) == (["key", "key", "other"],) * 2 + (["a", "b", "c"],)
    assert (len(form), form["key"], form.js_object is form) == (3, "a", True)
    form["key"] = "d"
    assert form.items() == [("key", "d"), ("other", "c")], "in the place of the first"
    assert list(form.items()) == list(workers.FormData(form).items())


async def test_a_request_keeps_what_fetch_shall_do_and_says_its_whole_address() -> None:
    made = workers.Request(
        "https://example.com", method=HTTPMethod.POST, body="{}", redirect="manual", cf={"a": {"b": 1}}
    )
    assert repr(made) == "Request(method='POST', url='https://example.com/')"
    assert (made.redirect, made.cf.a.b, made.cf["a"]["b"]) == ("manual", 1, 1)
    for other in (made.clone(), workers.Request(made, headers={"x": "y"})):
        assert (other.redirect, other.cf.a.b, other.method) == ("manual", 1, "POST")
    plain = workers.Request("https://example.com?q=1")
    assert (plain.url, plain.redirect, plain.cf) == ("https://example.com/?q=1", "follow", None)
    assert workers.Request("/only/a/path").url == "/only/a/path"


async def test_a_body_that_was_read_cannot_be_cloned() -> None:
    made = workers.Request("https://example.com/", method="POST", body='{"field": 42}')
    assert (await made.json())["field"] == 42
    with pytest.raises(OSError, match="Body already used"):
        made.clone()


def test_a_response_has_the_phrase_of_its_status_unless_it_has_its_own() -> None:
    assert workers.Response("x").status_text == "OK"
    assert workers.Response(None, HTTPStatus.NO_CONTENT).status_text == "No Content"
    assert workers.Response("x", 201, "Made").status_text == "Made"
    assert repr(workers.Response.json([1])) == "Response(status=200, status_text='OK', content_type='application/json')"
    replaced = workers.Response("x", 404).replace_body("other")
    assert (replaced.status, replaced.status_text) == (404, "Not Found")


def test_what_is_not_json_says_what_it_is() -> None:
    for value in ({1, 2}, object()):
        with pytest.raises(TypeError, match=f"Object of type {type(value).__name__} is not JSON serializable"):
            workers.Response.json(value)


async def test_a_blob_inherits_its_type_from_the_one_that_it_is_made_of_and_from_no_list() -> None:
    json = workers.Blob(["test"], content_type="application/json")
    assert (json.size, json.type, json.js_object.type) == (4, "application/json", "application/json")
    assert workers.Blob(json).content_type == "application/json"
    assert workers.Blob(json, content_type="other/type").content_type == "other/type"
    assert workers.Blob([json]).content_type == ""
    assert await json.slice(1, 3).text() == "es"
    assert await workers.Blob([memoryview(b"foobar")]).text() == "foobar"


async def test_the_classes_of_javascript_make_those_of_python() -> None:
    headers = js.Headers.new()
    headers.append("Accept-Encoding", "deflate")
    headers.append("Accept-Encoding", "gzip")
    assert workers.Request("https://x/", headers=headers).headers.get_all("accept-encoding") == ["deflate, gzip"]
    form = js.FormData.new()
    form.append("n", 7)
    asked = workers.Request(js.Request.new("https://x/", ffi.to_js({"method": "POST", "body": form})))
    assert (await asked.form_data())["n"] == "7"
    blob = js.Blob.new(ffi.to_js(["a", b"b"]), type="text/plain")
    assert isinstance(blob, workers.Blob) and (await blob.text(), blob.content_type) == ("ab", "text/plain")
    file = js.File.new(["c"], "name.txt", ffi.to_js({"type": "text/css"}))
    assert isinstance(file, workers.File) and (file.name, file.content_type) == ("name.txt", "text/css")


def test_env_can_be_patched_for_a_test_and_is_as_it_was_afterwards() -> None:
    entry.prepare({"KEPT": "1", "CHANGED": "2"})
    with pytest.raises(KeyError), workers.patch_env([("CHANGED", "3")], NEW="4"):
        assert (workers.env.KEPT, workers.env.CHANGED, workers.env.NEW) == ("1", "3", "4")
        raise KeyError
    assert (workers.env.CHANGED, hasattr(workers.env, "NEW")) == ("2", False)


def test_values_are_what_they_are_on_both_sides_of_a_binding() -> None:
    value = {"a": [1, None]}
    assert workers.python_to_rpc(value) is value and workers.python_from_rpc(value) is value
    assert isinstance(workers.Response("x"), workers.FetchResponse)

"""How a request reaches a handler: every documented form of it, and a sentence for every mistake."""
# ruff: noqa: E501 - a program a line

from __future__ import annotations

from typing import Any

import pytest

from preview.inside import entry, report
from tests.unit.preview.worker_code import module

HEAD = {"method": "GET", "url": "http://w.localhost/a?b=c", "headers": [["Accept", "*/*"], ["X", "1"], ["x", "2"]]}
IMPORTS = "from workers import Response, WorkerEntrypoint, handler, env\n"


def find(code: str, env: dict[str, Any] | None = None) -> entry.Entry:
    return entry.find_entry(module(IMPORTS + code), env or {})


ANSWERING = {
    "an async method": "class Default(WorkerEntrypoint):\n    async def fetch(self, request):\n        return Response(request.url)",
    "a plain method": "class Default(WorkerEntrypoint):\n    def fetch(self, request):\n        return Response(request.url)",
    "a method with env and ctx": "class Default(WorkerEntrypoint):\n    async def fetch(self, request, env, ctx):\n"
    "        return Response(request.url)",
    "a method without a request": "class Default(WorkerEntrypoint):\n    async def fetch(self):\n        return Response('http://w.localhost/a?b=c')",
    "a decorated method": "import functools\ndef twice(f):\n    @functools.wraps(f)\n    async def inner(*a):\n        return await f(*a)\n"
    "    return inner\nclass Default(WorkerEntrypoint):\n    @twice\n    async def fetch(self, request):\n        return Response(request.url)",
    "a method of a base class": "class Base(WorkerEntrypoint):\n    async def fetch(self, request):\n        return Response(request.url)\n"
    "class Default(Base): pass",
    "on_fetch": "async def on_fetch(request):\n    return Response(request.url)",
    "on_fetch with everything": "@handler\ndef on_fetch(request, env, ctx):\n    return Response(request.url)",
}


@pytest.mark.parametrize("name", ANSWERING)
async def test_a_handler_answers(name: str) -> None:
    assert (await find(ANSWERING[name]).call(HEAD, b""))[::2] == (200, b"http://w.localhost/a?b=c")


async def test_headers_and_body_reach_the_handler_as_they_came() -> None:
    found = find("""
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.json([request.headers.get_all('x'), await request.text(), request.method])
""")
    status, headers, body = await found.call({**HEAD, "method": "POST"}, "é".encode())
    assert (status, headers, body) == (200, [("content-type", "application/json")], b'[["1, 2"], "\\u00e9", "POST"]')


async def test_variables_are_there_in_self_and_at_import() -> None:
    entry.prepare({"GREETING": "hi"})
    made = module(
        IMPORTS + "AT_IMPORT = env.GREETING\nclass Default(WorkerEntrypoint):\n"
        "    def fetch(self, request):\n        return Response(AT_IMPORT + self.env.GREETING)"
    )
    assert (await entry.find_entry(made).call(HEAD, b""))[2] == b"hihi"


async def test_each_request_has_an_object_of_its_own() -> None:
    found = find("""
class Default(WorkerEntrypoint):
    count = 0
    def fetch(self, request):
        self.count += 1
        return Response(str(self.count))
""")
    assert [(await found.call(HEAD, b""))[2] for _ in range(2)] == [b"1", b"1"]


async def test_what_the_handler_raises_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        await find("def on_fetch(request):\n    1 / 0").call(HEAD, b"")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("None", "not None. Did you forget to return it?"),
        ("'text'", "not a str. Write: return Response(…)"),
        ("{'a': 1}", "not a dict. Write: return Response.json(…)"),
        ("3", "not an int."),
        ("Response", "not a type."),
    ],
)
async def test_no_response_is_a_type_error_that_says_what_to_write(result: str, said: str) -> None:
    found = find(f"class Default(WorkerEntrypoint):\n    async def fetch(self, request):\n        return {result}")
    with pytest.raises(TypeError) as caught:
        await found.call(HEAD, b"")
    assert str(caught.value) == f"Default.fetch() must return a Response, {said}"
    frame = report.make(caught.value, locals_=True, request=None)["frames"][-1]
    assert (frame["path"], frame["line"], frame["function"]) == ("main.py", 3, "fetch")


async def test_a_forgotten_await_is_named() -> None:
    found = find("async def other():\n    return Response('')\nasync def on_fetch(request):\n    return other()")
    with pytest.raises(
        TypeError, match=r"on_fetch\(\) must return a Response, not a coroutine. Did you forget an await\?"
    ) as caught:
        await found.call(HEAD, b"")
    del caught


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "main.py has no class Default(WorkerEntrypoint)\n\nAdd one:\n\nfrom workers import"),
        (
            "class Default:\n    def fetch(self, request): ...",
            "class Default in main.py does not derive from WorkerEntrypoint.",
        ),
        (
            "class Default(WorkerEntrypoint):\n    def fetsch(self): ...",
            "class Default in main.py has no method fetch(self, request).",
        ),
        (
            "class Main(WorkerEntrypoint):\n    def fetch(self): ...",
            "The handler of main.py is called Main. Rename the class to Default.",
        ),
        ("Default = 3\non_fetch = None", "main.py has no class Default(WorkerEntrypoint)"),
    ],
)
def test_a_missing_handler_is_said_with_the_line_to_write(code: str, said: str) -> None:
    with pytest.raises(entry.NoEntry) as caught:
        find(code)
    assert str(caught.value).startswith(said)
    made = report.make(caught.value, locals_=False, request=None)
    assert (made["module"], made["frames"][-1]["path"]) == ("workers", "main.py")


EVENT = {"event": "scheduled", "scheduledTime": 1700000000000.0, "cron": "*/5 * * * *"}


@pytest.mark.parametrize("signature", ["self", "self, controller", "self, controller, env, ctx"])
async def test_a_scheduled_handler_of_four_parameters_hears_its_cron(
    signature: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = "controller.cron, controller.scheduledTime" if "controller" in signature else "'nothing'"
    found = find(f"class Default(WorkerEntrypoint):\n    async def scheduled({signature}):\n        print({seen})")
    assert await found.event(EVENT, b"") == (None, None)
    assert capsys.readouterr().out.startswith("*/5 * * * * 1700000000000" if "controller" in signature else "nothing")


async def test_an_event_or_request_that_the_worker_has_no_handler_for_says_so() -> None:
    with pytest.raises(entry.NoEntry, match=r"no Default\.fetch, so it cannot take this request"):
        await find("class Default(WorkerEntrypoint):\n    async def scheduled(self):\n        pass").call(HEAD, b"")
    with pytest.raises(entry.NoEntry, match="no on_scheduled"):
        await find("def on_fetch(request):\n    return Response('x')").event(EVENT, b"")


async def test_a_binding_that_is_not_there_yet_says_so_by_name() -> None:
    entry.prepare({}, [{"kind": "not-yet", "name": "AI", "options": {"section": "ai"}}])
    with pytest.raises(
        NotImplementedError, match=r"env\.AI is declared under “ai”, which Quick Edit does not have yet"
    ):
        entry.workers.env.AI.run("model")


async def test_a_request_knows_nothing_of_cloudflares_network() -> None:
    assert entry.workers.Request("https://example.com/").cf is None

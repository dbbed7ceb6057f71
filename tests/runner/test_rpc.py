"""Methods of one worker that another calls through its service binding, through the real runner."""

from __future__ import annotations

import json
import textwrap

import pytest

from preview.client import LogEvent
from tests.runner.support import SHARED, Runner

pytestmark = SHARED

CALLED = b"""
from datetime import datetime, timezone
import asyncio, os, signal
from workers import Response, WorkerEntrypoint

class Odd(Exception):
    pass

class Admin(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("admin of " + request.path, 203)

    async def rights(self):
        return "all"

class Base(WorkerEntrypoint):
    def inherited(self):
        return "from a base"

class Default(Base):
    helper = len

    async def fetch(self, request):
        return Response("hello")

    async def add(self, a, b=1, *, scale=1):
        await asyncio.sleep(0)
        return (a + b) * scale

    def echo(self, value):
        return value

    @staticmethod
    def static():
        return "static"

    def kinds(self):
        return {1: float("inf"), "set": {1, 2}, "when": datetime(2026, 1, 2, tzinfo=timezone.utc), "bytes": b"\\x00\\xff"}

    async def variable(self):
        return self.env.GREETING

    def fail(self, kind):
        print("about to fail")
        raise {"value": ValueError("not that"), "odd": Odd("mine"), "key": KeyError("k")}[kind]

    def unsendable(self):
        return object()

    def die(self):
        os._exit(1)

    def lie(self, body):
        # answers in the runtime's place, with a frame of its own
        child = signal.getsignal(signal.SIGXCPU).__closure__[0].cell_contents.__self__
        protocol = type(child).run.__globals__["protocol"]
        payload = protocol.join_payload({"status": 200, "headers": []}, body)
        child._outbox.send(protocol.encode(protocol.Kind.RESPONSE, max(child._running), payload))

    def _private(self):
        return "secret"
"""


AGAIN = b"""
    async def again(self):
        try:
            return await self.env.OTHER.again()
        except OutsideError as error:
            return str(error)
"""


def caller(body: str, service: str) -> dict[str, bytes]:
    main = "from workers import OutsideError, RemoteError, Response, WorkerEntrypoint\n\n\nclass Default(WorkerEntrypoint):\n"
    main += "    async def fetch(self, request):\n        other = self.env.OTHER\n"
    main += textwrap.indent(textwrap.dedent(body), "        ")
    config = {"main": "main.py", "services": [{"binding": "OTHER", "service": service}]}
    return {"main.py": main.encode(), "wrangler.jsonc": json.dumps(config).encode()}


CONFIGURED = {"main.py": CALLED, "wrangler.jsonc": b'{"main": "main.py", "vars": {"GREETING": "Salve"}}'}


async def answer(runner: Runner, body: str, name: str, *, allowed: bool = True) -> str:
    """What a worker answers that may call another one, or may not."""
    await runner.deploy(CONFIGURED, "called")
    if allowed:
        runner.calls.add((name, "called"))
    await runner.deploy(caller(body, "called"), name)
    return (await runner.fetch("/", name)).text


async def raised(runner: Runner, call: str, name: str, *, allowed: bool = True) -> str:
    body = f"""
    try:
        await {call}
    except Exception as error:
        return Response(f"{{type(error).__name__}}: {{error}}")
    return Response("nothing was raised")
    """
    return await answer(runner, body, name, allowed=allowed)


async def test_a_method_is_called_with_arguments_and_its_value_comes_back(shared_runner: Runner) -> None:
    body = """
    values = [await other.add(1, 2), await other.add("a", b="b"), await other.add(1, scale=5), await other.inherited()]
    return Response(repr([*values, await other.static(), await other.variable()]))
    """
    assert await answer(shared_runner, body, "adding") == "[3, 'ab', 10, 'from a base', 'static', 'Salve']"


async def test_what_json_lacks_travels_as_well_and_a_tuple_as_a_list(shared_runner: Runner) -> None:
    body = """
    sent = [None, True, 2**80, 1.5, "é\\u2028", b"\\x00", (1, 2), {"$": "bytes", "v": "x"}, {"a": {"b": []}}]
    assert await other.echo(sent) == [list(each) if isinstance(each, tuple) else each for each in sent]
    return Response(repr(await other.kinds()))
    """
    assert await answer(shared_runner, body, "kinds") == (
        "{1: inf, 'set': {1, 2}, 'when': datetime.datetime(2026, 1, 2, 0, 0, tzinfo=datetime.timezone.utc), "
        "'bytes': b'\\x00\\xff'}"
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("other.fail('value')", "ValueError: not that"),
        ("other.fail('key')", "KeyError: 'k'"),
        ("other.fail('odd')", "RemoteError: Odd: mine"),
        ("other.add()", "TypeError: Default.add() missing 1 required positional argument: 'a'"),
        ("other.unsendable()", "TypeError: object cannot travel to another worker"),
        ("other.echo(object())", "TypeError: env.OTHER.echo(): object cannot travel to another worker"),
        ("other.echo('\\ud800')", "ValueError: env.OTHER.echo(): half of a surrogate pair"),
        ("other.missing()", "AttributeError: This worker has no method missing that others can call."),
        ("other.helper('x')", "AttributeError: This worker has no method helper that others can call."),
        ("other.queue(1)", "AttributeError: This worker has no method queue that others can call."),
        ("other.env()", "AttributeError: This worker has no method env that others can call."),
        ("other._private()", "AttributeError: _private"),
        ("other.echo('x' * 20_000_000)", "ValueError: "),
    ],
)
async def test_what_is_raised_there_or_cannot_be_called_is_raised_here(
    shared_runner: Runner, call: str, said: str
) -> None:
    assert (await raised(shared_runner, call, "raising")).startswith(said)


async def test_a_value_that_contains_itself_is_refused_before_it_is_sent(shared_runner: Runner) -> None:
    body = """
    deep = []
    deep.append(deep)
    try:
        await other.echo(deep)
    except ValueError as error:
        return Response(str(error))
    """
    assert "contain themselves" in await answer(shared_runner, body, "circular")


async def test_a_call_stands_in_the_log_of_the_called_with_what_it_printed_and_raised(shared_runner: Runner) -> None:
    await raised(shared_runner, "other.fail('value')", "logged")

    def fits(event: LogEvent) -> bool:
        return event.program == "live:called" and (event.method, event.path) == ("RPC", "fail")

    event = await shared_runner.log(fits)
    texts = "\n".join(record.text for record in event.records)
    assert event.status == 500 and "about to fail" in texts and "ValueError: not that" in texts


async def test_the_caller_of_a_method_that_ends_its_process_hears_so(shared_runner: Runner) -> None:
    assert (await raised(shared_runner, "other.die()", "patient")).startswith("OutsideError: called.die: ")
    assert await answer(shared_runner, "return Response(str(await other.add(1)))", "patient") == "2"


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"value": {"$": "exec", "v": "1"}}',
        b'{"value": {"$": "set", "v": [[]]}}',
        b'{"raised": ["KeyError"]}',
        b'{"raised": ["SystemExit", "x"], "error": {"kind": "no report"}}',
        b'{"raised": 1}',
    ],
    ids=lambda body: body[:40].decode(),
)
async def test_S16_a_called_worker_that_answers_with_frames_of_its_own_harms_nobody(
    shared_runner: Runner, body: bytes
) -> None:
    said = await raised(shared_runner, f"other.lie({body!r})", "lied-to")
    assert said.split(":")[0] in ("OutsideError", "ValueError", "TypeError"), said
    assert await answer(shared_runner, "return Response(str(await other.add(1)))", "lied-to") == "2"


async def test_methods_are_called_by_workers_alone_that_web_says_may(shared_runner: Runner) -> None:
    said = await raised(shared_runner, "other.add(1)", "foreign", allowed=False)
    assert said.startswith("OutsideError: env.OTHER: not everybody who may change this worker may change “called”")
    body = 'return Response(await (await other.fetch("https://x/")).text())'
    assert await answer(shared_runner, body, "visiting", allowed=False) == "hello"


def naming(body: str, entrypoint: str) -> dict[str, bytes]:
    modules = caller(body, "called")
    config = json.loads(modules["wrangler.jsonc"])
    config["services"][0]["entrypoint"] = entrypoint
    return {**modules, "wrangler.jsonc": json.dumps(config).encode()}


async def test_a_binding_can_name_another_entrypoint_for_methods_and_for_fetch(shared_runner: Runner) -> None:
    body = """
    answer = await other.fetch("https://x/secret")
    return Response(f"{await other.rights()} {answer.status} {await answer.text()}")
    """
    await shared_runner.deploy(CONFIGURED, "called")
    shared_runner.calls.add(("naming", "called"))
    await shared_runner.deploy(naming(body, "Admin"), "naming")
    assert (await shared_runner.fetch("/", "naming")).text == "all 203 admin of /secret"
    assert (await shared_runner.fetch("/secret", "called")).text == "hello", "the public address shows Default alone"
    await shared_runner.deploy(naming(body, "Default"), "naming", 2)
    assert (await shared_runner.fetch("/", "naming")).status == 500, "Default has no method rights"


PROPS = b"""from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(repr(self.ctx.props.to_py()))

    async def of_whom(self):
        return f"{self.ctx.props.user} {self.ctx.props['rights']}"
"""


async def test_props_of_a_binding_reach_fetch_and_methods_and_no_visitor_can_say_any(shared_runner: Runner) -> None:
    body = """
    try:
        return Response(f"{await other.of_whom()} {await (await other.fetch('https://x/')).text()}")
    except OutsideError as error:
        return Response(error.code)
    """
    modules = caller(body, "told")
    config = json.loads(modules["wrangler.jsonc"])
    config["services"][0]["props"] = {"user": "Ada", "rights": ["read", 1]}
    modules = {**modules, "wrangler.jsonc": json.dumps(config).encode()}
    await shared_runner.deploy({"main.py": PROPS}, "told")
    shared_runner.calls.add(("telling", "told"))
    await shared_runner.deploy(modules, "telling")
    said = (await shared_runner.fetch("/", "telling")).text
    assert said == "Ada ['read', 1] {'user': 'Ada', 'rights': ['read', 1]}"
    assert (await shared_runner.fetch("/", "told")).text == "{}"
    plain = caller('return Response(await (await other.fetch("https://x/")).text())', "told")
    await shared_runner.deploy(plain, "plain")
    assert (await shared_runner.fetch("/", "plain")).text == "{}"
    await shared_runner.deploy(modules, "impostor")
    assert (await shared_runner.fetch("/", "impostor")).text == "forbidden"
    fetching = caller(body.replace("{await other.of_whom()} ", ""), "told")
    await shared_runner.deploy({**fetching, "wrangler.jsonc": modules["wrangler.jsonc"]}, "impostor", 2)
    assert (await shared_runner.fetch("/", "impostor")).text == "forbidden", "by fetch no more than by methods"


async def test_another_entrypoint_is_reached_by_those_alone_that_may_call_and_has_to_be_one(
    shared_runner: Runner,
) -> None:
    body = """
    try:
        return Response(await (await other.fetch("https://x/")).text())
    except OutsideError as error:
        return Response(error.code)
    """
    await shared_runner.deploy(CONFIGURED, "called")
    await shared_runner.deploy(naming(body, "Admin"), "excluded")
    assert (await shared_runner.fetch("/", "excluded")).text == "forbidden"
    shared_runner.calls.add(("wrong", "called"))
    for version, entrypoint in enumerate(["Odd", "Missing", "os"], 1):
        await shared_runner.deploy(naming(body, entrypoint), "wrong", version)
        assert "Internal server error" in (await shared_runner.fetch("/", "wrong")).text
        said = f"no class {entrypoint}(WorkerEntrypoint)"
        await shared_runner.log(lambda event: any(said in record.text for record in event.records))  # noqa: B023


async def test_workers_that_call_each_other_in_a_circle_are_stopped(shared_runner: Runner) -> None:
    body = "return Response(str(await other.again()))"
    modules = caller(body, "round")
    modules["main.py"] += AGAIN
    shared_runner.calls.add(("round", "round"))
    await shared_runner.deploy(modules, "round")
    assert "do they ask in a circle?" in (await shared_runner.fetch("/", "round")).text

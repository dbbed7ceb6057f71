"""Compiled modules are kept per tenant: made before user code runs, loaded in that tenant's children, planted by nobody."""

from __future__ import annotations

import marshal
import time

import pytest

from preview.outside.children import Answer, Child
from preview.protocol import Kind, encode, pack_modules
from tests.sandbox.support import META, Sandbox, failure

pytestmark = pytest.mark.sandbox

MAIN = b"from workers import Response\nimport words\nasync def on_fetch(request): return Response(words.SAID)"
WORDS = b"SAID = 'the source'"
MODULES = {"main.py": MAIN, "words.py": WORDS, "data.txt": b"x"}


def loaded(sandbox: Sandbox, tenant: str, modules: dict[str, bytes] = MODULES, **meta: object) -> Child:
    return sandbox.do(sandbox.children.load(modules, {**META, **meta}, key=tenant))


def said(sandbox: Sandbox, child: Child) -> bytes:
    answer = sandbox.ask(child)
    assert isinstance(answer, Answer), answer
    sandbox.kill(child)
    return answer.body


def plant(sandbox: Sandbox, tenant: str, source: str) -> None:
    code = marshal.dumps(compile(source, "/worker/words.py", "exec"))
    sandbox.children.codes.put(tenant, MODULES, {"words.py": code})


def test_what_a_tenant_compiled_its_next_child_loads_and_nobody_elses(sandbox: Sandbox) -> None:
    child = loaded(sandbox, "draft:codes")
    assert child.codes.keys() == {"main.py", "words.py"}
    assert said(sandbox, child) == b"the source"
    # From here on the store says something else than the source, to see who believes it.
    plant(sandbox, "draft:codes", "SAID = 'the store'")
    again = loaded(sandbox, "draft:codes")
    assert again.codes == {} and said(sandbox, again) == b"the store"
    for tenant in ("live:codes", "draft:other", ""):
        assert said(sandbox, loaded(sandbox, tenant)) == b"the source"


def test_only_what_changed_is_compiled_again(sandbox: Sandbox) -> None:
    sandbox.kill(loaded(sandbox, "draft:changed"))
    changed = {**MODULES, "words.py": b"SAID = 'new'"}
    child = loaded(sandbox, "draft:changed", changed, changed=["words.py"])
    assert child.codes.keys() == {"words.py"} and said(sandbox, child) == b"new"


def test_a_traceback_from_the_store_shows_the_source_and_the_right_line(sandbox: Sandbox) -> None:
    modules = {"main.py": b"from workers import Response\n\nasync def on_fetch(request):\n    return 1 / 0\n"}
    sandbox.kill(loaded(sandbox, "draft:lines", modules))
    child = loaded(sandbox, "draft:lines", modules)
    frame = failure(sandbox.ask(child))["frames"][-1]
    assert child.codes == {}
    assert (frame["path"], frame["line"]) == ("main.py", 4) and "1 / 0" in str(frame)
    sandbox.kill(child)


def test_a_module_that_does_not_parse_leaves_nothing_in_the_store(sandbox: Sandbox) -> None:
    from preview.outside.children import Unparsed

    before = sandbox.children.codes.size
    with pytest.raises(Unparsed):
        loaded(sandbox, "draft:broken", {**MODULES, "words.py": b"SAID = = 1"})
    assert sandbox.children.codes.size == before


@pytest.mark.parametrize("when", ["at import", "in a request"])
def test_S16_a_worker_cannot_plant_code_for_a_later_run(sandbox: Sandbox, when: str) -> None:
    forged = marshal.dumps(compile("SAID = 'forged'", "/worker/words.py", "exec"))
    frame = encode(Kind.CODE, 0, pack_modules({"words.py": forged}))
    write = f"import os; os.write(3, bytes.fromhex({frame.hex()!r}))"
    main = (
        f"{write}\n".encode() + MAIN
        if when == "at import"
        else MAIN.replace(b": return", f": {write}; return".encode())
    )
    evil = loaded(sandbox, f"draft:{when}", {**MODULES, "main.py": main})
    outcome = sandbox.ask(evil)
    assert not isinstance(outcome, Answer) and evil.codes.keys() == {"main.py", "words.py"}
    assert said(sandbox, loaded(sandbox, f"draft:{when}")) == b"the source"


def test_the_pool_of_spares_follows_a_crowd_and_comes_back(sandbox: Sandbox) -> None:
    children = sandbox.children

    async def crowd() -> list[Child]:
        import asyncio

        return list(await asyncio.gather(*(children.load(MODULES, META) for _ in range(12))))

    for child in sandbox.do(crowd()):
        sandbox.kill(child)
    end = time.monotonic() + 20
    while children.spares <= 2:
        assert time.monotonic() < end, "the pool did not grow"
        time.sleep(0.01)

    async def shrink() -> int:
        now = time.monotonic()
        for step in range(1, 40):
            children.shrink(now + 30 * step)
        return children.spares

    assert sandbox.do(shrink()) <= 4

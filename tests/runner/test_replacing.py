"""Drafts are replaced under load, killed children come back, and a restarted runner finds its way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import tempfile
import time
from pathlib import Path

import pytest

from preview import bundle
from preview.client import Program, Ready, Refused, Unparsed
from tests.processes import descendants
from tests.runner.support import Runner, answering, read_reply, start_runner, worker
from tests.support import wait_until

WITH_ONE_CHILD = 2 + 1 + 3
"""Processes of a runner: launcher and zygote, the child, the spares."""


async def test_no_request_is_refused_while_a_draft_is_replaced_under_load(runner: Runner) -> None:
    await runner.preview(answering("r0"))
    stop = False
    seen: list[tuple[int, str]] = []

    async def visitor() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
        last = -1
        while not stop:
            writer.write(b"GET / HTTP/1.1\r\nHost: p-1.localhost\r\n\r\n")
            reply = await read_reply(reader)
            seen.append((reply.status, reply.text))
            revision = int(reply.text[1:]) if reply.status == 200 else -1
            assert revision >= last, "an older draft answered after a newer one"
            last = revision
        writer.close()

    visitors = [asyncio.create_task(visitor()) for _ in range(16)]
    for number in range(1, 41):
        program = runner.draft(answering(f"r{number}"), "draft:p-1")
        assert isinstance(await runner.web.run(program, runner.bundles[program.digest]), Ready)
        assert (await runner.fetch()).text == f"r{number}"
    stop = True
    await asyncio.gather(*visitors)
    assert {status for status, _ in seen} == {200} and len(seen) > 200
    assert len({text for _, text in seen}) > 10


async def test_a_request_that_began_on_the_old_draft_ends_on_it(runner: Runner) -> None:
    await runner.preview(worker("import asyncio\nawait asyncio.sleep(0.5)\nreturn Response('old')"))
    slow = asyncio.create_task(runner.fetch())
    await asyncio.sleep(0.1)
    program = runner.draft(answering("new"), "draft:p-1")
    await runner.web.run(program, runner.bundles[program.digest])
    assert (await runner.fetch()).text == "new" and not slow.done()
    assert (await slow).text == "old"


async def test_an_idle_superseded_child_is_gone_within_50_ms(runner: Runner) -> None:
    await runner.preview(worker("import os\nreturn Response('x')"))
    wait_until(lambda: len(descendants(runner.process.pid)) >= WITH_ONE_CHILD, "the pool of spares to be full")
    taken = []
    for number in range(5):
        program = runner.draft(answering(f"{number}"), "draft:p-1")
        # Of the processes that live now, one ends: the superseded child.
        there = []
        for pid in descendants(runner.process.pid):
            with contextlib.suppress(ProcessLookupError):
                there.append(os.pidfd_open(pid))
        dead, _, _ = select.select(there, [], [], 0)
        watched = [fd for fd in there if fd not in dead]
        await runner.web.run(program, runner.bundles[program.digest])
        began = time.monotonic()
        ended, _, _ = select.select(watched, [], [], 2)
        taken.append(time.monotonic() - began)
        assert len(ended) == 1
        for fd in there:
            os.close(fd)
    assert sorted(taken)[0] < 0.05, taken  # the best of five: the machine may be busy
    # None of the five is left; the pool may have grown by two.
    wait_until(lambda: len(descendants(runner.process.pid)) <= WITH_ONE_CHILD + 2, "the superseded to be gone")


async def test_a_superseded_run_that_holds_only_a_hung_request_is_killed_at_its_limit(strict_runner: Runner) -> None:
    runner = strict_runner
    await runner.preview(worker("import asyncio\nawait asyncio.Event().wait()"))
    hung = asyncio.create_task(runner.fetch())
    await asyncio.sleep(0.2)
    program = runner.draft(answering("new"), "draft:p-1")
    await runner.web.run(program, runner.bundles[program.digest])
    assert (await runner.fetch()).text == "new"
    began = time.monotonic()
    reply = await hung
    assert reply.status == 503 and time.monotonic() - began < 5


async def test_the_newest_of_two_overlapping_runs_wins(runner: Runner) -> None:
    await runner.preview(answering("first"))
    slow = runner.draft({"main.py": b"import time\ntime.sleep(2)\n" + answering("slow")["main.py"]}, "draft:p-1")
    running = asyncio.create_task(runner.web.run(slow, runner.bundles[slow.digest]))
    await asyncio.sleep(0.2)
    quick = runner.draft(answering("quick"), "draft:p-1")
    began = time.monotonic()
    assert isinstance(await runner.web.run(quick, runner.bundles[quick.digest]), Ready)
    assert time.monotonic() - began < 1
    with pytest.raises(Refused) as caught:
        await running
    assert caught.value.code == "superseded"
    assert (await runner.fetch()).text == "quick"


async def test_a_draft_that_does_not_parse_keeps_the_last_good_page(runner: Runner) -> None:
    good = await runner.preview({**answering("good"), "other.py": b"x = 1\n"})
    bad = runner.draft({**answering("bad"), "other.py": b"x = 1\ny = (\n"}, "draft:p-1")
    outcome = await runner.web.run(bad, runner.bundles[bad.digest])
    assert isinstance(outcome, Unparsed)
    assert (outcome.path, outcome.line, outcome.message) == ("other.py", 2, "'(' was never closed")
    assert outcome.stays
    reply = await runner.fetch()
    assert (reply.text, reply.header("x-quickedit-revision")) == ("good", str(good.revision))
    mended = runner.draft(answering("mended"), "draft:p-1")
    await runner.web.run(mended, runner.bundles[mended.digest])
    reply = await runner.fetch()
    assert (reply.text, reply.header("x-quickedit-revision")) == ("mended", str(mended.revision))


async def test_a_first_draft_that_does_not_parse_shows_the_syntax_error(runner: Runner) -> None:
    await runner.preview(answering("x"), label="p-other")
    program = runner.draft({"main.py": b"def broken(:\n    pass\n"})
    runner.hosts["p-new"] = runner.hosts["p-other"][0].__class__("p-new", program.key, True, ""), program
    await runner.web.put_host(runner.hosts["p-new"][0])
    outcome = await runner.web.run(program, runner.bundles[program.digest])
    assert isinstance(outcome, Unparsed) and not outcome.stays
    reply = await runner.fetch(host="p-new")
    assert reply.status == 500 and "SyntaxError" in reply.text and "def broken(:" in reply.text


async def test_a_child_that_kills_itself_is_replaced_on_the_next_request(runner: Runner) -> None:
    await runner.preview(worker("import os\nif 'die' in request.url: os._exit(3)\nreturn Response('alive')"))
    for _ in range(3):
        assert (await runner.fetch("/die")).status == 500
        assert (await runner.fetch("/")).text == "alive"


async def test_F5_the_zygote_killed_is_back_within_a_second(runner: Runner) -> None:
    await runner.preview(answering("alive"))
    below = Path(f"/proc/{runner.process.pid}/task/{runner.process.pid}/children").read_text().split()
    zygote = int(below[0])
    os.kill(zygote, signal.SIGKILL)
    began = time.monotonic()
    while True:
        reply = await runner.fetch()
        if reply.status == 200:
            break
        assert time.monotonic() - began < 10
    assert reply.text == "alive"
    assert time.monotonic() - began < 1.5, "the zygote took too long"
    # Its end is written to the log, which is not an error of ours.
    runner.process.output = runner.process.output.replace("Traceback", "")


async def test_S1_an_endless_loop_in_a_draft_does_not_keep_the_next_one_waiting(strict_runner: Runner) -> None:
    runner = strict_runner
    await runner.preview(worker("while True: pass"))
    looping = asyncio.create_task(runner.fetch())
    await asyncio.sleep(0.3)
    program = runner.draft(answering("mended"), "draft:p-1")
    await runner.web.run(program, runner.bundles[program.digest])
    assert (await runner.fetch()).text == "mended"
    reply = await looping
    assert reply.status == 503 and "main.py" in reply.text and "while True" in reply.text


async def test_an_import_that_raises_is_shown_with_its_line_and_a_log_record(runner: Runner) -> None:
    await runner.preview({"main.py": b"print('importing')\n1 / 0\n"})
    reply = await runner.fetch()
    assert reply.status == 500 and "ZeroDivisionError" in reply.text and "line 2" in reply.text
    assert await runner.log(lambda event: any(record.text == "importing" for record in event.records))
    assert await runner.log(lambda event: any((record.path, record.line) == ("main.py", 2) for record in event.records))


@pytest.mark.parametrize(
    ("modules", "code", "word"),
    [
        ({"readme.md": b"x"}, "no-main", "main.py"),
        ({"main.py": b"x = 1\n"}, "no-handler", "Default"),
        ({"main.py": b"x = 1\n", "quickedit.json": b'{\n "main": "man.py"\n}'}, "no-main", "main.py"),
        ({"main.py": b"x = 1\n", "quickedit.json": b"{"}, "bad-config", "quickedit.json"),
    ],
)
async def test_a_worker_that_cannot_run_is_refused_with_the_next_step_and_a_page(
    runner: Runner, modules: dict[str, bytes], code: str, word: str
) -> None:
    await runner.preview(answering("good"))
    program = runner.draft(modules, "draft:p-1")
    with pytest.raises(Refused) as caught:
        await runner.web.run(program, modules)
    assert caught.value.code == code and word in caught.value.message + caught.value.hint
    reply = await runner.fetch(headers={"Accept": "text/html"})
    assert reply.status == 500 and word in reply.text and reply.header("content-type") == "text/html; charset=utf-8"
    mended = runner.draft(answering("mended"), "draft:p-1")
    await runner.web.run(mended, runner.bundles[mended.digest])
    assert (await runner.fetch()).text == "mended"


async def test_bundles_that_are_not_what_they_claim_are_refused(runner: Runner) -> None:
    with pytest.raises(Refused) as caught:
        await runner.web.run(Program("draft:9", "w", "0" * 64, 1, None, {}), answering("x"))
    assert caught.value.code == "bad-digest"
    for modules in (
        {"../up.py": b""},
        {"main.py": b"x" * (bundle.MAX_MODULE + 1)},
        {f"m{n}.py": b"" for n in range(513)},
    ):
        with pytest.raises(Refused) as caught:
            await runner.web.run(runner.draft(modules), modules)
        assert caught.value.code == "bad-bundle"


async def test_variables_of_the_worker_and_of_its_configuration_reach_env(runner: Runner) -> None:
    modules = worker("return Response.json([self.env.A, self.env.B])")
    modules["quickedit.json"] = b'{"variables": {"A": "file", "B": "file"}}'
    await runner.preview(modules)
    program = runner.draft(modules, "draft:p-1", B="settings")
    await runner.web.run(program, modules)
    assert (await runner.fetch()).text.replace(" ", "") == '["file","settings"]'


async def test_after_a_restart_of_the_runner_deployed_workers_and_previews_answer_again() -> None:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        runner = await start_runner(Path(folder))
        await runner.deploy(answering("deployed"))
        await runner.preview(answering("draft"))
        runner.process.process.kill()
        await asyncio.to_thread(runner.process.process.wait)
        again = await start_runner(Path(folder), port=runner.port)
        await again.web.close()  # the web of before is the one that answers
        try:
            replies = await asyncio.gather(
                *(runner.fetch(host="shop") for _ in range(8)), *(runner.fetch(host="p-1") for _ in range(8))
            )
            assert [reply.text for reply in replies] == ["deployed"] * 8 + ["draft"] * 8
            assert runner.resolved.count("shop") <= 2 and (await runner.web.health()).tier
        finally:
            await runner.web.close()
            await asyncio.to_thread(again.process.stop)


async def test_an_unknown_name_is_404_and_is_found_once_web_knows_it(runner: Runner) -> None:
    reply = await runner.fetch(host="later", headers={"Accept": "text/html"})
    assert reply.status == 404 and "No worker answers here" in reply.text
    await runner.deploy(answering("here now"), name="later")
    assert (await runner.fetch(host="later")).text == "here now"


async def test_O3_a_dropped_label_is_gone_at_once_for_good(runner: Runner) -> None:
    await runner.preview(answering("secret"))
    assert (await runner.fetch()).text == "secret"
    del runner.hosts["p-1"]
    await runner.web.drop_host("p-1")
    assert (await runner.fetch()).status == 404


async def test_O3_a_label_dropped_while_the_runner_could_not_hear_it_is_gone_after_the_reconnection(
    runner: Runner,
) -> None:
    await runner.preview(answering("secret"))
    del runner.hosts["p-1"]
    await runner.web.close()
    await runner.web.start()
    await runner.web.health()
    assert (await runner.fetch()).status == 404


async def test_a_dropped_program_stops_and_comes_back_only_through_web(runner: Runner) -> None:
    program = await runner.deploy(answering("one"))
    await runner.web.drop_program(program.key)
    del runner.hosts["shop"]
    assert (await runner.fetch(host="shop")).status == 404


async def test_a_second_runner_on_the_same_socket_is_refused_and_the_first_lives(runner: Runner) -> None:
    with pytest.raises(AssertionError, match="Another runner listens"):
        await start_runner(runner.socket.parent.parent)
    assert (await runner.web.health()).tier


async def test_a_port_in_use_is_a_clear_message(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"Port {runner.port} on 127.0.0.1 is in use"):
        await start_runner(tmp_path, port=runner.port)


async def test_the_control_socket_is_private(runner: Runner) -> None:
    assert runner.socket.parent.stat().st_mode & 0o777 == 0o700
    assert runner.socket.stat().st_mode & 0o777 == 0o600

"""The two workers to start from, in the real sandbox: what a new user sees first must work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from preview import bundle
from preview.outside.children import Answer, Child
from tests.sandbox.support import Logs, Sandbox, failure, line_of

TEMPLATES = Path(__file__).parents[2] / "quickedit" / "workers" / "templates_data"
FORM = [["content-type", "application/x-www-form-urlencoded"]]


def modules(template: str) -> dict[str, bytes]:
    folder = TEMPLATES / template
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def started(sandbox: Sandbox, template: str, **changed: bytes) -> Child:
    files = modules(template) | {f"{name}.py": content for name, content in changed.items()}
    bundle.check_modules(files)
    config = bundle.read_config(files)
    child = sandbox.load(files, main=config.main_module, root=config.root)
    assert child.load_failure is None
    return child


def get(sandbox: Sandbox, child: Child, path: str) -> Answer:
    answer = sandbox.ask(child, url=f"http://w.localhost:8001{path}")
    assert isinstance(answer, Answer), answer
    return answer


def post(sandbox: Sandbox, child: Child, path: str, body: bytes) -> Answer:
    head = {"method": "POST", "url": f"http://w.localhost:8001{path}", "headers": FORM, "private": True}
    answer = sandbox.do(child.request(head, body, Logs().add))
    assert isinstance(answer, Answer), answer
    return answer


def test_hello_greets_in_a_page_and_in_json(sandbox: Sandbox) -> None:
    child = started(sandbox, "hello")
    for path, said in (
        ("/", "<h1>Hello, world!</h1>"),
        ("/?name=Ada+L", "<h1>Hello, Ada L!</h1>"),
        ("/hello/Zo%C3%AB", "<h1>Hello, Zoë!</h1>"),
        ("/hello/%3Cb%3E", "<h1>Hello, &lt;b&gt;!</h1>"),
    ):
        answer = get(sandbox, child, path)
        assert (answer.status, dict(answer.headers)["content-type"]) == (200, "text/html;charset=utf-8")
        assert said in answer.body.decode()
    assert json.loads(get(sandbox, child, "/api?name=Ada").body) == {"greeting": "Hello, Ada!"}
    assert get(sandbox, child, "/elsewhere").status == 404


def test_a_mistake_in_greeting_is_found_where_it_is(sandbox: Sandbox) -> None:
    broken = modules("hello")["greeting.py"].replace(b"name.strip()", b"name.stripp()")
    report = failure(sandbox.ask(started(sandbox, "hello", greeting=broken)))
    assert (report["type"], line_of(report)) == ("AttributeError", ("greeting.py", 6))
    assert report["hint"]["suggest"] == "strip"
    assert [frame["path"] for frame in report["frames"]] == ["main.py", "greeting.py"]


def test_the_html_page_takes_a_reply_and_redirects(sandbox: Sandbox) -> None:
    child = started(sandbox, "html-page")
    page = get(sandbox, child, "/").body.decode()
    assert "<h1>Come to the garden party!</h1>" in page
    assert '<form method="post" action="/reply">' in page
    answer = post(sandbox, child, "/reply", b"name=Zo%C3%AB+%3CA%3E&guests=3")
    location = urlsplit(dict(answer.headers)["location"])
    assert (answer.status, location.netloc) == (303, "w.localhost:8001")
    thanks = get(sandbox, child, f"{location.path}?{location.query}").body.decode()
    assert "See you there, Zoë &lt;A&gt;!" in thanks and "3 chairs" in thanks
    style = get(sandbox, child, "/style.css")
    assert dict(style.headers)["content-type"] == "text/css;charset=utf-8"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"name=+&guests=2", "Please tell us your name."),
        (b"name=A&guests=9", "There is room for 1 to 8 of you."),
        (b"name=A&guests=-1", "There is room for 1 to 8 of you."),
        (b"name=A&guests=two", "There is room for 1 to 8 of you."),
    ],
)
def test_a_reply_that_cannot_be_is_answered_in_the_page(sandbox: Sandbox, body: bytes, said: str) -> None:
    answer = post(sandbox, started(sandbox, "html-page"), "/reply", body)
    assert answer.status == 400
    assert said in answer.body.decode()


def test_a_misspelt_module_of_the_worker_is_suggested(sandbox: Sandbox) -> None:
    child = sandbox.load({"src/main.py": "import greting\n", "src/greeting.py": ""}, root="src")
    assert child.load_failure is not None
    assert child.load_failure["hint"]["suggest"] == "greeting"
    assert [frame["path"] for frame in child.load_failure["frames"]] == ["src/main.py"]


def test_templates_are_formatted_as_their_readers_should() -> None:
    for command in (["format", "--check"], ["check", "--select", "E,F,I,UP,B,SIM"]):
        arguments = [
            sys.executable,
            "-m",
            "ruff",
            *command,
            "--isolated",
            "--no-cache",
            "--line-length",
            "120",
            str(TEMPLATES),
        ]
        outcome = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert outcome.returncode == 0, outcome.stdout

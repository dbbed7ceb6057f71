"""The report of an exception: exact places, hints, values without secrets."""
# ruff: noqa: E501 - a program a line

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from preview.inside import entry, frames, report, values
from tests.unit.preview.worker_code import keep, raised, source


@pytest.fixture(autouse=True)
def no_hidden_values() -> Iterator[None]:
    yield
    values.hide([])


def made(code: str, *, locals_: bool = True) -> dict[str, Any]:
    return report.make(raised(code), locals_=locals_, request=None)


def shown(code: str) -> dict[str, str]:
    """The locals of the innermost frame, by name."""
    return {name: value for name, _, value in made(code)["frames"][-1]["locals"]}


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_frame_names_the_file_the_line_and_the_exact_expression() -> None:
    keep("shop/prices.py", "x = 1\n")
    frame = made("""
        class Order:
            def total(self):
                return 3 + self.lines

        print(Order().total())
    """)["frames"][-1]
    assert (frame["path"], frame["abs"], frame["user"]) == ("main.py", "/worker/main.py", True)
    assert (frame["line"], frame["end_line"], frame["function"]) == (3, 3, "total")
    assert frame["qualname"] == "Order.total"
    assert (
        frame["source"]["lines"][frame["line"] - frame["source"]["first"]][frame["col"] : frame["end_col"]]
        == "self.lines"
    )


def test_the_source_shown_is_that_of_the_function_that_ran() -> None:
    lines = [
        "def f():",
        *("    x = 1" for _ in range(20)),
        "    1 / 0",
        *("    y = 2" for _ in range(20)),
        "",
        "def g(): ...",
    ]
    frame = made("\n".join(lines) + "\nf()")["frames"][-1]
    assert frame["source"] == {"first": 16, "lines": ["    x = 1"] * 6 + ["    1 / 0"] + ["    y = 2"] * 4}
    short = made("unrelated = 1\n\n\ndef f(a):\n    return 1 / a\n\n\nafter = f(0)")["frames"][-1]
    assert short["source"] == {"first": 4, "lines": ["def f(a):", "    return 1 / a"]}


def test_frames_of_the_runtime_itself_are_left_out() -> None:
    frames = made(f"import {entry.workers.__name__}\nworkers.Response(3)")["frames"]
    assert [frame["abs"] for frame in frames] == ["/worker/main.py", "workers/response.py", "workers/body.py"]
    assert [frame["user"] for frame in frames] == [True, False, False]


def test_a_syntax_error_says_where_and_shows_the_lines() -> None:
    keep("broken.py", "a = 1\nb = (2,\nc = 3\n")
    syntax = made("compile('a = 1\\nb = (2,\\nc = 3\\n', '/worker/broken.py', 'exec')")["syntax"]
    assert (syntax["path"], syntax["line"], syntax["col"]) == ("broken.py", 2, 4)
    assert syntax["source"] == {"first": 1, "lines": ["a = 1", "b = (2,", "c = 3"]}


def test_causes_contexts_groups_and_notes_are_all_there() -> None:
    report_ = made("""
        def run():
            try:
                try:
                    {}['a']
                except KeyError as error:
                    raise ValueError('b') from error
            except ValueError as error:
                error.add_note('a note')
                raise ExceptionGroup('c', [error, OSError('d')])
    """)
    assert [each["type"] for each in report_["group"]] == ["ValueError", "OSError"]
    assert report_["context"] is None  # it is the group's first member
    assert report_["group"][0]["notes"] == ["a note"]
    assert report_["group"][0]["cause"]["type"] == "KeyError"


# --- hints ------------------------------------------------------------------------------------------------------------

HINTS = {
    "greeting = 1\nprint(greting)": ("greeting", ""),
    "print(jsn)\nimport json": ("", ""),
    "print(json)": ("import json", "The module is in the standard library, and this file does not import it."),
    "import math\nmath.sqroot(1)": ("sqrt", ""),
    "'a'.uper()": ("upper", "`str` has it: a class attribute."),
    "class A:\n    def size(self): ...\nA().sise()": ("size", "`A` has it: a method in"),
    "class A:\n    def __init__(self): self.total = 1\na = A()\na.totl": ("total", "`A` has it: an attribute."),
    "from dataclasses import dataclass\n@dataclass\nclass A:\n    number: int\nA(1).nummer": ("number", "`A` has it: a field."),
    "class A:\n    def __init__(self): self.size = 1\n    def f(self): return size\nA().f()": ("self.size", ""),
    "def f(): ...\nf().x": ("", "`f()` is None here."),
    "async def f(): ...\nc = f()\ntry:\n    c.x\nfinally:\n    c.close()": ("", "This is a coroutine that was not awaited. Write `await` before the call."),
    "async def f(): ...\nc = f()\ntry:\n    c['x']\nfinally:\n    c.close()": ("", "This is a coroutine that was not awaited. Write `await` before the call."),
    "x = 1\ndef f():\n    print(x)\n    x = 2\nf()": ("", "`x` is set elsewhere in this function, so it is a local name, and has no value yet here."),
    "from json import lods": ("loads", ""),
    "import jsonn": ("json", ""),
    "import requests_does_not_exist": ("", "A worker can import its own modules, the standard library, `workers`, and what its requirements.txt asks for."),
    "coupons = {'SPRING': 1, 'SUMMER': 2}\ncoupons['SPRNG']": ("SPRING", "`coupons` holds `'SPRING'` and `'SUMMER'`."),
    "d = {}\nd[3]": ("", "`d` is empty."),
    "rows = [1, 2]\nrows[2]": ("", "`rows` has 2 items, the last at 1."),
}  # fmt: skip


@pytest.mark.parametrize("code", HINTS)
def test_the_hint_says_what_was_meant(code: str) -> None:
    hint = made(code)["hint"]
    suggest, text = HINTS[code]
    if not suggest and not text:
        assert hint is None or hint["suggest"]
        return
    assert (hint["suggest"], hint["text"]) == (suggest, text)


def test_a_hint_points_at_the_line_where_the_name_is_defined() -> None:
    hint = made("class A:\n    x = 1\n\n    @property\n    def total(self): ...\n\nA().totl")["hint"]
    assert (hint["path"], hint["line"]) == ("main.py", 4)


def test_O15_a_hint_drawn_from_values_is_for_private_labels_only() -> None:
    code = "coupons = {'HIDDEN-CODE': 1}\ncoupons['x']"
    assert made(code, locals_=True)["hint"]["private"]
    assert "HIDDEN-CODE" not in json.dumps(made(code, locals_=False)["hint"])


def test_a_hint_runs_no_code_of_the_worker() -> None:
    code = """
        calls = []

        class A:
            def __getattr__(self, name):
                calls.append(name)
                raise AttributeError(name, name=name, obj=self)
            def __dir__(self):
                calls.append('dir')
            @property
            def total(self):
                calls.append('total')

        def run():
            A().totl
    """
    error = raised(code)
    calls = error.__traceback__.tb_frame.f_globals["calls"]  # type: ignore[union-attr]
    assert calls == ["totl"]
    assert report.make(error, locals_=False, request=None)["hint"]["suggest"] == "total"
    assert calls == ["totl"]


# --- values -----------------------------------------------------------------------------------------------------------


def test_locals_are_shown_as_repr_would_but_bounded() -> None:
    assert shown("""
        from collections import OrderedDict, defaultdict
        from dataclasses import dataclass
        from typing import NamedTuple

        @dataclass
        class Point:
            x: int
            label: str

        class Plain:
            pass

        class Pair(NamedTuple):
            x: int
            password: str

        def run():
            pair = Pair(1, 'p')
            numbers = list(range(1000))
            one = (1,)
            empty = set()
            text = 'a' * 5000
            huge = 10 ** 10_000
            point = Point(1, 'p')
            plain = Plain()
            nested = [[[[[1]]]]]
            ordered = OrderedDict(a=1)
            raw = b'abc'
            nothing = None
            1 / 0
    """) == {
        "pair": "Pair(x=1, password=‹hidden›)",
        "numbers": "[0, 1, 2, 3, 4, 5, 6, 7, … 992 more]",
        "one": "(1,)",
        "empty": "set()",
        "text": values.Shower(300, 1).show("a" * 5000),
        "huge": "<int of 33,220 bits>",
        "point": "Point(x=1, label='p')",
        "plain": "<main.Plain>",
        "nested": "[[[list of 1]]]",
        "ordered": "OrderedDict({'a': 1})",
        "raw": "b'abc'",
        "nothing": "None",
    }


def test_a_truncated_value_says_so() -> None:
    assert "5,000 characters" in values.Shower(300, 1).show("a" * 5000)
    assert values.Shower(300, 1).show("a" * 200) == repr("a" * 200)


def test_O15_no_locals_unless_asked_for() -> None:
    assert all(frame["locals"] == [] for frame in made("secretish = 'value-4711'\n1 / 0", locals_=False)["frames"])


def test_library_frames_have_no_locals() -> None:
    frames = made("import json\njson.loads('{bad: 1}')")["frames"]
    assert [bool(frame["locals"]) for frame in frames if not frame["user"]] == [False, False, False]


@pytest.mark.parametrize(
    "assignment",
    [
        "password = 'hunter2-canary'",
        "db_password = ['hunter2-canary']",
        "api_key = 'hunter2-canary'",
        "token = b'hunter2-canary'",
        "settings = {'auth': {'client_secret': 'hunter2-canary'}}",
        "headers = {'Authorization': 'Bearer hunter2-canary', 'Cookie': 'hunter2-canary'}",
        "url = 'https://example.org/?access_token=hunter2-canary&x=1'",
        "line = 'password=hunter2-canary; user=x'",
        'text = \'{"password": "hunter2-canary"}\'',
        "from dataclasses import dataclass\n"
        "@dataclass\nclass User:\n    name: str\n    password: str\nuser = User('a', 'hunter2-canary')",
        "class Login:\n    def __repr__(self): return \"Login(name='a', password='hunter2-canary')\"\nlogin = Login()",
        "from workers import Env\nenv = Env({'TOKEN': 'hunter2-canary'})",
    ],
)
def test_K6_values_that_go_by_a_secret_name_are_hidden(assignment: str) -> None:
    # The source line itself is the author's own; the value must not be in locals or message.
    code = assignment.replace("hunter2-canary", "hunter2-' + 'canary")
    made_ = made(code.replace("b'hunter2-' + 'canary'", "b'hunter2-' + b'canary'") + "\n1 / 0")
    assert "hunter2-canary" not in json.dumps([frame["locals"] for frame in made_["frames"]])


def test_what_is_not_set_is_not_hidden() -> None:
    assert shown("token = None\npassword = ''\ncookies = []\n1 / 0") == {
        "token": "None",
        "password": "''",
        "cookies": "[]",
    }


def test_K1_a_registered_secret_is_nowhere_in_a_report() -> None:
    secret = "s3cr3t/value+with=signs"
    values.hide([secret, "abc"])
    encoded = base64.b64encode(secret.encode()).decode()
    code = f"""
        innocent = {secret!r}
        also = {quote(secret)!r}
        third = {encoded!r}

        def run():
            raise ValueError('cannot log in with ' + innocent + ' abc', third)
    """
    text = json.dumps(made(code), ensure_ascii=False)
    for form in (secret, quote(secret, safe=""), quote(secret), encoded.rstrip("=")):
        assert form not in text
    assert "abc" in text  # too short to hide: it would blank half of the page


def test_the_message_hides_what_looks_like_a_credential() -> None:
    assert (
        made("raise ValueError('GET /?token=abc123&page=2 failed')")["message"] == "GET /?token=‹hidden›&page=2 failed"
    )


def test_the_request_is_named_without_its_secrets() -> None:
    head = {"method": "POST", "url": "http://w.localhost/?token=abc&page=2", "headers": [["cookie", "a=b"]]}
    asked = report.make(raised("1 / 0"), locals_=True, request=head)["request"]
    assert asked == {"method": "POST", "url": "http://w.localhost/?token=‹hidden›&page=2"}


def test_an_error_of_the_runtime_points_at_the_handler() -> None:
    error = raised(source("raise TypeError('no Response')"))
    error._quickedit_at = (keep("late.py", "a\nb\ndef fetch():\n    pass\n"), 3, "Default.fetch")  # type: ignore[attr-defined]
    frame = report.make(error, locals_=False, request=None)["frames"][-1]
    assert (frame["path"], frame["line"], frame["function"], frame["qualname"]) == (
        "late.py",
        3,
        "fetch",
        "Default.fetch",
    )
    assert frame["source"] == {"first": 2, "lines": ["b", "def fetch():", "    pass"]}


def test_a_folder_of_the_workers_own_is_never_taken_for_one_of_packages() -> None:
    assert frames.shown_filename(f"/worker/{'a' * 40}/shop.py") == f"/worker/{'a' * 40}/shop.py"
    assert frames.shown_filename(f"/environments/{'a' * 40}/greeting/words.py") == "greeting/words.py"

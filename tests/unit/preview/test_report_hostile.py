"""Reports of exceptions whose objects fight back: nothing of theirs breaks a report, hides a neighbour or outgrows a frame."""
# ruff: noqa: E501 - a program a line

from __future__ import annotations

import json

import pytest

from preview import protocol
from preview.inside import report
from tests.unit.preview.test_report import made, shown
from tests.unit.preview.worker_code import raised

HOSTILE = {
    "a repr that raises": "class A:\n    def __repr__(self): raise RuntimeError\na = A()\n1 / 0",
    "a repr that exits": "class A:\n    def __repr__(self): raise SystemExit(1)\na = A()\n1 / 0",
    "a repr that recurses": "class A:\n    def __repr__(self): return repr(self)\na = A()\n1 / 0",
    "a repr of 100 MB": "class A:\n    def __repr__(self): return 'x' * 100_000_000\na = A()\n1 / 0",
    "a repr that is no str": "class A:\n    def __repr__(self): return 3\na = A()\n1 / 0",
    "a __class__ that raises": "class A:\n    @property\n    def __class__(self): raise KeyboardInterrupt\na = A()\n1 / 0",
    "a __dict__ that raises": "class A:\n    @property\n    def __dict__(self): raise SystemExit\nA().nope",
    "a __getattribute__ that raises": "class A:\n    def __getattribute__(self, n): raise SystemExit\na = A()\n1 / 0",
    "a metaclass that lies": "class M(type):\n    __name__ = property(lambda s: 1 / 0)\n    __mro__ = ()\n    def __instancecheck__(s, o): 1 / 0\n"
    "class A(metaclass=M): pass\na = A()\n1 / 0",
    "a dict that lies": "class D(dict):\n    def items(self): 1 / 0\n    def __len__(self): return -5\n    def __iter__(self): 1 / 0\nd = D(a=1)\n1 / 0",
    "a str that lies": "class S(str):\n    def __len__(self): return 10**12\n    def __str__(self): 1 / 0\n    def __repr__(self): 1 / 0\n"
    "s = S('ab')\nraise ValueError(s)",
    "a message that is a str with its own ideas": "class S(str):\n    def __getitem__(self, k): 1 / 0\n    def replace(self, *a): 1 / 0\n"
    "class E(Exception):\n    def __str__(self): return S('hello')\nraise E",
    "an exception whose str() exits": "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
    "an exception that overrides its attributes": "class E(Exception):\n    __traceback__ = property(lambda s: 1 / 0)\n    __cause__ = property(lambda s: 1 / 0)\n"
    "    __notes__ = property(lambda s: 1 / 0)\n    __context__ = 3\nraise E('x')",
    "notes that are none": "e = ValueError('x')\ne.__notes__ = [1, object(), None, {'a': 1}]\nraise e",
    "notes that are no list": "e = ValueError('x')\ne.__notes__ = 5\nraise e",
    "a message of 50 MB": "raise ValueError('x' * 50_000_000)",
    "a list that holds itself": "a = []\na.append(a)\nd = {'a': a}\nd['d'] = d\n1 / 0",
    "names of every script": "ünïcödé = {}\nраз = 'два'\n1 / 0",
    "half a surrogate pair": "s = '\\ud800'\nraise ValueError('a\\udfffb')",
    "control characters": "raise ValueError('\\x1b[2J\\x00\\r\\x9b\\u202eabc')",
    "ten thousand locals": "globals().update({f'n{i}': 'x' * 400 for i in range(10_000)})\n1 / 0",
    "a module without a name": "globals()['__name__'] = 3\nclass E(Exception): pass\nE.__module__ = 5\nraise E",
    "a forged place": "e = ValueError('x')\ne._quickedit_at = ('/worker/x.py', 'no', 3)\nraise e",
    "an attribute error about nothing": "raise AttributeError(name=5, obj=object())",
    "a key error with a hostile key": "class K:\n    def __hash__(self): return 1\n    def __eq__(self, o): 1 / 0\n    def __repr__(self): 1 / 0\nd = {K(): 1}\nd['x']",
    "a lone generator frame": "def g():\n    yield from (1 / n for n in [0])\nnext(g())",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_objects_are_reported_like_others(name: str) -> None:
    error = raised(HOSTILE[name])
    report_ = report.make(error, locals_=True, request=None)
    payload = protocol.json_payload(report_)
    assert len(payload) <= protocol.MAX_REPORT
    assert report_["type"] == type(error).__qualname__
    assert report_["frames"], "the report was given up"
    json.loads(payload)["message"].encode("utf-8")  # no half of a surrogate pair
    assert not any(ord(character) < 32 and character not in "\n\t" for character in report_["message"])


def test_a_class_that_will_not_be_shown_does_not_hide_its_neighbours() -> None:
    seen = shown("class A:\n    @property\n    def __class__(self): raise SystemExit\na = A()\nb = 2\n1 / 0")
    assert seen["b"] == "2"


def test_a_chain_of_500_causes_ends_somewhere() -> None:
    report_ = made("""
        def f(n):
            try:
                if n:
                    f(n - 1)
                else:
                    1 / 0
            except Exception as error:
                raise ValueError(n) from error

        f(100)
    """)
    depth = 0
    while report_["cause"]:
        report_, depth = report_["cause"], depth + 1
    assert depth <= 8
    assert report_["left_out"] == 1


def test_a_cause_that_goes_round_ends() -> None:
    report_ = made("a, b = ValueError('a'), ValueError('b')\na.__cause__ = b\nb.__cause__ = a\nraise a")
    assert report_["cause"]["cause"] is None


def test_a_group_of_ten_thousand_says_how_many_are_left_out() -> None:
    report_ = made("raise ExceptionGroup('many', [ValueError(n) for n in range(10_000)])")
    assert len(report_["group"]) + report_["left_out"] == 10_000
    assert len(report_["group"]) >= 20


def test_the_largest_report_fits_its_frame() -> None:
    line = f"    x = '{'ß' * 290}'"
    code = ["def f(n):", *([line] * 6), "    return f(n - 1) + 0 if n else 1 / 0", *([line] * 6)]
    names = "\n".join(f"v{n} = '{'ö' * 280}'" for n in range(30))
    chain = f"""
{names}
def g(n):
    {"; ".join(f'v{n} = "{"ö" * 200}"' for n in range(30))}
    try:
        h(n)
    except Exception as error:
        raise ValueError('ä' * 10_000) from error

def h(n):
    if n:
        g(n - 1)
    1 / 0

g(20)
"""
    for program in ("\n".join(code) + "\nf(200)", chain):
        error = raised(program)
        assert len(protocol.json_payload(report.make(error, locals_=True, request=None))) <= protocol.MAX_REPORT

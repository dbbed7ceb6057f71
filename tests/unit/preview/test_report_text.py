"""The report of an exception, printed as text, is what CPython prints."""
# ruff: noqa: E501 - a program a line

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path

import pytest

from preview.inside import report
from preview.outside import error_text, report_model
from tests.unit.preview.worker_code import raised

CASES = {
    "a binary operation": "x = 0\nprint(1, 10 / x)",
    "a two-character operator": "a, b = 1, None\ny = a ** b",
    "an unknown name": "print(undefined_thing)",
    "an unknown attribute": "class A: pass\nvalue = A()\nprint(value.missing)",
    "a missing key": "prices = {'tea': 3}\ntotal = prices['coffee'] + 1",
    "a chain of subscripts": "d = {'a': {}}\nprint(d['a']['b']['c'])",
    "an index out of range": "rows = []\nfirst = rows[0]",
    "a wrong number of arguments": "def f(a, b): ...\nresult = [f(1)]",
    "a whole line": "raise ValueError('no')",
    "no message": "raise ValueError",
    "an empty message": "raise ValueError('')",
    "a message of several lines": "raise ValueError('one\\ntwo\\n  three')",
    "a cause": "try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('bad') from e",
    "a context": "try:\n    {}['x']\nexcept KeyError:\n    int('zwei')",
    "a suppressed context": "try:\n    {}['x']\nexcept KeyError:\n    raise ValueError('bad') from None",
    "a chain of three": """
        def a():
            try:
                1 / 0
            except ZeroDivisionError as e:
                raise KeyError('a') from e

        def b():
            try:
                a()
            except KeyError:
                raise ValueError('b')
        b()
    """,
    "notes": "e = ValueError('x')\ne.add_note('first')\ne.add_note('second\\n  third')\nraise e",
    "a group": "raise ExceptionGroup('several', [ValueError('a'), TypeError('b'), KeyError('c')])",
    "a group within a group": """
        def run():
            raise ExceptionGroup('outer', [
                ValueError('a'), ExceptionGroup('inner', [TypeError('b'), KeyError('c')])])
    """,
    "a group whose last member is a group": """
        inner = ExceptionGroup('inner', [TypeError('b')])
        raise ExceptionGroup('outer', [ValueError('a'), ExceptionGroup('middle', [inner])])
    """,
    "a group with causes and frames": """
        def fail(n):
            try:
                [][n]
            except IndexError as e:
                raise ValueError(f'no {n}') from e

        def run():
            errors = []
            for n in range(2):
                try:
                    fail(n)
                except ValueError as e:
                    errors.append(e)
            raise ExceptionGroup('all', errors)
    """,
    "a task group": """
        import asyncio

        async def fail(n):
            return 1 // n

        async def run():
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(fail(0))
            except* ZeroDivisionError as group:
                raise group.exceptions[0] from None
    """,
    "a recursion without end": "def f(n):\n    return f(n + 1)\n\ndef run():\n    f(0)",
    "two functions that call each other": """
        def even(n):
            if not n:
                raise ValueError('zero')
            return odd(n - 1)

        def odd(n):
            return even(n - 1)

        def run():
            even(10)
    """,
    "compiled code that does not parse": "compile('if x\\n  pass', 'given.py', 'exec')",
    "an unclosed bracket": "compile('a = (1,\\nb = 2', 'given.py', 'exec')",
    "a bad indentation": "compile('if x:\\npass', 'given.py', 'exec')",
    "an expression that does not parse": "eval('1 +')",
    "a syntax error made by hand": "raise SyntaxError('by hand')",
    "a syntax error with a place": "raise SyntaxError('here', ('f.py', 3, 5, '  ab cd\\n', 3, 7))",
    "an exception of one's own": "class OutOfStock(Exception):\n    pass\n\nraise OutOfStock('tea')",
    "a nested class of exception": "class Shop:\n    class Closed(Exception): pass\n\nraise Shop.Closed",
    "bytes that are not UTF-8": "text = b'caf\\xe9'.decode('utf-8')",
    "characters of several bytes": "größe = {}\nprint('Ωmega', größe['日本'], größe)",
    "indentation by tabs": "def f():\n\tif True:\n\t\treturn 1 + None\n\ndef run():\n\tf()",
    "an expression over lines": "value = None\nresult = (1 +\n          value.\n          attribute)",
    "a call over lines": "int(\n    'x',\n    base=10,\n)",
    "a comprehension": "rows = [1, 0]\nprint([1 / n for n in rows])",
    "a generator": "def g():\n    yield 1\n    yield 1 / 0\n\nlist(g())",
    "a lambda": "f = lambda n: n.nope\nf(1)",
    "a coroutine": "async def inner():\n    return {}['x']\n\nasync def run():\n    return await inner()",
    "a class body": "class A:\n    x = 1\n    y = x.z",
    "a property": "class A:\n    @property\n    def x(self):\n        return self.y\n\nprint(A().x)",
    "an assertion": "x = 3\nassert x == 4, f'x is {x}'",
    "a bare assertion": "assert not 1",
    "an interrupt": "raise KeyboardInterrupt",
    "an exit": "import sys\nsys.exit(3)",
    "a missing file": "open('/nonexistent/file')",
    "an exception whose str() fails": "class A(Exception):\n    def __str__(self):\n        1 / 0\n\nraise A",
    "frames of the standard library": "import json\njson.loads('{nope}')",
    "executed text": "exec('def f():\\n    return 1 / 0\\n\\nf()')",
    "a name that cannot be imported": "from json import nope",
    "a module that is not there": "import there_is_no_such_module",
    "a with statement": "class C:\n    def __enter__(self): return 1\n    def __exit__(self, *a): 1 / 0\n\nwith C() as c:\n    d = c",
    "a deletion": "x = {}\ndel x['y']",
    "an unpacking": "a, b = (1, 2, 3)",
    "an f-string": "x = 1\nprint(f'{x:d} {x.nope}')",
}


def as_text(error: BaseException) -> str:
    return error_text.render(report_model.read(report.make(error, locals_=False, request=None)), private=False)


def comparable(text: str) -> str:
    """Without what differs on purpose: Python's own files are named relative, and later Pythons add hints."""
    text = text.replace(str(Path(traceback.__file__).parent) + "/", "")
    text = re.sub(r"\. Did you (mean|forget)[^\n]*\?$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\nHint: [^\n]*\n$", "\n", text)
    if sys.version_info >= (3, 13):  # which prints all lines of an expression, and marks calls
        text = re.sub(r"^[ |]*[~^]+\n", "", text, flags=re.MULTILINE)
        text = re.sub(r'^([ |]*)(File "[^\n]*\n\1  [^\n]*\n)(?:\1  [^\n]*\n)+', r"\1\2", text, flags=re.MULTILINE)
    elif sys.version_info < (3, 11, 7):  # which marks a wide character as if it took one column
        text = re.sub(r"(?<=日本'\], größe\)\n)[ ~^]+\n", "", text)
    return text


@pytest.mark.parametrize("name", CASES)
def test_the_traceback_is_cpythons(name: str) -> None:
    error = raised(CASES[name])
    assert comparable(as_text(error)) == comparable("".join(traceback.format_exception(error)))


def test_a_misspelt_name_is_followed_by_what_was_meant() -> None:
    text = as_text(raised("greeting = 'hi'\nprint(greetin)"))
    assert text.endswith("NameError: name 'greetin' is not defined. Did you mean: 'greeting'?\n")


def test_a_hint_without_a_suggestion_ends_the_text() -> None:
    text = as_text(raised("found = None\nprint(found.name)"))
    assert text.endswith("has no attribute 'name'\nHint: `found` is None here.\n")


def test_ten_thousand_frames_are_folded() -> None:
    error = raised("""
        import sys
        sys.setrecursionlimit(12_000)

        def a(n):
            return b(n - 1) if n else 1 / 0

        def b(n):
            return a(n - 1) if n else 1 / 0

        def run():
            try:
                a(10_000)
            finally:
                sys.setrecursionlimit(1000)
    """)
    text = as_text(error)
    assert re.search(r"\n  \[99\d\d frames left out\]\n", text)
    assert text.count("  File ") < 40
    assert text.endswith(
        "    return b(n - 1) if n else 1 / 0\n                              ~~^~~\nZeroDivisionError: division by zero\n"
    )


def test_a_folded_recursion_shows_where_it_ended() -> None:
    text = as_text(raised("def f(n):\n    return f(n - 1) if n else 1 / n\n\nf(20)"))
    assert text.count("~~^~~") == 1  # CPython marks the call here, as it prints the first three frames
    assert "  [Previous line repeated 18 more times]\nZeroDivisionError" in text

"""Runs source as if it were a worker's module, in this process, and catches what it raises."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import textwrap
import types
from typing import Any


def source(code: str) -> str:
    return textwrap.dedent(code).strip("\n") + "\n"


def keep(path: str, code: str) -> str:
    """Makes a source known under the name that the sandbox's loader would give it."""
    filename = f"/worker/{path}"
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
    return filename


def module(code: str, path: str = "main.py") -> types.ModuleType:
    """The executed module; what it raises comes through, without the frames of this helper."""
    code = source(code)
    filename = keep(path, code)
    made = types.ModuleType(path.removesuffix(".py").replace("/", "."))
    made.__file__ = filename
    exec(compile(code, filename, "exec", dont_inherit=True), made.__dict__)
    return made


def raised(code: str, path: str = "main.py") -> BaseException:
    """What the code raises, or what its `run()` raises if it defines one; async or not."""
    try:
        run: Any = module(code, path).__dict__.get("run")
        result = run() if run else None
        if inspect.iscoroutine(result):
            asyncio.new_event_loop().run_until_complete(result)
    except BaseException as error:
        tb: Any = vars(BaseException)["__traceback__"].__get__(error)  # past a property of the worker's own
        while tb is not None and not tb.tb_frame.f_code.co_filename.startswith("/worker/"):
            tb = tb.tb_next
        return BaseException.with_traceback(error, tb)
    raise AssertionError("the code raised nothing")

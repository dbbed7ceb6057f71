"""What a worker imports and reads: its own modules and files, as they lie on a disk, and Python's."""

from __future__ import annotations

import json

import pytest

from preview.outside.children import Answer
from tests.sandbox.support import Sandbox

pytestmark = pytest.mark.sandbox


def test_the_import_root_variables_data_files_and_sources_are_where_a_worker_expects_them(sandbox: Sandbox) -> None:
    main = """
import importlib.resources, inspect, json, pkgutil
from pathlib import Path
from workers import Response, WorkerEntrypoint
import html, lib.deep.module, package
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        here = Path(__file__).parent
        return Response.json([
            __file__, self.env.GREETING, (here / "templates" / "page.html").read_text(),
            open("/worker/README").read(), lib.deep.module.__file__, html.MINE,
            pkgutil.get_data("package", "data.txt").decode(),
            (importlib.resources.files(package) / "data.txt").read_text(),
            inspect.getsource(package.function), [m.name for m in pkgutil.iter_modules(package.__path__)],
        ])
"""
    modules: dict[str, str | bytes] = {
        "src/main.py": main,
        "src/templates/page.html": "<h1>",
        "README": "read me",
        "src/lib/deep/module.py": "",
        "src/html.py": "MINE = 'mine'",
        "src/package/__init__.py": "from .inner import function",
        "src/package/inner.py": "def function():\n    return 'source'\n",
        "src/package/data.txt": "data",
    }
    child = sandbox.load(modules, root="src", env={"GREETING": "hi"})
    assert child.load_failure is None, child.load_failure
    outcome = sandbox.ask(child)
    assert isinstance(outcome, Answer), outcome
    assert json.loads(outcome.body) == [
        "/worker/src/main.py", "hi", "<h1>", "read me", "/worker/src/lib/deep/module.py", "mine", "data", "data",
        "def function():\n    return 'source'\n", ["inner"],
    ]  # fmt: skip
    sandbox.kill(child)


def test_what_a_worker_puts_before_its_own_folder_comes_first_and_what_is_pythons_own_before_both(
    sandbox: Sandbox,
) -> None:
    main = """
import sys
import first
sys.path.insert(0, "/worker/vendored")
import json, second, time
from workers import Response
def on_fetch(request):
    return Response.json([first.WHERE, second.WHERE, json.WHERE, hasattr(time, "monotonic")])
"""
    modules: dict[str, str | bytes] = {"main.py": main, "time.py": ""}
    for folder in ("", "vendored/"):
        for name in ("first", "second", "json"):
            modules[f"{folder}{name}.py"] = f"WHERE = {folder!r}"
    del modules["vendored/json.py"]
    child = sandbox.load(modules)
    assert child.load_failure is None, child.load_failure
    outcome = sandbox.ask(child)
    assert isinstance(outcome, Answer) and outcome.body == b'["", "vendored/", "", true]', outcome
    sandbox.kill(child)

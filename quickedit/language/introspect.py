"""The process in which jedi looks at compiled modules of the standard library (``math``, ``_socket``). jedi starts it for
``engine``, in place of its own helper and with its arguments. It confines itself and then becomes that helper.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file, whose modules are no top-level ones

from quickedit.language import confine

HOME = "QUICKEDIT_LANGUAGE_HOME"
"""Names, in this process's environment only, the folder of mirrors: jedi looks for modules from here."""


def helper() -> str:
    """jedi's own, without importing jedi."""
    found = importlib.util.find_spec("jedi")
    assert found is not None and found.origin is not None
    return os.path.join(os.path.dirname(found.origin), "inference", "compiled", "subprocess", "__main__.py")


def find_on_the_path_only() -> None:
    """jedi falls back to what its helper has imported itself, so that ``import msgspec`` in a worker would complete from the
    server's own packages. A module is where the search path says, or nowhere; built-in ones come from another finder."""
    from jedi.inference.compiled.subprocess import functions

    original = functions._find_module_py33

    def find_module(string: str, path: Any = None, loader: Any = None, **rest: Any) -> Any:
        return original(string, sys.path if path is None else path, loader, **rest)

    functions._find_module_py33 = find_module


if __name__ == "__main__":
    confine.die_with_parent()
    find_on_the_path_only()  # imports jedi, whose compiled modules need libraries of the system
    confine.confine(os.environ.pop(HOME))
    runpy.run_path(helper(), run_name="__main__")

"""`pyodide` as far as the public examples of Python workers use it: `pyodide.ffi` and `pyodide.http`.

Workers run on CPython here, so values need no conversion: what converts them gives them back.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.0.0"
"""That of no Pyodide."""


def __getattr__(name: str) -> Any:
    if name.startswith("__") or name in ("ffi", "http"):
        raise AttributeError(name)
    raise ImportError(f"pyodide.{name} is not there: workers run on CPython, where nothing needs it", name="pyodide")

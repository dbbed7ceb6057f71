"""«Did you mean»: what an exception's message leaves unsaid, computed from names that are already there.

`report.make` calls `find` with the frame that raised. It runs no user code: attribute names are read past properties,
`__getattr__` and `__dir__`. A hint drawn from values (a dict's keys, a list's length) is marked private, as it may be
shown under a private preview label only.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import importlib.machinery
import linecache
import re
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from types import CodeType, CoroutineType, FrameType, FunctionType, ModuleType
from typing import Any, cast

from preview.inside import values

Hint = dict[str, Any]
"""{"suggest": str, "text": str with `code` in backticks, "path": str | None, "line": int | None, "private": bool}"""

_MAX_CANDIDATES = 2_000
_MAX_NAME = 80
_UNAWAITED = "This is a coroutine that was not awaited. Write `await` before the call."


def find(error: BaseException, frame: FrameType | None, segment: str, *, private: bool) -> Hint | None:
    """A hint for `error`, or None. `segment` is the source of the expression that raised, or an empty str.

    May raise on hostile objects; the caller guards it.
    """
    for kind, rule in _RULES:
        if issubclass(type(error), kind):
            hint = rule(error, frame, segment)
            return None if hint and hint["private"] and not private else hint
    return None


def _hint(suggest: str = "", text: str = "", *, at: CodeType | None = None, private: bool = False) -> Hint:
    user = at is not None and at.co_filename.startswith("/worker/")
    return {
        "suggest": values.text(suggest, _MAX_NAME),
        "text": values.text(text, 400, scrubbed=True),
        "path": at.co_filename.removeprefix("/worker/") if at and user else None,
        "line": at.co_firstlineno if at and user else None,
        "private": private,
    }


def _closest(name: object, candidates: Iterable[object]) -> str:
    """The candidate that is most like `name`, an empty str where none is alike."""
    if type(name) is not str or not 1 < len(name) <= _MAX_NAME:
        return ""
    known = [each for each in candidates if type(each) is str and len(each) <= _MAX_NAME and each != name]
    folded = name.lower().strip("_")
    for each in known:
        if each.lower().strip("_") == folded:
            return each
    public = name.startswith("_")
    alike = difflib.get_close_matches(name, known[:_MAX_CANDIDATES], n=3, cutoff=0.7)
    return next((each for each in alike if public or not each.startswith("_")), "")


def _name_error(error: BaseException, frame: FrameType | None, segment: str) -> Hint | None:
    if frame is None:
        return None
    name = values.attribute(error, "name", NameError)
    local = dict(frame.f_locals)
    if issubclass(type(error), UnboundLocalError):
        said = f"`{segment}` is set elsewhere in this function, so it is a local name, and has no value yet here."
        return _hint(text=said) if segment.isidentifier() else None
    if close := _closest(name, [*local, *frame.f_globals, *vars(builtins)]):
        return _hint(close)
    if "self" in local and name in {*values.instance_dict(local["self"]), *_class_names(type(local["self"]))}:
        return _hint(f"self.{name}")
    if name in sys.stdlib_module_names:
        return _hint(f"import {name}", "The module is in the standard library, and this file does not import it.")
    return None


def _attribute_error(error: BaseException, frame: FrameType | None, segment: str) -> Hint | None:
    name = values.attribute(error, "name", AttributeError)
    owner = values.attribute(error, "obj", AttributeError)
    if type(name) is not str:
        return None
    if type(owner) is CoroutineType:
        return _hint(text=_UNAWAITED)
    if owner is None:
        expression = _left_of_dot(segment)
        return _hint(text=f"`{expression}` is None here.") if expression else None
    if issubclass(type(owner), ModuleType):
        close = _closest(name, values.instance_dict(owner))
        return _hint(close) if close else None
    cls = type(owner)
    own = values.instance_dict(owner)
    close = _closest(name, [*own, *_class_names(cls)])
    if not close:
        return None
    value = values.static(cls, close)
    code, what = _definition(value)
    fields = values.static(cls, "__dataclass_fields__")
    if isinstance(fields, dict) and close in fields:
        what = "a field"
    elif close in own or value is None:
        what = "an attribute"
    return _hint(close, f"`{values.type_name(cls)}` has it: {what}{' in' if code else '.'}", at=code)


def _definition(value: object) -> tuple[CodeType | None, str]:
    """Where a class member is written, if in the worker, and what it is."""
    function: object = value
    what = "a method" if isinstance(value, FunctionType | classmethod | staticmethod) else "a class attribute"
    if isinstance(value, property):
        function, what = value.fget, "a property"
    elif isinstance(value, classmethod | staticmethod):
        function = value.__func__
    code = function.__code__ if type(function) is FunctionType else None
    return (code if code and code.co_filename.startswith("/worker/") else None), what


def _class_names(cls: type) -> list[str]:
    return [name for namespace in values.members(cls) for name in namespace]


def _import_error(error: BaseException, frame: FrameType | None, segment: str) -> Hint | None:
    module = values.attribute(error, "name", ImportError)
    if type(module) is not str:
        return None
    if isinstance(error, ModuleNotFoundError):
        if close := _closest(module, [*_worker_modules(), *sys.stdlib_module_names]):
            return _hint(close)
        others = f"the standard library, `workers`{_packages()}, and what its requirements.txt asks for"
        return _hint(text=f"A worker can import its own modules, {others}.")
    loaded = sys.modules.get(module)
    # Python 3.11 has the name in the message only.
    found = re.match(r"cannot import name '(\w+)'", str(error))
    if loaded is None or found is None:
        return None
    names = [name for name in values.instance_dict(loaded) if not name.startswith("__")]
    close = _closest(found[1], names)
    if not close:
        return None
    code, _ = _definition(values.instance_dict(loaded)[close])
    return _hint(close, "It is in" if code else "", at=code)


def _packages() -> str:
    """The packages that are installed for workers, by the names that people know."""
    places = [path for path in sys.path if path.endswith(("/packages", "/.venv-worker"))]
    find = importlib.machinery.PathFinder.find_spec
    known = [name for name in _KNOWN_PACKAGES if places and find(name, places) is not None]
    return f", {', '.join(known)}" if known else ""


_KNOWN_PACKAGES = (
    "attrs", "django", "fastapi", "flask", "httpx", "jinja2", "markdown", "PIL", "pydantic", "pygments", "requests",
    "starlette", "yaml",
)  # fmt: skip


def _worker_modules() -> list[str]:
    """Dotted names of the worker's modules, by their sources; the import root may be a folder, so without it, too."""
    paths = [path.removeprefix("/worker/") for path in list(linecache.cache) if path.startswith("/worker/")]
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
    return names + [name.partition(".")[2] for name in names if "." in name]


def _key_error(error: BaseException, frame: FrameType | None, segment: str) -> Hint | None:
    expression, holder = _subscripted(frame, segment)
    if not issubclass(type(holder), dict):
        return None
    keys: list[object] = list(islice(dict.__iter__(cast(dict[object, object], holder)), _MAX_CANDIDATES))
    arguments = values.attribute(error, "args")
    close = _closest(arguments[0], keys) if arguments else ""
    shown = [repr(key[:40] if type(key) is str else key) for key in keys[:5] if type(key) in (str, int)]
    if not keys:
        return _hint(text=f"`{expression}` is empty.", private=True)
    listed = f"`{expression}` holds {_listed(shown, len(keys) - len(shown))}." if shown else ""
    return _hint(close, listed, private=True) if close or listed else None


def _listed(shown: list[str], more: int) -> str:
    parts = [f"`{each}`" for each in shown] + ([f"{more} more"] if more else [])
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _index_error(error: BaseException, frame: FrameType | None, segment: str) -> Hint | None:
    expression, holder = _subscripted(frame, segment)
    if type(holder) not in (list, tuple, str):
        return None
    length = len(holder)  # type: ignore[arg-type]
    size = {0: "is empty", 1: "has 1 item, at index 0"}.get(length, f"has {length:,} items, the last at {length - 1:,}")
    return _hint(text=f"`{expression}` {size}.", private=True)


def _type_error(error: BaseException, frame: FrameType | None, segment: str) -> Hint | None:
    arguments = values.attribute(error, "args")
    message = arguments[0] if arguments and type(arguments[0]) is str else ""
    return _hint(text=_UNAWAITED) if "'coroutine' object" in message or "not coroutine" in message else None


def _expression(segment: str) -> ast.expr | None:
    try:
        return ast.parse(segment.strip(), mode="eval").body if len(segment) < 500 else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _left_of_dot(segment: str) -> str:
    node = _expression(segment)
    while isinstance(node, ast.Call):
        node = node.func
    return values.text(ast.unparse(node.value), _MAX_NAME) if isinstance(node, ast.Attribute) else ""


def _subscripted(frame: FrameType | None, segment: str) -> tuple[str, object]:
    """What is left of `[…]`, and the object it stands for where it is a name or a path of plain attributes."""
    node = _expression(segment)
    if frame is None or not isinstance(node, ast.Subscript):
        return "", None
    path: list[str] = []
    holder = node.value
    while isinstance(holder, ast.Attribute):
        path.append(holder.attr)
        holder = holder.value
    if not isinstance(holder, ast.Name):
        return "", None
    value = frame.f_locals.get(holder.id, frame.f_globals.get(holder.id))
    for name in reversed(path):
        value = values.instance_dict(value).get(name)
    return values.text(ast.unparse(node.value), _MAX_NAME), value


_Rule = Callable[[BaseException, FrameType | None, str], Hint | None]
_RULES: list[tuple[type[BaseException], _Rule]] = [
    (NameError, _name_error),
    (AttributeError, _attribute_error),
    (ImportError, _import_error),
    (KeyError, _key_error),
    (IndexError, _index_error),
    (TypeError, _type_error),
]

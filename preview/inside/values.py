"""Python values as bounded, printable text without secrets, for error reports.

Runs beside untrusted code and trusts none of it: a value's `__class__`, `__repr__`, `__iter__` or `__len__` may lie,
raise, or never end. Built-in containers and dataclasses are walked with the built-in types' own methods; only another
class's own `__repr__` is called, guarded, and only until `Shower.deadline`. Hiding secrets is best effort (SECURITY
K6): by name, by `name=value` within text, and exactly where the value was registered with `hide`.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any, cast
from urllib.parse import quote

HIDDEN = "‹hidden›"
ITEMS = 8
"""Items of a container that are shown."""
_MAX_BITS = 1024  # longer integers cost quadratic time to print, and Python refuses some

_SECRET = (
    r"passw(?:or)?d|passphrase|secret|token|authori[sz]ation|cookie|credential|(?:api|private)[_-]?key|session[_-]?id"
)
_SECRET_NAME = re.compile(rf"(?i){_SECRET}|^(?:pwd|auth)$")
_ASSIGNED = re.compile(
    rf"""(?ix) ( \b[\w-]{{0,40}}(?:{_SECRET})[\w-]{{0,40}} =
             | (['"])[\w-]{{0,40}}(?:{_SECRET})[\w-]{{0,40}}\2 \s* : \s* )
         ( '[^']*' | "[^"]*" | [^\s&,;)\]}}'"]+ )"""
)
# Controls would break the page or the terminal, bidirectional overrides would show a line in another order.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_hidden_values: list[str] = []


def hide(secrets: Iterable[str]) -> None:
    """Secret values that no report may show: as they are, percent-encoded or in base64. Replaces the earlier list.

    Values under 4 characters are not hidden, as they occur everywhere by chance.
    """
    _hidden_values.clear()
    for secret in secrets:
        if len(secret) < 4:
            continue
        raw = secret.encode("utf-8", "replace")
        encoded = (base64.b64encode(raw), base64.urlsafe_b64encode(raw))
        forms = {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
        _hidden_values.extend(forms | {form.decode().rstrip("=") for form in encoded})
    _hidden_values.sort(key=len, reverse=True)


def text(value: str, limit: int, *, scrubbed: bool = False) -> str:
    """At most about `limit` characters of a str, or of a str subclass, printable in JSON, HTML and a terminal.

    `scrubbed` hides what stands after `password=` and the like, too: for values and messages, not for source lines.
    """
    length = str.__len__(value)
    # Secrets go before the cut, or half of one could stay; but not over a gigabyte.
    head = str.__getitem__(value, slice(0, 2 * limit + 4096))
    for secret in _hidden_values:
        head = head.replace(secret, HIDDEN)
    if scrubbed:
        head = _ASSIGNED.sub(lambda found: found[1] + HIDDEN, head)
    cut = len(head) > limit
    head = _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), head[:limit])
    return f"{head}… ({length:,} characters)" if cut else head


def secret_name(name: str) -> bool:
    """Whether what is called so must not be shown."""
    return _SECRET_NAME.search(name) is not None


def mro(cls: type) -> tuple[type, ...]:
    """A class's bases, past whatever its metaclass pretends."""
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return found


def members(cls: type) -> Iterator[dict[str, Any]]:
    """The namespaces of a class and its bases, in lookup order."""
    for base in mro(cls):
        yield type.__dict__["__dict__"].__get__(base)


def static(cls: type, name: str) -> object:
    """What `cls` defines under `name`, without running a descriptor; None where nothing is."""
    return next((namespace[name] for namespace in members(cls) if name in namespace), None)


def instance_dict(value: object) -> dict[str, Any]:
    """An object's own attributes, or nothing where it has none or hides them."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except BaseException:  # a hostile property may raise anything
        return {}
    return found if type(found) is dict else {}


def attribute(exc: BaseException, name: str, kind: type[BaseException] = BaseException) -> Any:
    """An exception's own attribute as `kind` defines it, past any property of the worker's class that covers it."""
    return vars(kind)[name].__get__(exc)


def type_name(cls: type) -> str:
    """A class's qualified name."""
    name = type.__dict__["__qualname__"].__get__(cls)
    return text(name, 200) if isinstance(name, str) else "?"


def module_name(cls: type) -> str:
    """The name of the module that a class says it is from."""
    try:
        name = type.__dict__["__module__"].__get__(cls)
    except BaseException:  # `del cls.__module__` makes the getter raise
        return ""
    return text(name, 200) if isinstance(name, str) else ""


class Shower:
    """Shows values for one report: each within `limit` characters, all of the guarded `__repr__`s before `deadline`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._head = max(20, limit - 40)  # of a string: leaves room to say how long it is
        self.deadline = time.monotonic() + seconds

    def named(self, name: str, value: object) -> str:
        """A value that goes by a name: hidden where the name says so and there is something to hide."""
        harmless = issubclass(type(value), type(None) | bool | type | ModuleType | FunctionType)
        if secret_name(name) and not harmless and not (type(value) in (str, bytes, list, dict, tuple) and not value):
            return HIDDEN
        return self.show(value)

    def show(self, value: object) -> str:
        """A value, in the manner of repr(). Never raises, except for what a signal handler raises meanwhile."""
        return text(self._show(value, 3), self._limit, scrubbed=True)

    def _show(self, value: object, depth: int) -> str:
        cls = type(value)
        if cls in (bool, float, complex, type(None), type(Ellipsis), type(NotImplemented)):
            return repr(value)
        if issubclass(cls, str):
            whole = cast(str, value)
            return self._string(str.__getitem__(whole, slice(0, self._head)), str.__len__(whole))
        if issubclass(cls, bytes):
            raw = cast(bytes, value)
            return self._string(bytes.__getitem__(raw, slice(0, self._head)), bytes.__len__(raw))
        if cls is int:
            bits = int.bit_length(value)  # type: ignore[arg-type]
            return repr(value) if bits <= _MAX_BITS else f"<int of {bits:,} bits>"
        if issubclass(cls, dict | list | tuple | set | frozenset):
            return self._container(value, cls, depth)
        if issubclass(cls, type):
            return f"<class {type_name(value)}>"  # type: ignore[arg-type]
        if issubclass(cls, ModuleType):
            return f"<module {text(str(instance_dict(value).get('__name__')), 100)}>"
        if cls is FunctionType:
            return f"<function {text(value.__qualname__, 200)}>"  # type: ignore[attr-defined]
        if isinstance(static(cls, "__dataclass_fields__"), dict):
            return self._dataclass(value, cls, depth)
        return self._own_repr(value, cls)

    def _string(self, head: str | bytes, length: int) -> str:
        unit = "characters" if isinstance(head, str) else "bytes"
        return repr(head) if len(head) == length else f"{head!r}… ({length:,} {unit})"

    def _container(self, value: Any, cls: type, depth: int) -> str:
        base = next(kind for kind in (dict, list, tuple, set, frozenset) if issubclass(cls, kind))
        length = base.__len__(value)
        if depth == 0:
            return f"{type_name(cls)} of {length:,}" if length else repr(base())
        fields = static(cls, "_fields")
        items = islice(base.__iter__(value), ITEMS)
        if base is tuple and type(fields) is tuple and len(fields) == length:
            return self._fields(cls, zip(fields, items, strict=False), depth)
        if base is dict:
            shown = [self._pair(key, dict.__getitem__(value, key), depth) for key in items]
        else:
            shown = [self._show(item, depth - 1) for item in items]
        if length > ITEMS:
            shown.append(f"… {length - ITEMS:,} more")
        if not length and base in (set, frozenset):
            return f"{type_name(cls)}()"
        inner = ", ".join(shown) + ("," if base is tuple and length == 1 else "")
        brackets = {dict: "{}", list: "[]", tuple: "()"}.get(base, "{}")
        plain = f"{brackets[0]}{inner}{brackets[1]}"
        return plain if cls in (dict, list, tuple, set) else f"{type_name(cls)}({plain})"

    def _pair(self, key: object, value: object, depth: int) -> str:
        hidden = type(key) is str and secret_name(key) and value is not None
        return f"{self._show(key, depth - 1)}: {HIDDEN if hidden else self._show(value, depth - 1)}"

    def _dataclass(self, value: object, cls: type, depth: int) -> str:
        if depth == 0:
            return f"{type_name(cls)}(…)"
        fields = []
        for name in islice(static(cls, "__dataclass_fields__"), ITEMS):  # type: ignore[call-overload]
            try:
                fields.append((name, object.__getattribute__(value, name)))
            except BaseException:  # not set yet, or a hostile descriptor
                continue
        return self._fields(cls, fields, depth)

    def _fields(self, cls: type, fields: Iterable[tuple[str, object]], depth: int) -> str:
        shown = [
            f"{name}={HIDDEN if secret_name(name) and value is not None else self._show(value, depth - 1)}"
            for name, value in fields
            if type(name) is str
        ]
        return f"{type_name(cls)}({', '.join(shown)})"

    def _own_repr(self, value: object, cls: type) -> str:
        module = module_name(cls)
        name = type_name(cls) if module in ("builtins", "") else f"{module}.{type_name(cls)}"
        if static(cls, "__repr__") is object.__repr__ or time.monotonic() > self.deadline:
            return f"<{name}>"
        try:
            shown = repr(value)
        except BaseException as error:  # SystemExit and the like are the worker's own, a limit's signal ends the child
            return f"<{name}, whose repr() raised {type_name(type(error))}>"
        return str.__getitem__(shown, slice(0, 4 * self._limit))

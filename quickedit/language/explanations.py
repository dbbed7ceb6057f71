"""The type checker's messages as a person reads them here: a sentence more that says what the rule is about, and no word of the
server's folders. Pure; used by ``checks``.
"""

from __future__ import annotations

from typing import Any

_WHY = {
    "abstract-class-instantiation": "A class with abstract methods cannot be made into an object.",
    "call-non-callable": "Only functions, classes and objects with __call__ can be called.",
    "conflicting-declarations": "A name has one declared type; here it has two.",
    "deprecated": "This still works, and its author asks you to use something else.",
    "division-by-zero": "This raises ZeroDivisionError when it runs.",
    "import-not-found": "Neither in the worker nor in the runtime; requirements.txt can ask for packages by name.",
    "index-out-of-bounds": "The tuple or string is shorter; this raises IndexError.",
    "invalid-argument-type": "The value's type is not the one that the parameter asks for.",
    "invalid-assignment": "The value's type is not the declared type of the name.",
    "invalid-await": "Only coroutines and other awaitables can be awaited.",
    "invalid-context-manager": "«with» needs __enter__ and __exit__; is it «async with»?",
    "invalid-method-override": "Whoever uses the base class would be surprised by this method.",
    "incompatible-method-override": "Whoever uses the base class would be surprised by this method.",
    "invalid-parameter-default": "The default's type is not the parameter's; None as default needs «| None».",
    "invalid-raise": "Only exceptions can be raised.",
    "invalid-return-type": "The function promises another type after «->».",
    "invalid-explicit-return": "The function promises another type after «->».",
    "invalid-implicit-return": "Some way through the function ends without «return», which returns None.",
    "invalid-type-form": "This cannot stand as a type.",
    "invalid-typed-dict-key": "A TypedDict has the keys of its class and no others.",
    "missing-argument": "The call leaves out a parameter that has no default.",
    "missing-attribute": "The object has no attribute of this name; it would raise AttributeError.",
    "missing-module-member": "The module defines no such name.",
    "missing-typed-dict-key": "A TypedDict needs every key that is not NotRequired.",
    "missing-union-attribute": "One of the types that this can have lacks the attribute; look first which it is.",
    "no-matching-overload": "The function has several signatures; these arguments fit none.",
    "not-callable": "Only functions, classes and objects with __call__ can be called.",
    "not-iterable": "Only what has __iter__ can be looped over; is it «async for»?",
    "not-subscriptable": "Only what has __getitem__ can be followed by [ ].",
    "parameter-already-assigned": "The argument is given twice, by its place and by its name.",
    "possibly-missing-attribute": "Depending on how the code ran, the attribute may not be there.",
    "positional-only-parameter-as-kwarg": "This parameter can only be given by its place.",
    "redundant-cast": "The value has this type already.",
    "too-many-positional-arguments": "The function takes fewer; the others may have to be given by name.",
    "unknown-argument": "The function has no parameter of this name.",
    "unresolved-attribute": "The object has no attribute of this name; it would raise AttributeError.",
    "unresolved-import": "Neither in the worker nor in the runtime; requirements.txt can ask for packages by name.",
    "unresolved-reference": "The name is not defined here; it would raise NameError.",
    "unsupported-operator": "The two types do not know this operation with each other.",
    "unused-awaitable": "Without «await» the coroutine never runs.",
}


def explained(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The protocol's diagnostics, ready to show."""
    return [_explained(item) for item in items]


def _explained(item: dict[str, Any]) -> dict[str, Any]:
    message = str(item.get("message", "")).partition("\n\ninfo:")[0].partition("\ninfo:")[0]
    why = _WHY.get(str(item.get("code")))
    kept = {key: value for key, value in item.items() if key not in ("codeDescription", "data") and value is not None}
    if not kept.get("relatedInformation"):
        kept.pop("relatedInformation", None)
    return {**kept, "message": f"{message}\n{why}" if why else message}

"""A plugin of jedi: what the platform passes to a worker's handlers has a type even where the author wrote none.

``async def fetch(self, request)`` in a class that derives from ``WorkerEntrypoint`` gets a ``workers.Request``, and so does the
old form ``on_fetch(request, env, ctx)``. Nothing is inserted into the text, so no offset moves. Loaded by ``hardening``; the
function's name is the hook's name in jedi.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jedi.inference.base_value import NO_VALUES
from jedi.inference.imports import import_module_by_names

ENTRYPOINT = "WorkerEntrypoint"
METHODS = {"fetch": (None, "Request"), "on_fetch": (None, "Request", "Env", "Context")}
"""By position, from ``self`` on."""
FUNCTIONS = {"on_fetch": ("Request", "Env", "Context")}


def infer_anonymous_param(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wraps jedi's own inference of a parameter in a function of which no call is known."""

    def infer(param_name: Any) -> Any:
        if param_name.annotation_node is None:
            platform_type = _platform_type(param_name)
            if platform_type is not None:
                values = _instances(param_name, platform_type)
                if values:
                    return values
        return original(param_name)

    return infer


def _platform_type(param_name: Any) -> str | None:
    """The name in ``workers`` of the type that the platform passes for this parameter; None where it passes nothing."""
    function = param_name.tree_name.search_ancestor("funcdef", "lambdef")
    if function is None or function.type != "funcdef":
        return None
    owner = function.search_ancestor("classdef", "funcdef")
    if owner is None:
        types: tuple[str | None, ...] = FUNCTIONS.get(function.name.value, ())
    elif owner.type == "classdef" and _derives_from_entrypoint(owner):
        types = METHODS.get(function.name.value, ())
    else:
        return None
    index = next((i for i, param in enumerate(function.get_params()) if param.name is param_name.tree_name), len(types))
    return types[index] if index < len(types) else None


def _derives_from_entrypoint(class_node: Any) -> bool:
    """By the name as written: ``WorkerEntrypoint`` or ``anything.WorkerEntrypoint``."""
    bases = class_node.get_super_arglist()
    if bases is None:
        return False
    every = bases.children if bases.type == "arglist" else [bases]
    return any(base.get_last_leaf().value == ENTRYPOINT for base in every)


def _instances(param_name: Any, type_name: str) -> Any:
    inference_state = param_name.get_root_context().inference_state
    modules = import_module_by_names(inference_state, ("workers",))
    if not modules:
        return NO_VALUES
    return modules.py__getattribute__(type_name).execute_annotation(None)

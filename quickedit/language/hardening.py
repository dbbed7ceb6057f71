"""Changes to jedi that make it safe to point at a stranger's text, and one that makes it know the platform. Used by ``engine``.

jedi trusts the code that it completes: ``sys.path.append(…)`` in a module widens its search path, a string that looks like a
path completes from the disk, a ``conftest.py`` or ``buildout.cfg`` in any parent folder is read, and a compiled module is
imported with the user's folder on the import path, so that a ``numbers.py`` beside it would run. None of this may be. The
names that are replaced here are jedi's own and can move: each has a test, and jedi is pinned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import parso.cache
from jedi import settings
from jedi.api import completion, project
from jedi.inference import compiled, sys_path
from jedi.inference.compiled import subprocess as jedi_subprocess
from jedi.plugins import django, flask, plugin_manager, pytest

from quickedit.language import handlers


def install(standard_library: list[str], helper: str) -> None:
    """Once, before anything is analysed. Compiled modules are imported from ``standard_library`` only, in a process that runs
    the file ``helper``."""
    settings.allow_unsafe_interpreter_executions = False
    settings.auto_import_modules = []
    settings.dynamic_flow_information = True
    _replace(parso.cache, "_save_to_file_system", _nothing)
    _replace(parso.cache, "_load_from_file_system", _nothing)
    _replace(parso.cache, "_remove_cache_and_update_lock", _nothing)
    _replace(completion, "complete_file_name", _no_items)
    _replace(sys_path, "check_sys_path_modifications", _no_items)
    _replace(project, "discover_buildout_paths", _no_items)
    _replace(jedi_subprocess, "_MAIN_PATH", helper)
    _replace(compiled, "load_module", _load_only_from(standard_library, compiled.load_module))
    for plugin in (pytest, flask, django):
        plugin_manager._registered_plugins.remove(plugin)
    plugin_manager.register(handlers)


def _replace(owner: Any, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(f"jedi or parso has no {owner.__name__}.{name} any more: look at what replaced it")
    setattr(owner, name, value)


def _nothing(*_: object, **__: object) -> None:
    return None


def _no_items(*_: object, **__: object) -> list[Any]:
    return []


def _load_only_from(standard_library: list[str], load: Callable[..., Any]) -> Callable[..., Any]:
    def load_module(inference_state: Any, dotted_name: str, sys_path: object = None) -> Any:
        return load(inference_state, dotted_name, sys_path=list(standard_library))

    return load_module

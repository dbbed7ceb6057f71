"""How a request reaches user code: finds the main module's handler, calls it, and takes its response apart.

Runs inside the sandbox, beside untrusted code. Importing this module makes the top-level package `workers` importable,
and nothing else of ours: the zygote imports it once, before it forks. The child calls `prepare` before it imports the
worker's main module, then `find_entry`, then `Entry.call` for each request.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from preview.inside import workers as workers
    from preview.inside.workers.streams import pieces


def _top_level_workers() -> ModuleType:
    """The package `workers`, imported under that name without putting our directory on sys.path."""
    if loaded := sys.modules.get("workers"):
        return loaded
    folder = Path(__file__).parent / "workers"
    spec = importlib.util.spec_from_file_location(
        "workers", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    module = sys.modules["workers"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if not TYPE_CHECKING:
    workers = _top_level_workers()
    pieces = sys.modules["workers.streams"].pieces

_SKELETON = """from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("Hello")
"""

_NO_HANDSHAKE = (
    "This request does not ask for a WebSocket, so it cannot be answered with one. "
    'Look at request.headers.get("upgrade") first, and answer others with status 426.'
)


_HANDLERS = ("fetch", "scheduled", "queue")
_NOT_CALLABLE = frozenset({*_HANDLERS, "alarm", "connect", "constructor", "dup", "email", "tail", "test", "trace"})
"""Methods that mean something to the runtime; Cloudflare keeps the same from callers."""
_EVENTS = {"fetch": "request", "scheduled": "scheduled event", "queue": "batch of a queue"}


class NoEntry(Exception):
    """The main module has no handler. The message says what is missing and what to write."""

    __module__ = "workers"  # tracebacks name it: where it is defined is of no use to an author


def prepare(env: Mapping[str, Any], bindings: Iterable[Mapping[str, Any]] = ()) -> None:
    """Fills `workers.env` with variables, and bindings of {"kind", "name", "options"}.

    Call it before the main module is imported, which may read `env` at its top level; until `connect`, nothing outside
    can be reached.
    """
    workers._outside.disconnect()
    workers.env.__dict__.clear()
    workers.env.__dict__.update(env)
    for each in bindings:
        workers.env.__dict__[each["name"]] = workers.bindings.make(each["kind"], each["name"], each["options"])


def assets(
    settings: Mapping[str, Any] | None, below: Callable[[str], Mapping[str, bytes]]
) -> workers.assets.Assets | None:
    """The static assets of the configuration's section, also as its binding. `below` gives the files of a folder."""
    if settings is None:
        return None
    made = workers.assets.Assets(below(settings["directory"]), settings)
    if settings.get("binding"):
        workers.env.__dict__[settings["binding"]] = made
    return made


def refused(code: str, message: str) -> Exception:
    """The exception that a worker sees where a call was refused."""
    return workers._outside.OutsideError(code, message)


def connect(call: Callable[..., Any], call_blocking: Callable[..., Any], run_sync: Callable[..., Any]) -> None:
    """From now on `fetch` and bindings reach the supervisor."""
    workers._outside.connect(call, call_blocking, run_sync)


def find_entry(module: ModuleType, env: Mapping[str, Any] | None = None) -> Entry:
    """The handler of a main module: `class Default(WorkerEntrypoint)`, or `on_fetch`. Raises NoEntry.

    `env` replaces what `prepare` was given, where it is given.
    """
    if env is not None:
        prepare(env)
    default = module.__dict__.get("Default")
    if isinstance(default, type) and issubclass(default, workers.WorkerEntrypoint):
        if not any(callable(getattr(default, name, None)) for name in _HANDLERS):
            raise _no_entry(module, f"class Default in {_file(module)} has no method fetch(self, request).", default)
        return Entry(default, module.__dict__)
    functions = {name: module.__dict__.get(f"on_{name}") for name in _HANDLERS}
    if found := {name: value for name, value in functions.items() if inspect.isroutine(value)}:
        return Entry(found, module.__dict__)
    if isinstance(default, type):
        raise _no_entry(
            module,
            f"class Default in {_file(module)} does not derive from WorkerEntrypoint. "
            "Write: class Default(WorkerEntrypoint)",
            default,
        )
    for name, value in list(module.__dict__.items()):
        derived = isinstance(value, type) and issubclass(value, workers.WorkerEntrypoint)
        if derived and value is not workers.WorkerEntrypoint:
            raise _no_entry(
                module, f"The handler of {_file(module)} is called {name}. Rename the class to Default.", value
            )
    raise _no_entry(module, f"{_file(module)} has no class Default(WorkerEntrypoint)\n\nAdd one:\n\n{_SKELETON}")


class Entry:
    """A worker's handlers, ready to be called. One object serves every request of a child.

    `target` is the class Default, or the legacy functions on_fetch, on_scheduled and on_queue without their prefix.
    `names` are those of the main module: service bindings can name other classes of it.
    """

    def __init__(
        self, target: type[workers.WorkerEntrypoint] | Mapping[str, Callable[..., Any]], names: Mapping[str, Any]
    ) -> None:
        self._names = names
        self._class = target if isinstance(target, type) else None
        self._functions = {} if isinstance(target, type) else target
        self.assets: workers.assets.Assets | None = None
        self.name: str = self._name(next(name for name in _HANDLERS if self._has(name)))

    async def call(
        self, head: Mapping[str, Any], body: bytes, more: workers.ByteStream | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes | AsyncIterator[bytes] | workers.WebSocket]:
        """Answers one request: (status, headers, body); the body is a WebSocket where the status is 101.

        `head` is that of a TO_REQUEST frame, `more` is in place of a body that still arrives. Raises whatever the
        handler raises, TypeError where it returns no Response, NoEntry where the worker has no `fetch`. A handler that
        is not async runs on the loop's own thread.
        """
        request = workers.Request._received(head["method"], head["url"], head["headers"], body, more)
        entrypoint = head.get("entrypoint", "")
        if self.assets is not None and not entrypoint and (asset := self.assets.before_worker(request)) is not None:
            return asset.status, asset.headers.items(), asset._content
        handler, result = await self._run("fetch", request, entrypoint, head.get("props"))
        if not isinstance(result, workers.Response):
            raise self._wrong_result(result, handler)
        content: bytes | AsyncIterator[bytes] | workers.WebSocket = result._content
        if result.web_socket is not None:
            if not head.get("websocket"):
                raise _at(ValueError(_NO_HANDSHAKE), getattr(inspect.unwrap(handler), "__code__", None))
            content = result.web_socket
        elif result._source is not None:
            content = pieces(result._source)
        return result.status, result.headers.items(), content

    async def event(self, head: Mapping[str, Any], body: bytes) -> tuple[Any, Exception | None]:
        """Runs the handler of a TO_EVENT frame: what it makes of the event, as JSON, and the exception of a `queue` handler,
        which may have acknowledged messages before it failed, or of a method that another worker called. Raises as ``call``
        does otherwise."""
        if head["event"] == "queue":
            batch = workers.events.MessageBatch(head["queue"], json.loads(body))
            try:
                await self._run("queue", batch)
            except Exception as error:
                return batch._outcome(), error
            return batch._outcome(), None
        if head["event"] == "call":
            context = workers.Context(head.get("props"))
            return await self._called(head["entrypoint"], head["method"], context, body)
        await self._run("scheduled", workers.events.ScheduledController(head["scheduledTime"], head["cron"]))
        return None, None

    async def _called(
        self, entrypoint: str, name: str, context: workers.Context, arguments: bytes
    ) -> tuple[Any, Exception | None]:
        """Calls a method of a class for another worker; what it returned or raised, as it travels."""
        try:
            args, keywords = workers.rpc.unpack_arguments(arguments)
            target = self._target(entrypoint)
            if target is None or not _is_open(target, name):
                raise AttributeError(f"This worker has no method {name} that others can call.")
            result = getattr(target(context, workers.env), name)(*args, **keywords)
            if inspect.isawaitable(result):
                result = await result
            return {"value": workers.rpc.pack(result)}, None
        except Exception as error:
            return {"raised": workers.rpc.describe(error)}, error

    def _target(self, entrypoint: str) -> type[workers.WorkerEntrypoint] | None:
        """The class that a service binding names, or Default; None where the handlers are functions. Raises NoEntry."""
        if not entrypoint:
            return self._class
        found = self._names.get(entrypoint)
        if isinstance(found, type) and issubclass(found, workers.WorkerEntrypoint):
            return found
        raise NoEntry(f"This worker has no class {entrypoint}(WorkerEntrypoint), which a service binding names.")

    async def _run(
        self, name: str, first: object, entrypoint: str = "", props: Mapping[str, Any] | None = None
    ) -> tuple[Callable[..., Any], Any]:
        target = self._target(entrypoint)
        found = getattr(target, name, None) if target is not None else self._functions.get(name)
        if not callable(found):
            missing = f"{entrypoint}.{name}" if entrypoint else self._name(name)
            raise NoEntry(f"This worker has no {missing}, so it cannot take this {_EVENTS[name]}.")
        context = workers.Context(props)
        handler: Callable[..., Any] = getattr(target(context, workers.env), name) if target is not None else found
        result = handler(*_accepted(handler, (first, workers.env, context)))
        if inspect.isawaitable(result):
            result = await result
        return handler, result

    def _has(self, name: str) -> bool:
        return callable(getattr(self._class, name, None)) if self._class is not None else name in self._functions

    def _name(self, name: str) -> str:
        return f"Default.{name}" if self._class is not None else f"on_{name}"

    def _wrong_result(self, result: object, handler: Callable[..., Any]) -> Exception:
        message = f"{self._name('fetch')}() must return a Response, not {_kind(result)}."
        if result is None:
            message += " Did you forget to return it?"
        elif inspect.isawaitable(result):
            message += " Did you forget an await?"
            if inspect.iscoroutine(result):
                result.close()  # or Python warns that nobody awaited it, which this already says
        elif isinstance(result, dict | list):
            message += " Write: return Response.json(…)"
        elif isinstance(result, str | bytes):
            message += " Write: return Response(…)"
        return _at(TypeError(message), getattr(inspect.unwrap(handler), "__code__", None))


def _is_open(target: type[workers.WorkerEntrypoint], name: str) -> bool:
    """Whether others can call a method: one that the worker's own classes define, no handler of events, nothing private."""
    own = target.__mro__[: target.__mro__.index(workers.WorkerEntrypoint)]
    found = next((vars(each)[name] for each in own if name in vars(each)), None)
    private = name.startswith("_") or name in _NOT_CALLABLE
    return not private and isinstance(found, FunctionType | staticmethod | classmethod)


def _accepted(handler: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """As many of (request, env, ctx) as the handler has parameters for: all of its forms are documented."""
    method = isinstance(handler, MethodType)
    code = getattr(inspect.unwrap(handler) if hasattr(handler, "__wrapped__") else handler, "__code__", None)
    if not isinstance(code, CodeType):
        return arguments[:1]
    if code.co_flags & inspect.CO_VARARGS:
        return arguments[:1] if method else arguments
    return arguments[: max(0, code.co_argcount - (1 if method else 0))]


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type.__dict__["__name__"].__get__(type(value))
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _file(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or module.__name__).removeprefix("/worker/")


def _no_entry(module: ModuleType, message: str, at: type | None = None) -> NoEntry:
    error = NoEntry(message)
    filename, line = getattr(module, "__file__", None), 1
    if at is not None:
        functions = (value for value in vars(at).values() if isinstance(value, FunctionType))
        line = next((function.__code__.co_firstlineno for function in functions), 1)
    error._quickedit_at = (filename, line, "<module>")  # type: ignore[attr-defined]
    return error


def _at(error: Exception, code: CodeType | None) -> Exception:
    """Marks where an error of ours belongs in user code; `report.make` shows it as a frame."""
    if code is not None:
        error._quickedit_at = (code.co_filename, code.co_firstlineno, code.co_qualname)  # type: ignore[attr-defined]
    return error

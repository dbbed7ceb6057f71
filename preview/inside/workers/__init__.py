"""The platform's API for Python workers: `from workers import WorkerEntrypoint, Request, Response`.

Written anew against Cloudflare's documented Python API, so that a worker runs in both places. User code imports it as
the top-level package `workers`; nothing here may import from the rest of Quick Edit.
"""

from __future__ import annotations

from . import _clients as _clients
from . import _outside as _outside
from . import assets as assets
from . import bindings as bindings
from . import events as events
from . import rpc as rpc
from ._outside import OutsideError
from .blob import Blob, File
from .body import Body
from .entrypoint import Context, Env, WorkerEntrypoint, env, handler, patch_env, wait_until, waitUntil
from .events import Message, MessageBatch, ScheduledController
from .fetching import fetch
from .formdata import FormData, FormDataValue
from .headers import Headers, HeadersInit
from .request import Query, Request
from .response import FetchResponse, Response
from .rpc import RemoteError, python_from_rpc, python_to_rpc
from .streams import ByteStream
from .websocket import CloseEvent, MessageEvent, WebSocket, WebSocketError, WebSocketPair

__all__ = [
    "Blob",
    "Body",
    "ByteStream",
    "CloseEvent",
    "Context",
    "Env",
    "FetchResponse",
    "File",
    "FormData",
    "FormDataValue",
    "Headers",
    "HeadersInit",
    "Message",
    "MessageBatch",
    "MessageEvent",
    "OutsideError",
    "Query",
    "RemoteError",
    "Request",
    "Response",
    "ScheduledController",
    "WebSocket",
    "WebSocketError",
    "WebSocketPair",
    "WorkerEntrypoint",
    "env",
    "fetch",
    "handler",
    "patch_env",
    "python_from_rpc",
    "python_to_rpc",
    "waitUntil",
    "wait_until",
]

_NOT_YET = frozenset({"DurableObject", "WorkflowEntrypoint", "import_from_javascript"})


def __getattr__(name: str) -> object:
    if name in _NOT_YET:
        raise ImportError(f"Cloudflare's workers module has {name}, Quick Edit's does not have it yet", name=__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)

"""What a worker may do outside itself: one dispatcher for all of it, with policy, limits and the log in one place.

A worker asks by CALL frames, each naming a capability and a method (`preview.inside.calls` sends them,
`workers._outside.call` is what the `workers` package uses). The runner has one `Calls`, a table of capabilities; each
child gets a `Desk` of it, which holds what that child asked for. To add a capability:

    class Clock:                                            # outside: a class of your own
        async def call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
            if method != "now":
                raise CallError("bad-argument", f"A clock has no method {method}.")
            return {"seconds": time.time()}, b""

    calls.add("clock", Clock())                             # where the runner is composed: capabilities.make
    answer, data = await _outside.call("clock", "now")      # inside, in a module of the `workers` package

``args`` and what is returned are JSON values, checked for nothing but being JSON: the capability decodes them strictly
(``msgspec.convert(args, Its.Struct)``; the ValidationError becomes a refusal by itself). Which bindings a worker has
stands in ``context.config.bindings``, which is the worker's own configuration: never let ``args`` name a resource that
it does not. A CallError is told to the worker, word for word; any other exception is logged here and the worker hears
that it failed, no more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import msgspec

from preview import protocol
from preview.bundle import Config
from preview.exchange import Program
from preview.protocol import Kind, ProtocolError

log = logging.getLogger(__name__)

LONGEST = 60.0
"""Seconds that one call may take."""
MAX_PER_REQUEST = 1000
"""Calls of all kinds that one request may make: Cloudflare's limit of its paid plan."""

OnLog = Callable[[list[dict[str, Any]], int], None]


class CallError(Exception):
    """A call is refused or has failed; the worker sees both parts. ``code`` is a word for programs (bad-argument,
    unknown, blocked, timeout, too-large, too-many, failed …), the message a sentence for the author."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Origin(msgspec.Struct):
    """The request, or event, on whose behalf a child is at work. ``id`` is that of its LogEvent, "" outside any."""

    label: str = ""
    id: str = ""
    depth: int = 0
    """How many workers wait for this one, each through a service binding."""
    spent: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks. A capability trusts this and nothing that came in the call."""

    program: Program
    """``program.key`` is ``draft:<worker id>`` or ``live:<worker id>``; ``program.worker`` the worker's name."""
    config: Config
    origin: Origin
    heard: OnLog
    gates: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    @property
    def preview(self) -> bool:
        """Whether a draft asks, whose writes must never reach the live worker's data."""
        return self.program.version is None

    @property
    def worker_id(self) -> str:
        """What the draft and the deployed versions of a worker have in common; their data's owner."""
        return self.program.key.split(":")[1]

    def spend(self, what: str, most: int) -> None:
        """Counts one use by the request of this context. Raises CallError above ``most``."""
        spent = self.origin.spent[what] = self.origin.spent.get(what, 0) + 1
        if spent > most:
            raise CallError("too-many", f"This request used {what} more than {most} times.")

    def gate(self, what: str, at_once: int) -> asyncio.Semaphore:
        """Lets so many calls of one kind through at once, counted over all requests of one child."""
        if what not in self.gates:
            self.gates[what] = asyncio.Semaphore(at_once)
        return self.gates[what]

    def say(self, text: str, level: str = "info") -> None:
        """Adds a line to the log of the request."""
        self.heard([{"level": level, "text": text, "at": int(time.time() * 1000)}], 0)


class Capability(Protocol):
    """One thing that a worker may ask for."""

    async def call(self, context: Context, method: str, args: Any, body: bytes) -> tuple[Any, bytes]:
        """The answer: a JSON value, and at most MAX_CALL_BODY bytes. Raises CallError. May be cancelled."""


class Call(msgspec.Struct, frozen=True):
    """The JSON part of a CALL frame."""

    request: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
    capability: Annotated[str, msgspec.Meta(max_length=64)]
    method: Annotated[str, msgspec.Meta(max_length=64)]
    args: Any


_call = msgspec.json.Decoder(Call)


def decode(payload: bytes) -> tuple[Call, bytes]:
    """The parts of a CALL frame's payload. Raises ProtocolError or msgspec.MsgspecError."""
    size = int.from_bytes(payload[:4], "little")
    if len(payload) < 4 or size > protocol.MAX_CALL_HEAD or 4 + size > len(payload):
        raise ProtocolError("a call whose head does not fit")
    if len(payload) - 4 - size > protocol.MAX_CALL_BODY:
        raise ProtocolError(f"a call with {len(payload) - 4 - size} bytes")
    return _call.decode(payload[4 : 4 + size]), payload[4 + size :]


class Calls:
    """The capabilities of one runner by name. Use from one event loop."""

    def __init__(self) -> None:
        self._capabilities: dict[str, Capability] = {}

    def add(self, name: str, capability: Capability) -> None:
        self._capabilities[name] = capability

    def desk(self, program: Program, config: Config, heard: OnLog) -> Desk:
        """What answers one child. ``heard`` takes what is logged outside any request."""
        return Desk(self, program, config, heard)

    async def answer(self, context: Context, call: Call, body: bytes) -> tuple[Any, bytes]:
        """The answer to one call. Raises CallError, and nothing else but being cancelled."""
        capability = self._capabilities.get(call.capability)
        if capability is None:
            raise CallError("unknown", f"There is no {call.capability} here.")
        try:
            context.spend("calls", MAX_PER_REQUEST)
            async with asyncio.timeout(LONGEST):
                return await capability.call(context, call.method, call.args, body)
        except CallError:
            raise
        except TimeoutError:
            raise CallError("timeout", f"{call.capability} took longer than {LONGEST:g} s.") from None
        except msgspec.ValidationError as error:
            raise CallError("bad-argument", f"{call.capability}.{call.method}: {error}") from None
        except Exception as error:
            log.exception("A call of %s.%s failed", call.capability, call.method)
            raise CallError("failed", f"{call.capability}.{call.method} failed; the server's log says why.") from error


Send = Callable[[Kind, int, bytes], None]
Find = Callable[[int], tuple[Origin, OnLog] | None]


class Desk:
    """The calls of one child that are under way. ``called`` raises ProtocolError where a child breaks the rules."""

    def __init__(self, calls: Calls, program: Program, config: Config, heard: OnLog) -> None:
        self._calls = calls
        self._program = program
        self._config = config
        self._heard = heard
        self._tasks: dict[int, tuple[asyncio.Task[None], int]] = {}
        self._bytes = 0
        self._gates: dict[str, asyncio.Semaphore] = {}

    def called(self, number: int, payload: bytes, find: Find, send: Send) -> None:
        """Begins a call. ``find`` gives the origin of a request and who hears its log, None outside any."""
        call, body = decode(payload)
        if number in self._tasks:
            raise ProtocolError("two calls of one number")
        if len(self._tasks) >= protocol.MAX_CALLS or self._bytes + len(payload) > protocol.MAX_CALLS_BYTES:
            raise ProtocolError("more calls at once than a worker may make")
        # What runs on after its request is bounded by the calls at once and by CPU; nothing counts them up.
        origin, heard = find(call.request) or (Origin(), self._heard)
        context = Context(self._program, self._config, origin, heard, self._gates)
        task = asyncio.get_running_loop().create_task(self._answer(number, context, call, body, send))
        self._tasks[number] = task, len(payload)
        self._bytes += len(payload)

    def cancelled(self, number: int) -> None:
        """The child does not wait for that call any more."""
        if task := self._forget(number):
            task.cancel()

    def close(self) -> None:
        """The child is gone: whatever it asked for ends."""
        for number in list(self._tasks):
            self.cancelled(number)

    def _forget(self, number: int) -> asyncio.Task[None] | None:
        task, size = self._tasks.pop(number, (None, 0))
        self._bytes -= size
        return task

    async def _answer(self, number: int, context: Context, call: Call, body: bytes, send: Send) -> None:
        try:
            value, data = await self._calls.answer(context, call, body)
            payload = protocol.join_payload({"value": value}, data)
            if len(payload) > protocol.MAX_FRAME or len(data) > protocol.MAX_CALL_BODY:
                raise CallError("too-large", f"The answer of {call.capability}.{call.method} is too large.")
        except CallError as error:
            payload = refusal(error.code, error.message)
        # Before the result is out: the child may make its next call as soon as it has read it.
        self._forget(number)
        send(Kind.TO_RESULT, number, payload)


def refusal(code: str, message: str) -> bytes:
    """The payload of a TO_RESULT frame that refuses."""
    return protocol.join_payload({"error": {"code": code, "message": message}}, b"")

"""Runs one event of a worker: its ``scheduled`` or ``queue`` handler, or a method that another worker calls, on the child
that also answers its requests.

``schedule`` and ``consumers`` call it for deployed workers, ``control`` for the Trigger button and for service bindings.
Each event stands in the log as a request does, with the method CRON, QUEUE or RPC.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import msgspec

from preview.exchange import Host, Program
from preview.outside import failures, reports
from preview.outside.bindings.queues import Message
from preview.outside.bindings.services import Target
from preview.outside.calls import Origin
from preview.outside.children import Answer
from preview.outside.loading import Unavailable
from preview.outside.logs import LogSink, RequestLog
from preview.outside.programs import Programs
from preview.outside.runs import Run
from preview.protocol import Kind, ProtocolError


class Decision(msgspec.Struct, frozen=True):
    """What a handler says of a message. ``delay`` in seconds."""

    ack: bool = False
    retry: bool = False
    delay: int | None = None


class _Outcome(msgspec.Struct):
    messages: dict[str, Decision] = {}
    rest: Decision = Decision(ack=True)
    error: Any = None
    value: msgspec.Raw = msgspec.Raw(b"null")
    raised: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event went. ``error`` is "" where the handler returned; ``decisions`` by message id, and for the rest;
    ``value`` is what a called method returned as it travels, ``raised`` the class and message of what it raised."""

    ms: float
    error: str = ""
    decisions: dict[str, Decision] = field(default_factory=dict)
    rest: Decision = field(default_factory=lambda: Decision(ack=True))
    value: bytes = b"null"
    raised: tuple[str, str] | None = None

    def of(self, uid: str) -> Decision:
        """What becomes of a message: where the handler failed, what it did not acknowledge comes again."""
        return self.decisions.get(uid, Decision(retry=True) if self.error else self.rest)


class Events:
    """The events of one runner."""

    def __init__(self, programs: Programs, sink: LogSink) -> None:
        self._programs = programs
        self._sink = sink

    async def scheduled(self, key: str, cron: str, at: int) -> Outcome:
        """Runs the ``scheduled`` handler; ``at`` is when it was due, in milliseconds since the epoch."""
        head = {"event": "scheduled", "scheduledTime": at, "cron": cron}
        return await self._run(key, head, b"", "CRON", cron)

    async def queue(self, key: str, queue: str, messages: list[Message]) -> Outcome:
        """Runs the ``queue`` handler with a batch."""
        sent = [
            {
                "id": one.uid,
                "timestamp": one.sent,
                "attempts": one.attempts,
                "type": one.content_type,
                "body": base64.b64encode(one.body).decode() if one.content_type == "bytes" else one.body.decode(),
            }
            for one in messages
        ]
        count = f"{len(messages)} messages" if len(messages) != 1 else "1 message"
        body = json.dumps(sent, ensure_ascii=False).encode("utf-8", "replace")
        return await self._run(key, {"event": "queue", "queue": queue}, body, "QUEUE", f"{queue} ({count})")

    async def call(self, run: Run, to: Target, method: str, arguments: bytes) -> Outcome:
        """Calls a method for another worker."""
        head = {"event": "call", "entrypoint": to.entrypoint, "method": method, "props": to.props}
        path = f"{to.entrypoint}.{method}" if to.entrypoint else method
        return await self._on(run, head, arguments, "RPC", path, to.depth)

    async def _run(self, key: str, head: dict[str, Any], body: bytes, method: str, path: str) -> Outcome:
        try:
            run = await self._programs.acquire(key)
        except Unavailable as error:
            return Outcome(0.0, str(error))
        if run is None:
            return Outcome(0.0, "The worker is not running.")
        try:
            return await self._on(run, head, body, method, path)
        finally:
            self._programs.release(run)

    async def _on(self, run: Run, head: dict[str, Any], body: bytes, method: str, path: str, depth: int = 0) -> Outcome:
        program, child = run.program, run.child
        log = RequestLog(self._sink, Host("", program.key, program.version is None, ""), program, method, path)
        if child is None or run.failure is not None:
            return _failed(log, program, run.failure or failures.GONE)
        head = {**head, "private": program.version is None}
        result = await child.request(head, body, log.heard, Origin("", log.id, depth), Kind.TO_EVENT)
        if not isinstance(result, Answer):
            return _failed(log, program, result.report)
        try:
            outcome = msgspec.json.decode(result.body or b"null", type=_Outcome | None) or _Outcome()
            report = _report(outcome.error)
        except (msgspec.MsgspecError, ProtocolError, ValueError, RecursionError) as error:
            child.kill()
            return Outcome(log.end(500), f"The worker's process sent no outcome: {error}")
        if report is not None:
            failed = _failed(log, program, report)
            return Outcome(failed.ms, failed.error, outcome.messages, raised=outcome.raised)
        return Outcome(log.end(200), "", outcome.messages, outcome.rest, bytes(outcome.value))


def _report(error: Any) -> dict[str, Any] | None:
    return None if error is None else reports.checked(json.dumps(error).encode())


def _failed(log: RequestLog, program: Program, report: dict[str, Any]) -> Outcome:
    preview = program.version is None
    summary = failures.summary(report)
    text = summary if preview else f"Error {secrets.token_hex(6)}\n{failures.full_text(report)}"
    log.say("error", text, *failures.place(report))
    return Outcome(log.end(failures.status_of(report)), summary)

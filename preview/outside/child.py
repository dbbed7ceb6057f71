"""One sandboxed child as the supervisor holds it: load it once, put requests to it, limit it, end it.

`children` makes them and `watch` measures them. What the child says arrives through `link`, checked. Everything that
can happen to a request ends in an Answer or a Failure; nothing here raises because of what a worker did.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from preview import protocol
from preview.outside import calls, reports
from preview.outside.limits import Limits
from preview.outside.link import MAX_WAITING, Link, Loaded, Unparsed
from preview.outside.outcomes import DoesNotParse, Exit
from preview.outside.overrun import Overrun
from preview.outside.requests import Answer, Asker, Failure, OnLog, Pending, Requests
from preview.outside.zygote import Forked
from preview.protocol import Kind

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode

_STATUS_WAIT = 0.25  # seconds for the zygote to tell the wait status of a child whose channel ended
_MAX_EARLY_LOGS = 200
_MAX_SOURCES = 256 * 1024  # bytes of modules kept to show source lines where the child cannot

_ANSWERS = frozenset({
    Kind.RESPONSE, Kind.FAILED, Kind.LOG, Kind.RESPONSE_START, Kind.BODY, Kind.BODY_END, Kind.CREDIT, Kind.WS, Kind.CALL,
    Kind.CALL_CANCEL,
})  # fmt: skip


class Child:
    """``exited`` is done from the moment on at which this child takes no more requests, whatever the reason."""

    def __init__(
        self,
        forked: Forked,
        limits: Limits,
        on_gone: Callable[[Child], None],
        *,
        count_threads: bool = False,
    ) -> None:
        """``count_threads`` where the kernel does not."""
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self.load_failure: dict[str, Any] | None = None
        self.on_log: OnLog | None = None
        """Hears what is logged outside any request; what came before it was set is in ``early_logs``."""
        self.early_logs: list[dict[str, Any]] = []
        self.codes: Mapping[str, bytes] = {}
        """The modules that it compiled, as it sent them before anything of the worker ran."""
        self.ready_ms = 0.0
        self.packages: list[str] = []
        """Which of warm.PRELOADABLE it has imported, by its own word."""
        self.entry = ""
        self.is_spare: asyncio.Future[None] = loop.create_future()
        self.pid = forked.host_pid()
        self.fell_with_zygote = False
        """Whether it died because the whole sandbox did: through no fault of its worker, which may be loaded again."""
        self._forked = forked
        self._limits = limits
        self._on_gone = on_gone
        self._leave_group: Callable[[], bool] | None = None
        self._link = Link(self, limits)
        self._requests = Requests(self._link.send, self._link.room, self._fewer)
        self._link.requests = self._requests
        self._overrun = Overrun(
            forked, limits, self._requests, self._take_no_more, self._end_at_limit, count_threads=count_threads
        )
        self._sources: Mapping[str, bytes] = {}
        self._desk: calls.Desk | None = None
        forked.died.add_done_callback(self._died)

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._link, sock=self._forked.channel)

    def grouped(self, leave: Callable[[], bool]) -> None:
        """It is in a control group now. Once it is dead, ``leave`` gives that back and tells whether memory was why."""
        if self._forked.died.done():
            leave()
        else:
            self._leave_group = leave

    # For the callers of the runner

    async def load(
        self,
        modules: Mapping[str, bytes],
        meta: dict[str, Any],
        desk: calls.Desk | None = None,
        codes: Mapping[str, bytes] | None = None,
        packed: bytes | None = None,
    ) -> None:
        """Gives a spare child its worker, and the desk that answers what it asks for: without one nothing outside.

        ``codes`` are those modules that a child of the same tenant has compiled, ``packed`` are all modules as they travel,
        where the caller has them so. Raises DoesNotParse; an exception at import becomes ``load_failure``.
        """
        self._desk = desk
        if sum(map(len, modules.values())) <= _MAX_SOURCES:
            self._sources = modules
        compiled = protocol.pack_modules(codes or {})
        head = {**meta, "limits": self._limits.told_to_the_child, "codes": len(compiled)}
        loading: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
        self._begin(0, loading, self._limits.load_s, None)
        self._link.expect(Kind.CODE, Kind.UNPARSED)
        body = (packed or protocol.pack_modules(modules)) + compiled
        try:
            self._link.send(Kind.TO_LOAD, 0, protocol.join_encoded(_encode(head), body), at_once=True)
            outcome = await loading
        except BaseException:
            self.kill()
            raise
        if isinstance(outcome, Failure):
            self.load_failure = outcome.report

    async def request(
        self,
        head: dict[str, Any],
        body: bytes,
        on_log: OnLog,
        origin: calls.Origin | None = None,
        kind: Kind = Kind.TO_REQUEST,
        *,
        more: AsyncIterator[bytes] | None = None,
    ) -> Answer | Failure:
        """Puts one request to the worker; ``head`` is that of a TO_REQUEST frame, or of the ``kind`` TO_EVENT: its
        answer's body is JSON, what the handler made of the event. ``more`` is what comes of the body after ``body``.
        Never raises for a worker's doings, but what ``more`` raises.

        ``origin`` is whose calls the request's are. Being cancelled cancels the request in the child as well. An
        answer's stream must be read to its end, or closed.
        """
        future: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
        number = self.ask(future, head, body, on_log, origin, kind, more=more)
        if isinstance(number, Failure):
            return number
        try:
            return await future
        except BaseException:
            self.abandon(number)
            raise

    def ask(
        self,
        asker: Asker,
        head: dict[str, Any],
        body: bytes,
        on_log: OnLog,
        origin: calls.Origin | None = None,
        kind: Kind = Kind.TO_REQUEST,
        *,
        more: AsyncIterator[bytes] | None = None,
    ) -> int | Failure:
        """As ``request``, for an ``asker`` that hears the outcome later. Returns the number with which it can be abandoned
        until then; or a Failure, where the child was not asked."""
        if self.load_failure is not None:
            return Failure(self.load_failure)
        if self.exited.done():
            return Failure(reports.crash("The worker was stopped before it got this request. Try again."))
        requests, limits = self._requests, self._limits
        if (
            len(requests.waiting) >= limits.in_flight
            or len(requests.streaming) >= limits.streams
            or self._link.waiting() > MAX_WAITING
        ):
            return Failure(reports.too_many(len(requests.waiting), len(requests.streaming), limits))
        number = requests.next_number()
        if more is not None:
            head = {**head, "more": True}
        idle = not requests
        pending = self._begin(number, asker, limits.wall_s, on_log)
        pending.origin, pending.websocket = origin, "websocket" in head
        self._link.send(kind, number, protocol.join_encoded(_encode(head), body), at_once=idle)
        if more is not None:
            requests.upload(number, pending, more, limits.wall_s)
        return number

    def abandon(self, number: int) -> None:
        """Nobody waits for the outcome any more: the request is cancelled in the child as well."""
        self._requests.abandon(number)

    def replaced(self) -> None:
        """Another takes this child's place: its WebSockets are closed with code 1012, so that clients connect again."""
        for stream in self._requests.websockets():
            stream.close_with(1012, "The worker was replaced.")

    def kill(self) -> None:
        """Ends the process now. Requests that it holds get a Failure."""
        self._exit(Exit("killed"))
        self._requests.fail_all(reports.crash("The worker was stopped while it was answering."))
        self._forked.signal(signal.SIGKILL)

    def is_dead(self) -> bool:
        """Whether the process is gone, as the kernel sees it at this moment."""
        return self.exited.done() or self._forked.is_dead()

    # For watch

    @property
    def busy(self) -> bool:
        return bool(self._requests)

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far; what it was when last read where the process is gone."""
        return self._overrun.cpu_seconds()

    def check_limits(self, now: float) -> None:
        """Called some times a second."""
        self._overrun.check(now)

    def _take_no_more(self) -> None:
        self._exit(Exit("limit"))

    def _end_at_limit(self, kind: str, message: str) -> None:
        report = reports.limit(kind, message, self._forked.read_last_words(), self._sources)
        if not self._requests:
            self.logged(0, [reports.as_record(report)], 0)
        self._requests.fail_all(report)
        self._forked.signal(signal.SIGKILL)

    # For link

    def spare(self) -> None:
        self._link.expect()
        if not self.is_spare.done():
            self.is_spare.set_result(None)

    def loaded(self, loaded: Loaded) -> None:
        self._link.expect(*_ANSWERS)
        self.ready_ms, self.entry, self.packages = loaded.ms, loaded.entry, loaded.packages
        self._requests.finish(0, Answer(200, [], b""))

    def compiled(self, codes: dict[str, bytes]) -> None:
        self._link.expect(Kind.LOADED, Kind.FAILED, Kind.LOG)
        self.codes = codes

    def unparsed(self, unparsed: Unparsed) -> None:
        self._link.expect()
        if pending := self._requests.waiting.pop(0, None):
            pending.asker.set_exception(DoesNotParse(unparsed))
        self.kill()

    def failed(self, request: int, report: dict[str, Any]) -> None:
        at_cpu_limit = self._overrun.stopping
        if request == 0 and 0 not in self._requests.waiting:
            if not at_cpu_limit:
                raise protocol.ProtocolError("a report of nothing")
            self.logged(0, [reports.as_record(report)], 0)  # a thread or a task that ran on after the last answer
            self._forked.signal(signal.SIGKILL)
            return
        self._requests.finish(request, Failure(report))
        if at_cpu_limit and not self._requests:
            self._forked.signal(signal.SIGKILL)

    def logged(self, request: int, records: list[dict[str, Any]], dropped: int) -> None:
        pending = self._requests.held(request)
        listener = (pending.on_log if pending is not None else None) or self.on_log
        if listener is None:
            self.early_logs += records[: _MAX_EARLY_LOGS - len(self.early_logs)]
            return
        try:
            listener(records, dropped)
        except Exception:
            log.exception("a listener to a worker's log failed")

    def called(self, number: int, payload: bytes) -> None:
        if self._desk is None:
            refusal = calls.refusal("unknown", "This worker reaches nothing outside itself.")
            self._link.send(Kind.TO_RESULT, number, refusal)
        else:
            self._desk.called(number, payload, self._origin_of, self._send_result)

    def call_cancelled(self, number: int) -> None:
        if self._desk is not None:
            self._desk.cancelled(number)

    def ended(self, violation: str) -> None:
        """The channel is gone. The zygote tells the wait status a moment later, and pending requests wait for it."""
        if violation:
            log.warning("child %d broke the protocol: %s", self.pid, violation)
            self._exit(Exit("broke the protocol"))
            self._requests.fail_all(
                reports.crash(f"The worker's process sent what no worker may send: {violation[:200]}")
            )
        self._exit(Exit("crashed"))
        self._close_desk()
        if not self._forked.died.done():
            asyncio.get_running_loop().call_later(_STATUS_WAIT, self._forked.signal, signal.SIGKILL)

    # The rest

    def _origin_of(self, request: int) -> tuple[calls.Origin, OnLog] | None:
        pending = self._requests.held(request)
        if pending is None or pending.on_log is None:
            return None
        return pending.origin or calls.Origin(), pending.on_log

    def _send_result(self, kind: Kind, number: int, payload: bytes) -> None:
        if self._link.waiting() > MAX_WAITING:
            payload = calls.refusal("busy", "The worker does not read the results that wait for it.")
        self._link.send(kind, number, payload)

    def _close_desk(self) -> None:
        if self._desk is not None:
            self._desk.close()

    def _begin(self, number: int, asker: Asker, seconds: float, on_log: OnLog | None) -> Pending:
        self._note_if_idle()
        self._link.allow_logs()
        return self._requests.begin(number, asker, time.monotonic() + seconds, on_log)

    def _note_if_idle(self) -> None:
        if not self._requests:
            self._overrun.idle()

    def _fewer(self) -> None:
        self._note_if_idle()
        if self.exited.done() and not self._requests.waiting:
            # At a limit those that wait may still be answered; a stream would keep the process for ever.
            self._requests.fail_all(reports.crash("The worker was stopped, because it was at a limit."))
            self._forked.signal(signal.SIGKILL)

    def _exit(self, reason: Exit) -> None:
        if not self.exited.done():
            self.exited.set_result(reason)

    def _died(self, died: asyncio.Future[int | None]) -> None:
        status = died.result()
        self.fell_with_zygote = status is None
        out_of_memory = self._leave_group is not None and self._leave_group()
        if self._requests:
            words = self._forked.read_last_words(), self._sources
            message = f"This worker used more than {self._limits.memory_mb} MB of memory, its files included."
            self._requests.fail_all(
                reports.limit("MemoryLimitExceeded", message, *words)
                if out_of_memory
                else reports.crash(reports.death(status), *words)
            )
        self._exit(Exit("crashed" if status is not None else "restarted", status))
        if not self.is_spare.done():
            self.is_spare.set_exception(
                ConnectionError(self._forked.read_last_words().decode("utf-8", "replace")[-2000:])
            )
            self.is_spare.exception()  # seen: nobody may be waiting
        self._link.close()
        self._forked.close()
        self._on_gone(self)

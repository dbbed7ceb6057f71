"""One worker version: loads its modules, then answers requests until the channel ends.

Runs beside untrusted code, as the only process of its sandbox. The zygote calls `run` in a child that is confined
already. Whatever happens in here may have been arranged by the worker: the supervisor believes none of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, NoReturn

from preview import protocol
from preview.inside import calls, entry, loader, logs, loops, rehearsal, report, stops, streaming, unhandled, virtual
from preview.inside.outbox import Outbox
from preview.protocol import Kind
from preview.sandbox import rlimits, syscalls

_READ_SIZE = 64 * 1024
_DONT_WAIT = socket.MSG_DONTWAIT
_SMALL = 8 * 1024  # bytes of an answer that may wait for another one
_REHEARSALS = 24  # before the fork: the interpreter rewrites code that has run eight times, and with it its pages


def run(child: Child, channel: socket.socket, *, private_files: bool, rehearse: bool) -> NoReturn:
    """Serves the supervisor at the other end of the channel; ends the process when it hangs up.

    ``private_files`` says that /worker is ours to write data files to; ``rehearse`` that there is time to get ready.
    """
    status = 0
    child.private_files = private_files
    try:
        if rehearse:
            child.rehearse()
            gc.collect(1)  # what is left of it; of what the zygote made nothing is looked at
        child.run(channel)
    except BaseException:  # nothing of the worker's may run on, not even an exit handler
        sys.__excepthook__(*sys.exc_info())
        status = 70
    finally:
        os._exit(status)


def prepare() -> Child:
    """Runs in the zygote. The child that every fork wakes up with: what it is made of is made once, and is shared as long
    as nobody writes to it. A rehearsal and a report have filled all caches and imported everything."""
    child = Child()
    for _ in range(_REHEARSALS):
        child.rehearse()
    try:
        raise ValueError("warm-up")
    except ValueError as error:
        protocol.json_payload(report.make(error, locals_=True, request=None))
    return child


@dataclass(slots=True)
class _Running:
    """A request being answered. ``reported`` once nothing more may be said of it, be it that a limit has been reported in
    its place or that the client is gone (``cancelled``)."""

    task: asyncio.Task[None] | None
    head: dict[str, Any]
    started: float
    exchange: streaming.Exchange | None = None
    reported: bool = False
    cancelled: bool = False


class Child:
    """Made before the fork, by the zygote; everything but ``rehearse`` happens after it.

    ``descriptors`` are those that it keeps: see `loops.renew`.
    """

    def __init__(self) -> None:
        self._loop = loops.make()
        self.descriptors = loops.descriptors(self._loop)
        self._channel: socket.socket
        self.private_files = False
        self._outbox = Outbox()
        self._decoder = protocol.Decoder()
        self._read_buffer = memoryview(bytearray(_READ_SIZE))
        self._running: dict[int, _Running] = {}
        self._limits: dict[str, Any] = {}
        self._show_locals = True
        self._loading: float | None = None
        self._reader = calls.BlockingReader(self._decoder, self._loop, self._handle)
        self._calls = calls.Calls(self._outbox, self._loop, self._reader, entry.refused)
        self._logs = logs.Logs(self._outbox, later=self._later)
        self._entry: entry.Entry
        self._bundle: loader.Bundle
        self._logs.install()
        unhandled.install(self._loop, self._logs.emit)
        stops.install(self._on_cpu_limit, self._on_time_limit)

    def rehearse(self) -> None:
        """Loads a worker of ours and answers a request with it, over a channel of its own, then takes every trace of it away.
        Raises RuntimeError where it has no answer.

        A freshly forked process shares its memory, and copies each page as it first touches it: some hundred page
        faults for a first load and request, at several microseconds each. Here they happen before anybody waits.
        """
        ours, theirs = (socket.socket(fileno=end) for end in syscalls.socket_pair())
        kind, last = 0, b""

        def write(frame: bytes) -> None:
            nonlocal kind, last
            _, kind, _ = protocol.HEADER.unpack_from(last := frame)
            ours.sendall(frame)
            if kind in (Kind.RESPONSE, Kind.FAILED):
                self._loop.stop()

        self._connect(ours, write)
        theirs.sendall(rehearsal.LOAD)
        if self._begin():
            theirs.sendall(rehearsal.REQUEST)
            self._loop.run_forever()
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # what else this process has to say is not a worker's
        if kind != Kind.RESPONSE:
            raise RuntimeError(f"the rehearsal failed: {last!r}")
        self._loop.remove_reader(ours)
        ours.close()
        theirs.close()
        self._bundle.uninstall()
        virtual.uninstall()
        entry.prepare({})
        del self._bundle, self._entry

    def run(self, channel: socket.socket) -> None:
        self._connect(channel, channel.sendall)
        self._outbox.send(protocol.encode(Kind.SPARE, 0))
        if not self._begin():
            return self._wait_to_be_ended()
        while True:
            # A worker may stop the loop, or raise SystemExit through it; that ends neither.
            try:
                self._loop.run_forever()
            except BaseException as error:
                logs.current.set(0)
                self._logs.emit("error", *unhandled.describe(error))

    def _connect(self, channel: socket.socket, write: Callable[[bytes], None]) -> None:
        self._channel = self._reader.channel = channel
        self._outbox.connect(write)
        self._loop.add_reader(channel, self._readable)

    def _begin(self) -> bool:
        """Waits for a worker and loads it; True where requests can follow."""
        frames = self._first_frames()
        kind, _, payload = frames.pop(0)
        self._logs.redirect()
        if kind != Kind.TO_LOAD or not self._load(payload):
            return False
        for frame in frames:
            self._handle(*frame)
        return True

    def _first_frames(self) -> list[tuple[int, int, bytes]]:
        """Blocks until the supervisor gives this spare child something to do."""
        while True:
            size = self._channel.recv_into(self._read_buffer)
            if not size:
                os._exit(0)
            if frames := list(self._decoder.feed(self._read_buffer[:size])):
                return frames

    def _wait_to_be_ended(self) -> None:
        while self._channel.recv_into(self._read_buffer):
            pass

    # Loading

    def _load(self, payload: bytes) -> bool:
        """Answers LOADED, UNPARSED or FAILED; True where requests can follow."""
        started = time.perf_counter()
        meta, packed = protocol.split_payload(payload, max_head=protocol.MAX_FRAME)
        self._limits = meta["limits"]
        self._show_locals = meta.get("locals", True)
        self._logs.allow(records=self._limits["log_records"], size=self._limits["log_bytes"])
        self._loading = time.monotonic()
        end = len(packed) - meta.get("codes", 0)
        modules, codes = protocol.unpack_modules(packed[:end]), protocol.unpack_modules(packed[end:])
        # After the runtime's packages, which a zygote may have imported already.
        if environment := meta.get("environment"):
            sys.path.append(environment)
        bundle = self._bundle = loader.Bundle(modules, meta["root"], codes)
        if unparsed := bundle.unparsed(meta["changed"]):
            self._outbox.send(protocol.encode(Kind.UNPARSED, 0, protocol.json_payload(vars(unparsed))))
            return False
        # Before anything of the worker runs, so that it cannot say anything here.
        self._outbox.send(protocol.encode(Kind.CODE, 0, protocol.pack_modules(bundle.compiled())))
        try:
            if self.private_files:
                bundle.write_data_files()
            else:
                virtual.install(bundle.files, bundle.folders)
            bundle.install()
            entry.prepare(meta["env"], meta.get("bindings", ()))
            assets = entry.assets(meta.get("assets"), bundle.below)
            self._entry = entry.find_entry(importlib.import_module(meta["main"]))
            self._entry.assets = assets
        except BaseException as error:
            self._fail(0, error, None)
            return False
        finally:
            self._logs.flush()
        self._loading = None
        entry.connect(self._calls.call, self._calls.call_blocking, self._calls.run_sync)
        packages = [name for name in meta.get("packages", ()) if name in sys.modules]
        answer = {"ms": (time.perf_counter() - started) * 1000, "entry": self._entry.name, "packages": packages}
        self._outbox.send(protocol.encode(Kind.LOADED, 0, protocol.json_payload(answer)))
        return True

    # Requests

    def _readable(self) -> None:
        try:
            size = self._channel.recv_into(self._read_buffer, 0, _DONT_WAIT)
        except BlockingIOError:
            return
        if not size:
            os._exit(0)
        for frame in self._decoder.feed(self._read_buffer[:size]):
            self._handle(*frame)

    def _handle(self, kind: int, request: int, payload: bytes) -> None:
        if kind in (Kind.TO_REQUEST, Kind.TO_EVENT):
            head, body = protocol.split_payload(payload)
            running = self._running[request] = _Running(None, head, time.monotonic())
            if head.get("more"):
                running.exchange = streaming.Exchange(self._outbox, request, body, more=True)
            self._logs.begin(request)
            running.task = self._loop.create_task(self._answer(request, head, body))
        elif kind == Kind.TO_RESULT:
            self._calls.answered(request, payload)
        elif (found := self._running.get(request)) is None:
            return  # answered already; the two crossed on their way
        elif kind == Kind.TO_CANCEL:
            if found.task and not found.reported:
                found.reported = found.cancelled = True
                found.task.cancel()
        elif found.exchange is not None:
            if kind in (Kind.TO_BODY, Kind.TO_BODY_END):  # its sender's time is not the worker's
                found.started = max(found.started, time.monotonic())
            found.exchange.heard(kind, payload)

    async def _answer(self, request: int, head: dict[str, Any], body: bytes) -> None:
        logs.current.set(request)
        running = self._running[request]
        try:
            if "event" in head:
                frame = self._response(request, 200, [], await self._event(head, body))
            else:
                frame = await self._call(request, running, body)
        except BaseException as error:
            frame = b""
            if not running.reported:
                self._logs.finish(request)
                self._fail(request, error, head)
        finally:
            self._running.pop(request, None)
            self._logs.finish(request)
            if running.exchange is not None:
                running.exchange.finish()
        if running.cancelled:
            self._outbox.send(protocol.encode(Kind.BODY_END, request))
        elif frame and not running.reported:
            if self._running and len(frame) < _SMALL:
                self._outbox.post(frame, self._loop)
            else:
                self._outbox.send(frame)

    async def _event(self, head: dict[str, Any], body: bytes) -> bytes:
        """Has the handler take an event. Returns what came of it, as JSON; a failed batch has a report in it."""
        outcome, error = await self._entry.event(head, body)
        if error is not None:
            outcome["error"] = report.make(error, locals_=bool(head.get("private")), request=None)
        return protocol.json_payload(outcome)

    async def _call(self, request: int, running: _Running, body: bytes) -> bytes:
        """Has the handler answer. Returns the last frame of the answer, which mostly is its only one."""
        exchange = running.exchange
        status, headers, content = await self._entry.call(running.head, body, exchange.incoming if exchange else None)
        if isinstance(content, bytes):
            return self._response(request, status, headers, content)
        protocol.check_response(status if status != 101 else 200, headers)
        running.started = float("inf")  # the wall limit is for the head of an answer
        exchange = running.exchange = exchange or streaming.Exchange(self._outbox, request, b"", more=False)
        if isinstance(content, entry.workers.WebSocket):
            return await exchange.carry(headers, content)
        await exchange.send_body(status, headers, content, empty=running.head["method"] == "HEAD")
        return protocol.encode(Kind.BODY_END, request)

    def _response(self, request: int, status: int, headers: list[tuple[str, str]], body: bytes) -> bytes:
        """The RESPONSE frame. Raises ValueError with a sentence for the user where the supervisor would refuse it."""
        most = self._limits["body_bytes"]
        if len(body) > most:
            raise ValueError(f"The response body is {len(body):,} bytes; the limit is {most:,}.")
        protocol.check_response(status, headers)
        return protocol.encode(
            Kind.RESPONSE, request, protocol.join_payload({"status": status, "headers": headers}, body)
        )

    def _fail(self, request: int, error: BaseException, head: dict[str, Any] | None, **more: Any) -> None:
        show = bool(head.get("private")) if head is not None else self._show_locals
        with rlimits.room_for_a_report():
            made = report.make(error, locals_=show, request=head) | more
            self._outbox.send(protocol.encode(Kind.FAILED, request, protocol.json_payload(made)))

    # Limits

    def _on_cpu_limit(self, frame: FrameType | None) -> None:
        message = f"This worker used more than {self._limits['cpu_s']:g} s of CPU time."
        self._outbox.when_free(lambda: self._stop(stops.CPULimitExceeded(message), frame, float("inf")))

    def _on_time_limit(self, frame: FrameType | None) -> None:
        seconds = self._limits["wall_s"] if self._loading is None else self._limits["load_s"]
        message = f"This took longer than {seconds:g} s."
        # A little early is due as well: the two sides' clocks did not start at the same moment.
        due = time.monotonic() - seconds + 0.5
        self._outbox.when_free(lambda: self._stop(stops.TimeLimitExceeded(message), frame, due))

    def _stop(self, error: BaseException, frame: FrameType | None, due: float) -> None:
        """Reports ``error`` for every request that began before ``due``, each with the line where it is."""
        self._logs.flush_from_signal()
        interrupted = stops.running(frame)
        if self._loading is not None or not self._running:
            self._report_limit(0, error, interrupted, None)
            return
        inside = logs.current.get()
        for request, running in list(self._running.items()):
            if running.reported or running.started > due:
                continue
            running.reported = True
            own = stops.waiting(running.task.get_coro()) if running.task else None
            where = interrupted if interrupted and (request == inside or own is None or not inside) else own
            self._report_limit(request, error, where, running.head)
            if running.task:
                running.task.cancel()

    def _report_limit(
        self, request: int, error: BaseException, where: TracebackType | None, head: dict[str, Any] | None
    ) -> None:
        self._fail(request, error.with_traceback(where), head, kind="limit")

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        """call_later from any thread; a no-op where the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, call)

"""The one thread of a process that appends to the logs: it commits what all rooms have ready in one transaction.

Rooms hand over flights and are told in their event loop how each ended. A flight that ended well survives power loss.
The first one after a quiet moment is written at once; under load the thread gathers for a few milliseconds between two
transactions, as each costs a sync of the disk. Nothing here knows what a batch means.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DataError, Error, IntegrityError, connection

from quickedit.workspaces import log
from quickedit.workspaces.log import Write

GATHER = 0.004
"""Seconds between the end of a transaction that several rooms shared and the beginning of the next one."""

_log = logging.getLogger(__name__)


class Outcome(enum.Enum):
    """DURABLE: on disk. OVERTAKEN: nothing done, another process has moved the head. FAILED: nothing is known to be
    done."""

    DURABLE = "durable"
    OVERTAKEN = "overtaken"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Flight:
    """What one room wants on disk; ``done`` is called once, in ``loop``."""

    write: Write
    loop: asyncio.AbstractEventLoop
    done: Callable[[Outcome], None]

    def report(self, outcome: Outcome) -> None:
        try:
            self.loop.call_soon_threadsafe(self.done, outcome)
        except RuntimeError:
            pass  # the loop is closed: nobody waits for the answer any more


class Writer:
    """``put`` may be called from any thread. The thread starts with the first flight and ends with the process."""

    def __init__(self, append: Callable[[list[Write]], list[bool]] = log.append) -> None:
        self._append = append
        self._inbox: queue.SimpleQueue[Flight] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, flight: Flight) -> None:
        self._inbox.put(flight)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="quickedit-writer", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        ended, crowd = 0.0, 0
        while True:
            flights = [self._inbox.get()]
            # One typist alone gains nothing by waiting; many share one sync of the disk.
            pause = ended + GATHER - time.monotonic() if crowd > 1 else 0.0
            if pause > 0:
                time.sleep(pause)
            while not self._inbox.empty():
                flights.append(self._inbox.get())
            for flight, outcome in self._commit(flights):
                flight.report(outcome)
            ended, crowd = time.monotonic(), len(flights)

    def _commit(self, flights: list[Flight]) -> list[tuple[Flight, Outcome]]:
        try:
            won = self._append([flight.write for flight in flights])
        except (IntegrityError, DataError) as error:
            if len(flights) > 1:  # one of them is at fault, and the others must not pay for it
                return [pair for flight in flights for pair in self._commit([flight])]
            _log.warning("worker %s: a batch met a revision that exists: %s", flights[0].write.worker_id, error)
            return [(flights[0], Outcome.OVERTAKEN if isinstance(error, IntegrityError) else Outcome.FAILED)]
        except Exception as error:
            self._recover(error)
            return [(flight, Outcome.FAILED) for flight in flights]
        outcomes = [Outcome.DURABLE if ok else Outcome.OVERTAKEN for ok in won]
        return list(zip(flights, outcomes, strict=True))

    def _recover(self, error: Exception) -> None:
        """The thread must outlive every error; the connection need not."""
        _log.error("batches could not be written: %s", error, exc_info=not isinstance(error, Error))
        try:
            connection.close()
        except Exception:
            _log.exception("closing the writer's connection failed")

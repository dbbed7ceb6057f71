"""What `scheduled` and `queue` handlers receive.

The runtime makes these from an event of the supervisor's and reads from a batch, afterwards, what became of it. The
names are Cloudflare's own, `batch.ackAll()`, each beside its Python spelling, `batch.ack_all()`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .results import result


class ScheduledController:
    """Why and when a `scheduled` handler runs."""

    type = "scheduled"

    def __init__(self, scheduled_time: float, cron: str) -> None:
        self.scheduledTime = scheduled_time
        """When it was due: milliseconds since the epoch."""
        self.cron = cron
        """The trigger's expression, such as `*/5 * * * *`."""

    @property
    def scheduled_time(self) -> float:
        """When it was due: milliseconds since the epoch."""
        return self.scheduledTime

    def noRetry(self) -> None:
        """Does nothing: a failed run is never repeated here."""

    no_retry = noRetry


class Message:
    """One message of a queue. Acknowledge it with `ack()`, or have it delivered again with `retry()`."""

    def __init__(self, batch: MessageBatch, id: str, timestamp: float, attempts: int, body: Any) -> None:
        self._batch = batch
        self.id = id
        self.timestamp = datetime.fromtimestamp(timestamp / 1000, UTC)
        """When it was sent."""
        self.attempts = attempts
        """Which delivery this is, 1 for the first."""
        self.body = body

    def ack(self) -> None:
        """It is done, whatever becomes of the rest of the batch."""
        self._batch._decide(self.id, {"ack": True})

    def retry(self, options: Mapping[str, Any] | None = None, *, delay_seconds: int | None = None) -> None:
        """Deliver it again, after `delay_seconds` (or `{"delaySeconds": n}`, as on Cloudflare)."""
        self._batch._decide(self.id, {"retry": True, "delay": _delay(options, delay_seconds)})


class MessageBatch:
    """What a `queue` handler receives: `for message in batch.messages`."""

    def __init__(self, queue: str, messages: Sequence[Mapping[str, Any]]) -> None:
        self.queue = queue
        """The queue's name."""
        self.messages = [
            Message(self, each["id"], each["timestamp"], each["attempts"], _body(each)) for each in messages
        ]
        self._decisions: dict[str, dict[str, Any]] = {}
        self._rest: dict[str, Any] | None = None

    def ackAll(self) -> None:
        """All messages of the batch are done, but for those that were decided one by one."""
        self._rest = self._rest or {"ack": True}

    def retryAll(self, options: Mapping[str, Any] | None = None, *, delay_seconds: int | None = None) -> None:
        """All are delivered again, but for those that were decided one by one."""
        self._rest = self._rest or {"retry": True, "delay": _delay(options, delay_seconds)}

    ack_all = ackAll
    retry_all = retryAll

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    def _decide(self, id: str, decision: dict[str, Any]) -> None:
        self._decisions.setdefault(id, decision)  # the first word counts, as on Cloudflare

    def _outcome(self) -> dict[str, Any]:
        """For the supervisor: {"messages": {id: decision}, "rest": decision}. Unsaid is done."""
        return {"messages": self._decisions, "rest": self._rest or {"ack": True}}


def _body(message: Mapping[str, Any]) -> Any:
    """A message's body by its content type: text, bytes, or what JSON holds."""
    body: str = message["body"]
    if message["type"] == "bytes":
        return base64.b64decode(body)
    return body if message["type"] == "text" else result(json.loads(body))


def _delay(options: Mapping[str, Any] | None, seconds: int | None) -> int | None:
    value = seconds if seconds is not None else (options or {}).get("delaySeconds")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise TypeError("a delay is a number of seconds, 0 or more")
    return value

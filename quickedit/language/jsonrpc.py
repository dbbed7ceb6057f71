"""A language server that runs as a process of its own, spoken to over its standard input and output. Used by ``checker`` and
``lint``; what the messages mean is theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes of one message from a server; a larger one ends it."""
_LAUNCH = str(Path(__file__).with_name("launch.py"))

_log = logging.getLogger(__name__)


class Gone(Exception):
    """The process has ended, or what it says is not to be trusted any more."""


class RequestFailed(Exception):
    """The server answered with an error: the question cannot be answered as things stand. ``again`` where it says that it could
    be if it were asked once more: the text changed in between."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error)[:300])
        self.again = isinstance(error, dict) and error.get("code") in (-32801, -32802)


class Server:
    """One running process. ``ended`` is called once when it has gone, whoever ended it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ended: Callable[[], None],
        notified: Callable[[str, Any], None],
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._ended, self._notified = ended, notified
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._gone = False
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        read: Sequence[str],
        use: Sequence[str] = (),
        memory: int,
        environment: Mapping[str, str],
        ended: Callable[[], None],
        notified: Callable[[str, Any], None] = lambda _method, _params: None,
    ) -> Server:
        """Starts ``command`` confined to the paths named: see ``launch``. Raises OSError."""
        confinement = json.dumps({"run": list(command), "read": list(read), "use": list(use), "memory": memory})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-B", _LAUNCH, confinement,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "HOME": "/nonexistent", **environment}, cwd="/", limit=1024 * 1024,
        )  # fmt: skip
        return cls(process, ended, notified)

    def notify(self, method: str, params: Any) -> None:
        """Does nothing where the server has gone."""
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    async def ask(self, method: str, params: Any, *, wait: float) -> Any:
        """The result. Raises RequestFailed, Gone, and TimeoutError after ``wait`` seconds. Where the caller is cancelled,
        the server is told."""
        if self._gone:
            raise Gone
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            async with asyncio.timeout(wait):
                return await answer
        except (asyncio.CancelledError, TimeoutError):
            self.notify("$/cancelRequest", {"id": number})
            raise
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """Ends the process at once; it holds nothing that would need to be kept."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            while True:
                self._take(await self._message())
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            _log.info("a language server has ended: %r", error)
        finally:
            await self._finish()

    async def _finish(self) -> None:
        self._gone = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Gone())
        self._waiting.clear()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        getattr(self._process, "_transport").close()  # noqa: B009 - asyncio has no public way, and pipes would stay open
        self._ended()

    async def _message(self) -> Any:
        """Raises IncompleteReadError (an EOFError) at the end, ValueError for what is no message."""
        assert self._process.stdout is not None
        size = -1
        while (line := await self._process.stdout.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        if not 0 <= size <= MAX_MESSAGE:
            raise ValueError(f"a message of {size} bytes")
        return msgspec.json.decode(await self._process.stdout.readexactly(size))

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")
        number, method = message.get("id"), message.get("method")
        if isinstance(method, str):
            if number is not None:  # a request of the server's: it has nothing to ask that we would grant
                self._write({"jsonrpc": "2.0", "id": number, "result": None})
            self._notified(method, message.get("params"))
            return
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(RequestFailed(message["error"]))
        else:
            answer.set_result(message.get("result"))

    def _write(self, message: Any) -> None:
        if self._gone or self._process.stdin is None or self._process.stdin.is_closing():
            return
        body = msgspec.json.encode(message)
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

"""The analysing processes of this process: started when the first session needs one, killed and replaced when one takes too long,
ended a while after the last session. Used by ``session``; everything happens in one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import weakref
from typing import Any

from quickedit.language import checker, frames
from quickedit.language.lint import Linter
from quickedit.language.mirror import Home

WALL_SECONDS = 2.0
"""One question. Longer than that nobody waits for a completion, and the text may be made to take for ever."""
START_SECONDS = 20.0
IDLE_SECONDS = 60.0
"""After the last session, before the processes end and their memory is free."""
PROCESSES = 2
"""At most; the second starts with the second session. One process answers one question at a time, in 5–50 ms."""

_log = logging.getLogger(__name__)


class Engine:
    """One analysing process, and the next one when it had to be killed. Questions wait for each other in order."""

    def __init__(self, home: Home) -> None:
        self.sessions = 0
        self.kills = 0
        self._home = home
        self._turn = asyncio.Lock()
        self._question: asyncio.Task[Any] | None = None
        """The one that has its turn: a task that nobody holds may be collected in the middle."""
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, method: str, arguments: dict[str, Any]) -> Any:
        """The answer; None where jedi has none, or took longer than WALL_SECONDS. A cancelled question that was not yet asked
        is never asked; one that was asked keeps its turn until its answer has come, however often it is cancelled: the next
        question would read that answer as its own."""
        await self._turn.acquire()
        question = self._question = asyncio.create_task(self._ask(method, arguments))
        question.add_done_callback(lambda _: self._turn.release())
        return await asyncio.shield(question)

    async def start(self) -> None:
        """Starts the process ahead of the first question."""
        async with self._turn:
            await self._started()

    async def _ask(self, method: str, arguments: dict[str, Any]) -> Any:
        process = await self._started()
        if process is None:
            return None
        try:
            async with asyncio.timeout(WALL_SECONDS):
                message = await _exchange(process, frames.encode({"method": method, "arguments": arguments}))
        except TimeoutError:
            self.kills += 1
            _log.warning("a question took longer than %s s; its process is replaced", WALL_SECONDS)
        except (OSError, EOFError, frames.BadFrame) as error:
            _log.warning("the language process is gone (%s); it is replaced", error)
        else:
            return message.get("result") if isinstance(message, dict) else None
        await self._kill()
        return None

    async def _started(self) -> asyncio.subprocess.Process | None:
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._kill()
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-B", "-m", "quickedit.language.engine", str(self._home.path),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                env={"LANG": "C.UTF-8", "HOME": "/nonexistent"}, cwd="/", limit=256 * 1024,
            )  # fmt: skip
            async with asyncio.timeout(START_SECONDS):
                await _receive(process)
        except (OSError, EOFError, TimeoutError, frames.BadFrame) as error:
            _log.error("the language process does not start: %r", error)
            await self._kill()
            return None
        return process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        getattr(process, "_transport").close()  # noqa: B009 - asyncio has no public way, and pipes would stay open

    async def close(self) -> None:
        async with self._turn:
            await self._kill()


async def _exchange(process: asyncio.subprocess.Process, frame: bytes) -> Any:
    assert process.stdin is not None
    process.stdin.write(frame)
    await process.stdin.drain()
    return await _receive(process)


async def _receive(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    size = frames.length(await process.stdout.readexactly(frames.HEADER.size))
    return frames.decode(await process.stdout.readexactly(size))


class Pool:
    """All engines of one event loop."""

    def __init__(self) -> None:
        self.home = Home()
        self.engines: list[Engine] = []
        self.linter = Linter(self.home)
        self._idle: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def enter(self) -> Engine:
        """The engine for a new session: a fresh one while there are fewer than PROCESSES, else the one with fewest sessions."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        engine = min(self.engines, key=lambda engine: engine.sessions, default=None)
        if engine is None or (engine.sessions and len(self.engines) < PROCESSES):
            engine = Engine(self.home)
            self.engines.append(engine)
            self._spawn(engine.start())
        engine.sessions += 1
        return engine

    def leave(self, engine: Engine) -> None:
        """A session is over."""
        engine.sessions -= 1
        if not self._closed and not any(engine.sessions for engine in self.engines):
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(IDLE_SECONDS, lambda: self._spawn(self.close()))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ends the processes and removes the folder. Sessions still open get no more answers."""
        self._closed = True
        if _pools.get(asyncio.get_running_loop()) is self:
            del _pools[asyncio.get_running_loop()]
        if self._idle is not None:
            self._idle.cancel()
        await asyncio.gather(self.linter.close(), checker.closed(), *(engine.close() for engine in self.engines))
        self.home.remove()


_pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = weakref.WeakKeyDictionary()


def pool() -> Pool:
    """The pool of the running event loop, made at its first use."""
    loop = asyncio.get_running_loop()
    found = _pools.get(loop)
    if found is None:
        found = _pools[loop] = Pool()
    return found

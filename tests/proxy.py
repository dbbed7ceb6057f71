"""A TCP proxy in user space that delays, stalls, drops and cuts: the network between a browser and us, as bad as wanted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

CHUNK = 16 * 1024


class Proxy:
    """``target`` says where a new connection goes. ``delay`` is seconds one way, ``stalled`` swallows what comes until it is
    false again or the connection is cut (a network that drops everything), ``jitter`` cuts bytes into odd pieces."""

    def __init__(self, target: Callable[[], int], delay: float = 0.0, jitter: random.Random | None = None) -> None:
        self._target = target
        self.delay = delay
        self.jitter = jitter
        self.stalled = False
        self.refusing = False
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Every connection is reset."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            above, there = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there}
        try:
            await asyncio.gather(self._pump(reader, there), self._pump(above, writer))
        finally:
            for each in (writer, there):
                each.transport.abort()
                self._writers.discard(each)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """In order; each piece is ``delay`` late, however many are under way."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def pour() -> None:
            while True:
                due, data = await pieces.get()
                await asyncio.sleep(due - loop.time())
                if not self.stalled:
                    sink.write(data)
                    await sink.drain()
                if not data:
                    return

        pouring = asyncio.create_task(pour())
        with suppress(OSError):
            while data := await source.read(self.jitter.randint(1, 700) if self.jitter else CHUNK):
                pieces.put_nowait((loop.time() + self.delay, data))
        pieces.put_nowait((loop.time() + self.delay, b""))
        with suppress(OSError):
            await pouring
        pouring.cancel()
        sink.transport.abort()


@asynccontextmanager
async def proxy(
    target: Callable[[], int], delay: float = 0.0, jitter: random.Random | None = None
) -> AsyncIterator[Proxy]:
    """A running proxy for the length of a block."""
    made = Proxy(target, delay, jitter)
    await made.start()
    try:
        yield made
    finally:
        await made.close()

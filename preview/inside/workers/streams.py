"""Bodies that come or go piece by piece: `async for chunk in request.body`, and what `Response` takes beside bytes.

Used by Request and Response; the runtime feeds a `ByteStream` as pieces arrive, and reads what a response gives as fast
as the client takes it. Nothing here holds more than what is under way.
"""

from __future__ import annotations

import asyncio
import builtins
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TypeAlias

Chunk: TypeAlias = "str | bytes | bytearray | memoryview"
Chunks: TypeAlias = "Iterable[Chunk] | AsyncIterable[Chunk]"
"""What a streamed body is made of: a generator, plain or async, or any other iterable of str or bytes."""


class ByteStream:
    """A body as it arrives: `async for chunk in request.body`. It can be read once.

    A chunk is some bytes, as many as have arrived; where it is cut means nothing. Raises ConnectionError where the
    sender went away before the body was whole.
    """

    __slots__ = ("_begun", "_chunks", "_ended", "_error", "_source", "_taken", "_waiter")

    def __init__(
        self,
        content: builtins.bytes = b"",
        taken: Callable[[int], None] | None = None,
        source: AsyncIterator[builtins.bytes] | None = None,
    ) -> None:
        """`content` at once; then what the runtime feeds, which hears what was `taken`; or what `source` yields."""
        self._chunks: deque[builtins.bytes] = deque([content] if content else [])
        self._taken = taken
        self._source = source
        self._begun = False
        self._ended = taken is None
        self._error = ""
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> AsyncIterator[builtins.bytes]:
        return self

    async def __anext__(self) -> builtins.bytes:
        self._begun = True
        if self._source is not None:
            return await anext(self._source)
        while not self._chunks:
            if self._error:
                raise ConnectionError(self._error)
            if self._ended:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("the body is being read by two tasks at once")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        chunk = self._chunks.popleft()
        if self._taken is not None:
            self._taken(len(chunk))
        return chunk

    async def read(self) -> builtins.bytes:
        """All that is left of the body."""
        return b"".join([chunk async for chunk in self])

    # The runtime's side

    def _feed(self, chunk: builtins.bytes) -> None:
        if chunk:
            self._chunks.append(chunk)
            self._wake()

    def _end(self, error: str = "") -> None:
        self._ended, self._error = True, error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def pieces(chunks: Chunks) -> AsyncIterator[builtins.bytes]:
    """The chunks of a streamed body as bytes. Closes a generator that is left early. Raises TypeError for other chunks."""
    source: AsyncIterator[Chunk] | Iterator[Chunk]
    if isinstance(chunks, AsyncIterable):
        source = aiter(chunks)
        try:
            async for chunk in source:
                yield _as_bytes(chunk)
        finally:
            if (close := getattr(source, "aclose", None)) is not None:
                await close()
        return
    source = iter(chunks)
    try:
        for chunk in source:
            yield _as_bytes(chunk)
            await asyncio.sleep(0)  # a generator that never waits would let no other request run
    finally:
        if (shut := getattr(source, "close", None)) is not None:
            shut()


def tee(stream: ByteStream) -> tuple[ByteStream, ByteStream]:
    """Two streams of the same bytes. What one has read and the other has not is held in memory."""
    waiting: tuple[deque[builtins.bytes], deque[builtins.bytes]] = (deque(), deque())
    turn = asyncio.Lock()

    async def branch(own: int) -> AsyncIterator[builtins.bytes]:
        while True:
            async with turn:
                if not waiting[own]:
                    try:
                        chunk = await anext(stream)
                    except StopAsyncIteration:
                        return
                    waiting[0].append(chunk)
                    waiting[1].append(chunk)
            yield waiting[own].popleft()

    return ByteStream(source=branch(0)), ByteStream(source=branch(1))


def _as_bytes(chunk: Chunk) -> builtins.bytes:
    if isinstance(chunk, str):
        return chunk.encode("utf-8", "replace")
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise TypeError(f"a streamed body yields str or bytes, not {type(chunk).__name__}")

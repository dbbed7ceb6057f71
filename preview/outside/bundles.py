"""Bundles by digest: in memory while they are warm, on disk so that a restarted runner need not ask web for everything.

``programs`` puts and gets them. A bundle is content-addressed: what is read is checked against its name, so a
half-written or tampered file is dropped, never run. The disk is a cache with a bound; nothing here is the only copy
of anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from preview.bundle import MAX_MODULES, MAX_PATH, MAX_WORKER

log = logging.getLogger(__name__)

MAX_DISK = 512 * 1024 * 1024
MAX_MEMORY = 64 * 1024 * 1024
MAX_PACKED = MAX_WORKER + MAX_MODULES * (MAX_PATH + 8)
"""Bytes of one packed bundle: what bundle.py allows plus paths and lengths."""
WRITE_AFTER = 1.0
"""Seconds after which a bundle is written: of a draft that somebody types in, the last one of that time. Writing each took as
long as running it."""
_NAME = re.compile("[0-9a-f]{64}")


class BadDigest(Exception):
    """The bytes are not those that the digest names."""


class Bundles:
    """The bundles of one runner, in ``folder``. Use from one event loop; the disk is touched by one thread of its
    own."""

    def __init__(self, folder: Path, *, max_disk: int = MAX_DISK, max_memory: int = MAX_MEMORY) -> None:
        self._folder = folder
        self._max_disk = max_disk
        self._max_memory = max_memory
        self._warm: OrderedDict[str, bytes] = OrderedDict()
        self._warm_size = 0
        self._stored: OrderedDict[str, int] = OrderedDict()
        self._stored_size = 0
        self._unwritten: dict[str, tuple[str, bytes]] = {}
        """By the program's key: the digest and the bytes of the newest one."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bundles")
        self._take_stock()

    def put(self, digest: str, packed: bytes, key: str) -> None:
        """Keeps a bundle, warm at once and on disk soon after, unless the program ``key`` has another one by then. Raises
        BadDigest."""
        if len(packed) > MAX_PACKED or hashlib.sha256(packed).hexdigest() != digest:
            raise BadDigest(f"A bundle of {len(packed)} bytes is not what its digest {digest[:12]}… names.")
        self._warm_up(digest, packed)
        if digest in self._stored:
            self._stored.move_to_end(digest)
            self._unwritten.pop(key, None)
            return
        if not self._unwritten:
            asyncio.get_running_loop().call_later(WRITE_AFTER, self._write_out)
        self._unwritten[key] = digest, packed

    def drop(self, key: str) -> None:
        """A program is no more: what it had and was not written is not worth it."""
        self._unwritten.pop(key, None)

    async def get(self, digest: str) -> bytes | None:
        """The packed bundle, or None where it is not here (any more)."""
        packed = self._warm.get(digest)
        if packed is not None:
            self._warm.move_to_end(digest)
            return packed
        for key, (name, packed) in self._unwritten.items():
            if name == digest:
                self._unwritten[key] = self._unwritten.pop(key)  # used last, so written last and evicted last
                return packed
        if digest not in self._stored:
            return None
        packed = await asyncio.get_running_loop().run_in_executor(self._thread, self._read, digest)
        if packed is None:
            self._stored_size -= self._stored.pop(digest, 0)
            return None
        if digest in self._stored:
            self._stored.move_to_end(digest)
        self._warm_up(digest, packed)
        return packed

    def close(self) -> None:
        """Finishes what is being written, or to be written."""
        self._write_out()
        self._thread.shutdown(wait=True)

    # In memory

    def _warm_up(self, digest: str, packed: bytes) -> None:
        if digest not in self._warm:
            self._warm_size += len(packed)
        self._warm[digest] = packed
        self._warm.move_to_end(digest)
        while self._warm_size > self._max_memory and len(self._warm) > 1:
            _, dropped = self._warm.popitem(last=False)
            self._warm_size -= len(dropped)

    # On disk

    def _take_stock(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = []
        for entry in os.scandir(self._folder):
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime_ns, entry.name, status.st_size))
            elif entry.name.startswith(".part-"):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
        self._stored.update((name, size) for _, name, size in sorted(found))
        self._stored_size = sum(self._stored.values())
        self._evict()

    def _evict(self) -> None:
        while self._stored_size > self._max_disk and len(self._stored) > 1:
            digest, size = self._stored.popitem(last=False)
            self._stored_size -= size
            self._thread.submit(self._remove, digest)

    def _write_out(self) -> None:
        unwritten, self._unwritten = dict(self._unwritten.values()), {}
        for digest, packed in unwritten.items():
            if digest not in self._stored:
                self._stored[digest] = len(packed)
                self._stored_size += len(packed)
                self._thread.submit(self._write, digest, packed)
        self._evict()

    def _write(self, digest: str, packed: bytes) -> None:
        part = self._folder / f".part-{digest}"
        try:
            # No fsync: a file that a power cut left short fails its digest and is asked for again.
            with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(packed)
            os.replace(part, self._folder / digest)
        except OSError as error:
            log.warning("A bundle could not be kept on disk: %s", error)
            with contextlib.suppress(OSError):
                part.unlink()

    def _read(self, digest: str) -> bytes | None:
        path = self._folder / digest
        try:
            with open(path, "rb") as file:
                packed = file.read(MAX_PACKED + 1)
            os.utime(path)
        except OSError:
            return None
        if len(packed) <= MAX_PACKED and hashlib.sha256(packed).hexdigest() == digest:
            return packed
        log.warning("The stored bundle %s… is damaged: dropped", digest[:12])
        self._remove(digest)
        return None

    def _remove(self, digest: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._folder / digest)

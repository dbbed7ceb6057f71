"""Stores over real files: one live, and one of a preview above it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio

from preview.outside.bindings.stores import Stores, WorkerData


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield pool


@pytest_asyncio.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    stores = Stores(tmp_path / "data")
    yield stores
    await stores.close()


@pytest_asyncio.fixture
async def live(stores: Stores) -> WorkerData:
    return stores.data("7", preview=False)


@pytest_asyncio.fixture
async def preview(stores: Stores, live: WorkerData) -> WorkerData:
    return stores.data("7", preview=True)

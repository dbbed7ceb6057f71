"""How long ``quickedit up`` takes on a tree that is set up: from the command to the printed login URL."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from bench._product import product
from bench.rows import Row, median


def rows() -> Iterable[Row]:
    """Some twenty seconds."""
    with tempfile.TemporaryDirectory(prefix="quickedit-start-") as directory:
        data = Path(directory) / "data"
        with product(data) as first:
            yield Row("start with an empty data directory (migrates)", first.start_ms, "ms")
        again = []
        for _ in range(5):
            with product(data) as running:
                again.append(running.start_ms)
    yield Row(
        "start of a set-up tree → login URL printed",
        median(again),
        "ms p50",
        "≤ 3000",
        median(again) <= 3000,
        "5 starts",
    )

"""What the tests of HTMLRewriter share: a way through one, pieces of markup that mean something together, a stopwatch."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from preview.inside import entry

workers = entry.workers
HTMLRewriter = importlib.import_module("workers._rewriter").HTMLRewriter

SYNTAX = st.sampled_from(
    ["<", "</", ">", "/>", "<!--", "-->", "--!>", "<!", "<![CDATA[", "]]>", "a", "script", "title", "=", '"', "'", " ", "-",
     "/", "é", "&amp;", "<script>", "</script>", "<!doctype", "\n"]
)  # fmt: skip


def through(rewriter: Any, html: str | bytes, size: int = 0) -> str:
    """The document rewritten, streamed in pieces of so many bytes."""
    whole = html.encode() if isinstance(html, str) else html
    body = (whole[at : at + size] for at in range(0, len(whole), size)) if size else whole
    return asyncio.run(rewriter.transform(workers.Response(body)).bytes()).decode("utf-8", "surrogateescape")


def taken(work: Callable[[], object]) -> float:
    """The lesser of two times, in seconds of this process alone."""
    times = []
    for _ in range(2):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)

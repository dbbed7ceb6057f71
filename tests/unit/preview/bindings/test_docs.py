"""docs/bindings.md: its limits are those of the code, and its tests are there."""

from __future__ import annotations

import re

from preview.outside.bindings import consumers, d1, d1_sql, kv, objects, queues, services, stores
from tests.support import ROOT

TEXT = (ROOT / "docs" / "bindings.md").read_text()

LIMITS = {
    "a key of KV": kv.MAX_KEY,
    "a value of KV": kv.MAX_VALUE,
    "metadata of a KV value": kv.MAX_METADATA,
    "the least time to live": kv.MIN_TTL,
    "keys of one list, of KV and R2": kv.MAX_LIST,
    "keys of one KV get": kv.MAX_BULK,
    "one statement of SQL": d1_sql.MAX_SQL,
    "one migration": d1_sql.MAX_MIGRATION,
    "values bound to a statement": d1_sql.MAX_PARAMETERS,
    "one value or row of D1": d1_sql.MAX_VALUE,
    "the result of one D1 call": d1_sql.MAX_RESULT,
    "one D1 call, a migration too": d1.SECONDS,
    "a key of R2": objects.MAX_KEY,
    "one put, part or read of R2": objects.MAX_PART,
    "an object of R2": objects.MAX_OBJECT,
    "a message": queues.MAX_MESSAGE,
    "messages of one sendBatch": queues.MAX_BATCH,
    "bytes of one sendBatch": queues.MAX_BATCH_BYTES,
    "the longest delay of a message": queues.MAX_DELAY,
    "messages kept for": queues.RETENTION,
    "batches of one consumer at once": consumers.CONCURRENCY,
    "workers that wait for each other": services.MAX_DEPTH,
    "SQL processes of a runner at once": d1.MAX_PROCESSES,
    "each store of a worker: KV, R2, queues, every D1 database": stores.MOST,
}


def test_the_documented_limits_are_those_of_the_code() -> None:
    section = TEXT.partition("## Limits")[2].partition("\n## ")[0]
    found = {
        what: int(number.replace(",", "")) for what, number in re.findall(r"^\| (.+?) \| ([0-9,]+)", section, re.M)
    }
    assert found == LIMITS


def test_each_test_that_the_document_names_is_there() -> None:
    names = set(re.findall(r"`(test_[a-z0-9_]+)`", TEXT))
    assert len(names) > 8
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name in names if f"def {name}(" not in code]

"""``make bench``: runs the benchmarks of this directory one after the other and prints one table.

Every module beside this one (but ``rows`` and those with a leading underscore) has ``rows() -> Iterable[Row]``. Lines appear as
they are measured. The exit status is 1 where a benchmark failed or could not run, and where a target was missed.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
import timeit
import traceback
from collections.abc import Iterable
from pathlib import Path

from bench.rows import CannotRun, Row

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"run", "rows", "__init__"}


def names() -> list[str]:
    return sorted(p.stem for p in HERE.glob("*.py") if p.stem not in NOT_BENCHMARKS and not p.stem.startswith("_"))


def line(row: Row) -> str:
    value = f"{row.value:,.2f}".rstrip("0").rstrip(".") if isinstance(row.value, float) else f"{row.value}"
    verdict = {True: "ok", False: "MISSED", None: ""}[row.ok]
    text = f"  {row.what:<62} {value:>10} {row.unit:<10} {row.target:<10} {verdict:<7} {row.note}"
    return text.rstrip()


def run_one(name: str) -> bool:
    """Prints the rows of one module; says whether all went well."""
    print(f"\n{name}", flush=True)
    good, began = True, time.monotonic()
    try:
        rows: Iterable[Row] = importlib.import_module(f"bench.{name}").rows()
        for row in rows:
            print(line(row), flush=True)
            good = good and row.ok is not False
    except CannotRun as reason:
        print(f"  cannot run here: {reason}")
        good = False
    except Exception:
        traceback.print_exc()
        good = False
    print(f"  ({time.monotonic() - began:.1f} s)", flush=True)
    return good


def pace() -> float:
    """Nanoseconds that this interpreter takes to square and add a number: what figures of another machine, of another hour, or of
    a Python that was built without optimisation are to be seen by."""
    count = 10_000
    return (
        min(timeit.repeat(lambda: sum(number * number for number in range(count)), number=1, repeat=20)) / count * 1e9
    )


def main(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(names())}")
        return 2
    print(
        f"Quick Edit on {platform.system()} {platform.release()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()} at {pace():.0f} ns a square"
    )
    print(f"  {'what':<62} {'measured':>10} {'':<10} {'target':<10}")
    results = {name: run_one(name) for name in wanted or names()}
    bad = [name for name, good in results.items() if not good]
    print(
        f"\n{len(results) - len(bad)} of {len(results)} benchmarks met every target"
        + (f"; not: {', '.join(bad)}" if bad else "")
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The store of compiled modules and the size of the spare pool: pure rules, no process."""

from __future__ import annotations

from preview.outside.codes import Codes
from preview.outside.demand import CALM, MOST, Demand


def test_code_is_found_by_tenant_path_and_content_and_by_nothing_less() -> None:
    codes = Codes()
    codes.put(
        "draft:1", {"a.py": b"x = 1", "b.txt": b""}, {"a.py": b"code", "b.txt": b"no", "c.py": b"not a module of it"}
    )
    assert codes.known("draft:1", {"a.py": b"x = 1", "b.txt": b"", "c.py": b""}) == {"a.py": b"code"}
    assert codes.known("draft:1", {"a.py": b"x = 2"}) == {}
    assert codes.known("draft:1", {"d.py": b"x = 1"}) == {}
    assert codes.known("live:1", {"a.py": b"x = 1"}) == {}
    assert codes.known("draft:2", {"a.py": b"x = 1"}) == {}


def test_what_is_held_is_bounded_and_the_least_used_goes_first() -> None:
    codes = Codes(max_memory=1000, max_tenant=400)
    for number in range(10):
        codes.put("draft:1", {f"{number}.py": b""}, {f"{number}.py": bytes(100)})
    assert codes.size == 400
    assert codes.known("draft:1", {f"{number}.py": b"" for number in range(10)}).keys() == {
        "6.py",
        "7.py",
        "8.py",
        "9.py",
    }
    for tenant in range(2, 20):
        codes.put(f"draft:{tenant}", {"a.py": b""}, {"a.py": bytes(100)})
        codes.known("draft:2", {"a.py": b""})  # in use
    assert codes.size <= 1000
    assert codes.known("draft:1", {"9.py": b""}) == {} and codes.known("draft:2", {"a.py": b""})
    for tenant in range(20):
        codes.drop(f"draft:{tenant}")
    assert codes.size == 0


def test_the_same_code_again_is_counted_once() -> None:
    codes = Codes()
    for size in (100, 50):
        codes.put("draft:1", {"a.py": b""}, {"a.py": bytes(size)})
    assert codes.size == 50


def test_the_pool_grows_when_spares_are_missing_and_shrinks_once_it_is_calm() -> None:
    demand = Demand(3)
    assert not demand.calmed(1000.0)
    demand.missed(0.0)
    assert demand.wanted > 3
    for _ in range(20):
        demand.missed(1.0)
    assert demand.wanted == MOST
    assert not demand.calmed(1.0 + CALM / 2)
    shrunk = 0
    for step in range(100):
        shrunk += demand.calmed(1.0 + CALM * (step + 1))
    assert demand.wanted == 3 and shrunk == MOST - 3


def test_no_spares_at_all_stays_none() -> None:
    demand = Demand(0)
    demand.missed(0.0)
    assert demand.wanted == 0

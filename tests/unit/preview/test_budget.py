"""From where on CPU time counts: idle, steady load, streams; and a loop that never ends is found whatever else goes on."""

from __future__ import annotations

from preview.outside.budget import STREAM_REFILL, Budget

LIMIT = 10.0
EVERY = 0.05


def test_an_endless_loop_is_found_at_the_limit() -> None:
    budget = Budget(0.0)
    budget.idle(5.0)
    cpu = 5.0
    for step in range(1, 1000):
        cpu += EVERY
        budget.look(step * EVERY, cpu, oldest=1, newest=1)
        if cpu - budget.since > LIMIT:
            break
    assert 15.0 < cpu < 15.2


def test_an_endless_loop_under_steady_load_is_found_as_well() -> None:
    """It is the oldest request from some moment on, and then nothing moves the beginning any more."""
    budget = Budget(0.0)
    cpu = began = 0.0
    for step in range(1, 2000):
        cpu += EVERY
        newest = step * 10
        oldest = newest - 5 if step < 400 else 3995
        began = cpu if step == 399 else began
        budget.look(step * EVERY, cpu, oldest, newest)
        if cpu - budget.since > LIMIT:
            break
    assert began + LIMIT - 0.2 < cpu < began + LIMIT + 0.5


def test_steady_load_without_an_old_request_may_go_on_for_ever() -> None:
    budget = Budget(0.0)
    for step in range(1, 4000):
        cpu = step * EVERY
        budget.look(cpu, cpu, oldest=step * 10 - 5, newest=step * 10)
        assert cpu - budget.since < 0.5


def test_a_stream_gets_back_a_little_and_never_more_than_was_used() -> None:
    budget = Budget(0.0)
    budget.look(100.0, 1.0, None, 1)
    assert budget.since == 1.0
    cpu = 1.0
    for step in range(1, 1000):
        cpu += 2 * STREAM_REFILL * EVERY
        budget.look(100.0 + step * EVERY, cpu, None, 1)
    assert abs((cpu - budget.since) - 999 * EVERY * STREAM_REFILL) < 0.1

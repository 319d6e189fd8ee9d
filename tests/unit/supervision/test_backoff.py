"""Delays between attempts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.supervision.backoff import Backoff


class Highest(random.Random):
    """Always draws the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_ceilings_double_up_to_the_cap() -> None:
    """Exponential, then even."""
    backoff = Backoff(base=0.5, cap=3.0, rng=Highest())

    delays = [backoff.next_delay() for _ in range(5)]

    assert delays == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_base_over_the_cap_is_capped() -> None:
    """The cap is what a user sets, and it holds for the first delay too."""
    assert Backoff(base=0.5, cap=0.1, rng=Highest()).next_delay() == 0.1


@given(failures=st.integers(0, 2000), seed=st.integers())
def test_a_delay_is_always_within_zero_and_the_ceiling(failures: int, seed: int) -> None:
    """Full jitter, and no overflow however long things fail."""
    backoff = Backoff(base=0.2, cap=30.0, rng=random.Random(seed))
    drawn = [backoff.next_delay() for _ in range(failures)]

    ceiling = backoff.ceiling()

    assert 0.0 <= backoff.next_delay() <= ceiling <= 30.0
    assert all(0.0 <= delay <= 30.0 for delay in drawn)


def test_failures_are_counted_until_reset() -> None:
    """The count is what health shows."""
    backoff = Backoff(base=1.0, cap=8.0, rng=Highest())
    backoff.next_delay()
    backoff.next_delay()

    before = backoff.failures
    backoff.reset()

    assert (before, backoff.failures) == (2, 0)
    assert backoff.next_delay() == 1.0


def test_two_backoffs_are_out_of_step() -> None:
    """Many clients of one broken server must not come back together."""
    first, second = Backoff(base=1.0, cap=8.0), Backoff(base=1.0, cap=8.0)

    assert [first.next_delay() for _ in range(8)] != pytest.approx(
        [second.next_delay() for _ in range(8)]
    )

"""A bound on calls."""

from __future__ import annotations

import pytest

from agentd.dispatch.budget import TokenBucket


def test_a_burst_of_a_second_is_free_then_calls_wait() -> None:
    """4 a second: four at once, and the others a quarter of a second apart."""
    bucket = TokenBucket(4.0)

    assert [bucket.take(10.0) for _ in range(7)] == [0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.75]


def test_what_is_not_used_is_not_saved_for_longer_than_a_second() -> None:
    """After a quiet hour the burst is what it was."""
    bucket = TokenBucket(2.0)
    bucket.take(0.0)

    assert [bucket.take(3600.0) for _ in range(4)] == pytest.approx([0.0, 0.0, 0.5, 1.0])

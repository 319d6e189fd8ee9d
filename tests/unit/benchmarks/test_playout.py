"""What a caller's WebRTC did between two looks."""

from __future__ import annotations

import pytest

from benchmarks.playout import Playout

BEFORE = Playout(concealed=0.5, kept=100.0, samples=10_000)


def test_only_what_came_since_counts() -> None:
    """The jitter buffer's sum is over samples: 40 000 samples that waited 2 000 s in all."""
    after = Playout(concealed=0.7, kept=2100.0, samples=50_000)

    assert after.concealed_since(BEFORE) == pytest.approx(0.2)
    assert after.delay_since(BEFORE) == pytest.approx(0.05)


def test_where_nothing_came_nothing_was_kept() -> None:
    """And nothing is divided by zero."""
    assert BEFORE.delay_since(BEFORE) == 0.0

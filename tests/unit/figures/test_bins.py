"""Histograms as plain counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.figures.bins import Bins

BOUNDS = (0.1, 0.5, 2.0)


@pytest.mark.parametrize(
    ("value", "counts"),
    [
        (-1.0, [1, 0, 0, 0]),
        (0.0, [1, 0, 0, 0]),
        (0.1, [1, 0, 0, 0]),
        (0.11, [0, 1, 0, 0]),
        (2.0, [0, 0, 1, 0]),
        (2.01, [0, 0, 0, 1]),
    ],
)
def test_a_value_falls_into_the_first_bucket_that_holds_it(value: float, counts: list[int]) -> None:
    """One on a bound belongs to it, as Prometheus has it."""
    bins = Bins(BOUNDS)

    bins.observe(value)

    assert bins.counts == counts


@given(st.lists(st.floats(0, 10)), st.lists(st.floats(0, 10)))
def test_sums_of_two_are_those_of_all_their_values(ours: list[float], theirs: list[float]) -> None:
    """So it does not matter in how many frames they came."""
    one, other, both = Bins(BOUNDS), Bins(BOUNDS), Bins(BOUNDS)
    for value in ours:
        one.observe(value)
    for value in theirs:
        other.observe(value)
    for value in ours + theirs:
        both.observe(value)

    one.add(other.counts, other.total)

    assert one.counts == both.counts
    assert one.total == pytest.approx(both.total)
    assert one.cumulative()[-1] == len(ours) + len(theirs)


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ([1, 2, 3], 1.0),
        ([1, 2, 3, -4], 1.0),
        ([0, 0, 0, 0], math.nan),
        ([0, 0, 0, 0], math.inf),
        ([0, 0, 0, 0], -1.0),
    ],
    ids=["too few", "negative", "no number", "endless", "negative total"],
)
def test_what_can_not_have_come_from_one_like_it_does_not_fit(
    counts: list[int], total: float
) -> None:
    """A child's word is checked before it is added."""
    assert not Bins(BOUNDS).fits(counts, total)


def test_what_has_come_from_one_like_it_fits() -> None:
    """As every child of this version sends it."""
    assert Bins(BOUNDS).fits([1, 0, 0, 2], 9.5)

"""The arithmetic of samples."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure, paired_difference, percentile


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1.0), (50, 10.0), (95, 19.0), (96, 20.0), (100, 20.0)]
)
def test_a_percentile_is_a_sample_of_its_rank(percent: int, expected: float) -> None:
    """The smallest sample that so many of the samples do not exceed."""
    samples = [float(number) for number in range(20, 0, -1)]

    assert percentile(samples, percent) == expected


def test_pairs_are_compared_within_their_round() -> None:
    """A machine that gets slower from round to round does not show in the difference."""
    assert paired_difference([11.0, 22.0, 31.0], [10.0, 20.0, 30.0]) == 1.0


@pytest.mark.parametrize(("aim", "met"), [(5.0, True), (4.0, True), (3.9, False), (None, None)])
def test_an_aim_is_met_up_to_its_value(aim: float | None, met: bool | None) -> None:
    """Smaller is better, and without an aim there is no verdict."""
    assert Figure(name="x", unit="ms", ours=4.0, aim=aim).met is met

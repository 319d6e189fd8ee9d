"""A histogram as plain bucket counts. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Bins:
    """How many observations fell between which bounds; one on a bound belongs below it."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Of each bucket; the last one is for what is over every bound."""
        self.total = 0.0
        """Of all that was observed."""

    def observe(self, value: float) -> None:
        """It was so much once more; below 0, which only a clock can say, is 0."""
        value = max(0.0, value)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, counts: Sequence[int], total: float) -> None:
        """What another one with the same bounds has; see `fits`."""
        self.counts = [ours + theirs for ours, theirs in zip(self.counts, counts, strict=True)]
        self.total += total

    def fits(self, counts: Sequence[int], total: float) -> bool:
        """Whether these can have come from one with the same bounds."""
        return (
            len(counts) == len(self.counts)
            and all(count >= 0 for count in counts)
            and math.isfinite(total)
            and total >= 0
        )

    def cumulative(self) -> list[int]:
        """How many were at most each bound, and at last all of them."""
        return list(accumulate(self.counts))

"""A measured figure with its aim, and the arithmetic of samples. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from msgspec import Struct

PEER = "livekit-agents 1.8.9"


class Figure(Struct, frozen=True, kw_only=True):
    """One row of the table; smaller is better for all of them."""

    name: str
    unit: str
    ours: float
    aim: float | None = None
    peer: float | None = None
    note: str = ""
    """How it was measured, and how it spreads."""

    @property
    def met(self) -> bool | None:
        """Whether the aim was reached; None where there is none."""
        return None if self.aim is None else self.ours <= self.aim


def median(samples: Sequence[float]) -> float:
    """The middle; raises StatisticsError without samples."""
    return statistics.median(samples)


def percentile(samples: Sequence[float], percent: int) -> float:
    """The value that `percent` of the samples do not exceed (nearest rank)."""
    ranked = sorted(samples)
    rank = max(1, -(-len(ranked) * percent // 100))
    return ranked[rank - 1]


def spread(samples: Sequence[float], unit: str) -> str:
    """`p95 12.3, max 14.0 ms, n=50`, for a note."""
    return f"p95 {percentile(samples, 95):.1f}, max {max(samples):.1f} {unit}, n={len(samples)}"


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the differences of samples that were taken in the same round."""
    return median([a - b for a, b in zip(ours, theirs, strict=True)])

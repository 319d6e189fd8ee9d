"""What the children have counted, added up since the daemon's start."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agentd.protocol.frames import Count

MAX_COUNTS = 1000
"""Different counts; further ones are left out."""

MAX_LABEL = 200
"""Characters of a label."""


class Total(Struct, frozen=True, kw_only=True):
    """How often something has happened in all."""

    name: str
    labels: dict[str, str]
    times: float


class Totals:
    """Sums of counts. A child's word is bounded in size, not in what it says."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def add(self, counts: Iterable[Count]) -> None:
        """Take over what a child has counted."""
        for count in counts:
            labels = sorted(
                (name[:MAX_LABEL], text[:MAX_LABEL]) for name, text in count.labels.items()
            )
            key = (count.name[:MAX_LABEL], tuple(labels))
            if key in self._totals or len(self._totals) < MAX_COUNTS:
                self._totals[key] = self._totals.get(key, 0) + max(0.0, count.amount)

    def view(self) -> tuple[Total, ...]:
        """All sums."""
        return tuple(
            Total(name=name, labels=dict(labels), times=times)
            for (name, labels), times in self._totals.items()
        )

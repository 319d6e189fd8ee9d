"""What is counted in this process for the daemon's metrics.

A count is kept until it is taken (`take`), which the child does now and then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

CountName: TypeAlias = Literal["retries_refused", "fallback_switches", "hedges"]
"""Retries that the budget refused, by circuit; calls that were left to the next model, by model;
second requests to a model while the first had given nothing yet."""

MAX_COUNTS = 200
"""Different counts at a time; further ones are left out."""

Labels: TypeAlias = tuple[tuple[str, str], ...]


class Counts:
    """Counted and not taken yet."""

    def __init__(self) -> None:
        self._counts: dict[tuple[CountName, Labels], int] = {}
        self.on_first: Callable[[], None] = _nothing
        """Called when there is something to take, after there was nothing."""

    def add(self, name: CountName, **labels: str) -> None:
        """It has happened once more."""
        key = (name, tuple(sorted(labels.items())))
        if key not in self._counts and len(self._counts) >= MAX_COUNTS:
            return
        first = not self._counts
        self._counts[key] = self._counts.get(key, 0) + 1
        if first:
            self.on_first()

    def take(self) -> list[tuple[CountName, dict[str, str], int]]:
        """What has come since the last time."""
        taken, self._counts = self._counts, {}
        return [(name, dict(labels), times) for (name, labels), times in taken.items()]


def _nothing() -> None:
    return


counts = Counts()
"""Those of this process."""


def count(name: CountName, **labels: str) -> None:
    """Count one in this process."""
    counts.add(name, **labels)

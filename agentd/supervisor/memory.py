"""The rules of a child's memory: when it is warned about, and when it is too much. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Judgement = Literal["fine", "warn", "too_much"]

SAMPLE_INTERVAL = 5.0
"""Seconds between two samples of a child with a job."""

GROWTH = 1.5
"""A child that was warned about is so again when it has grown by this factor."""


class MemoryLimits(Struct, frozen=True, kw_only=True):
    """In MB of private memory (`procfs.Memory`); 0 for none."""

    warn_mb: int
    limit_mb: int
    interval: float = SAMPLE_INTERVAL


class MemoryTrack:
    """The memory of one child."""

    def __init__(self, limits: MemoryLimits) -> None:
        self._limits = limits
        self._warn_over = float(limits.warn_mb)
        self.last_mb: float | None = None
        """The latest sample."""

    def judge(self, private_mb: float) -> Judgement:
        """Take a sample and say what follows from it."""
        self.last_mb = private_mb
        if self._limits.limit_mb and private_mb > self._limits.limit_mb:
            return "too_much"
        if self._limits.warn_mb and private_mb > self._warn_over:
            self._warn_over = private_mb * GROWTH
            return "warn"
        return "fine"

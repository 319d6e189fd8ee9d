"""How long to wait before the next attempt.

Exponential with full jitter: each delay is drawn evenly from zero to a ceiling that
doubles, so that many clients of one broken server do not come back in step. (The
comparison of jitter schemes that this follows: "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015.)
"""

from __future__ import annotations

import random


class Backoff:
    """Delays that grow until `reset`, which the owner calls after lasting health."""

    def __init__(self, *, base: float, cap: float, rng: random.Random | None = None) -> None:
        self._base = base
        self._cap = cap
        self._rng = rng or random.Random()
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures in a row since the last reset."""
        return self._failures

    def ceiling(self) -> float:
        """Upper bound of the next delay, in seconds."""
        doublings = min(self._failures, 30)  # 2**30 is beyond any cap, and floats stay finite
        return float(min(self._cap, self._base * 2**doublings))

    def next_delay(self) -> float:
        """Count a failure and draw the delay before the next attempt, in seconds."""
        ceiling = self.ceiling()
        self._failures += 1
        return self._rng.uniform(0.0, ceiling)

    def reset(self) -> None:
        """Things are healthy again: the next delay starts from the base."""
        self._failures = 0

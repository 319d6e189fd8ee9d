"""How often something has happened within the last so many seconds."""

from __future__ import annotations

from collections import deque

LIMIT = 1000
"""Instants that are kept; where more happens, the oldest are forgotten early."""


class Recent:
    """Instants in a sliding window. Has no clock of its own."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._instants: deque[float] = deque(maxlen=LIMIT)

    def add(self, now: float) -> None:
        """It has happened once more."""
        self._instants.append(now)

    def count(self, now: float) -> int:
        """How often within the window that ends now."""
        while self._instants and self._instants[0] <= now - self._window:
            self._instants.popleft()
        return len(self._instants)

    def clear(self) -> None:
        """Forget all."""
        self._instants.clear()

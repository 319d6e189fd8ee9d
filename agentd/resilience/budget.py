"""How many retries a service is given: few beside the calls that are made anyway. Pure.

A service that is in trouble gets three more calls for each one if all who call it try again, and
stays in trouble. Of one call's tries the budget is not felt; of many it leaves a fifth.
"""

from __future__ import annotations

from .recent import Recent

WINDOW = 60.0
"""Seconds over which calls and retries are set against each other."""

RESERVE = 10
"""Retries within the window that are free, so that few calls can be retried too."""

SHARE = 0.2
"""Retries beyond those for each call within the window."""


class RetryBudget:
    """That of one service in this process."""

    def __init__(self) -> None:
        self._calls = Recent(WINDOW)
        self._retries = Recent(WINDOW)

    def called(self, now: float) -> None:
        """A call is made; its tries are one."""
        self._calls.add(now)

    def spend(self, now: float) -> bool:
        """Take one retry; False when none is left."""
        if self._retries.count(now) >= RESERVE + SHARE * self._calls.count(now):
            return False
        self._retries.add(now)
        return True

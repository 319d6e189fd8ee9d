"""How children are started at present, and whether it may be tried: backoff and failing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agentd.aio.timing import now
from agentd.settings.model import PoolSettings
from agentd.supervision.backoff import Backoff
from agentd.supervision.intensity import Intensity, add_restart

from .template import Launcher

logger = logging.getLogger("agentd.supervisor")

BACKOFF_BASE = 0.2
HEALTHY_AFTER = 5.0
"""Seconds that a child must have stayed warm before failed starts are forgotten."""

INTENSITY = Intensity(restarts=5, period=60.0)
"""Failed starts that are taken as they come; with more the pool counts as failing."""


class Launching:
    """How children are started at present, and whether it may be tried."""

    def __init__(self, settings: PoolSettings) -> None:
        self.launcher: Launcher | None = None
        self.method = "none"
        self.generation = 0
        self.in_service = 0
        """The generation that new jobs run; behind `generation` until a child of that is warm."""
        self.last_error = ""
        self.failing = ""
        """Set once starts fail more often than `INTENSITY`, until a child has stayed warm or there
        is another launcher."""
        self.obstacle = ""
        self.backoff = Backoff(base=BACKOFF_BASE, cap=settings.restart_max_delay)
        self._max_delay = settings.restart_max_delay
        self._history: tuple[float, ...] = ()
        self._told_failing = False
        self._pause: asyncio.TimerHandle | None = None
        self._health: asyncio.TimerHandle | None = None

    @property
    def paused(self) -> bool:
        return self._pause is not None

    def next_generation(self) -> None:
        """New code is tried at once: the failures were those of the code before."""
        self.generation += 1
        self._await_no_health()
        self.backoff.reset()
        self._history = ()
        self.last_error = self.failing = ""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def pause_after_failure(self, error: str, then: Callable[[], None]) -> float:
        """Start nothing for a while; returns the seconds."""
        self.last_error = error
        self._await_no_health()
        self._history, bearable = add_restart(self._history, now(), INTENSITY)
        delay = self.backoff.next_delay()
        if not bearable and not self.failing:
            self._told_failing = True
            logger.error(
                "children failed too often: one is tried at the longest delay from now on",
                extra={
                    "action": "failing",
                    "offender": "pool",
                    "reason": error,
                    "next_start_in": self._max_delay,
                },
            )
        if not bearable or self.failing:
            self.failing = f"children failed too often, at last of: {error}"
            delay = self._max_delay
        if self._pause is not None:
            self._pause.cancel()
        self._pause = asyncio.get_running_loop().call_later(delay, self._resume, then)
        return delay

    def note_health(self, then: Callable[[], None]) -> None:
        """A child is warm; if that lasts, the failures before it are forgotten."""
        if (self.backoff.failures or self._told_failing) and self._health is None:
            loop = asyncio.get_running_loop()
            self._health = loop.call_later(HEALTHY_AFTER, self._forget, then)

    def stop(self) -> None:
        for timer in (self._pause, self._health):
            if timer is not None:
                timer.cancel()

    def _resume(self, then: Callable[[], None]) -> None:
        self._pause = None
        then()

    def _await_no_health(self) -> None:
        if self._health is not None:
            self._health.cancel()
            self._health = None

    def _forget(self, then: Callable[[], None]) -> None:
        self._health = None
        self.backoff.reset()
        self.last_error = self.failing = ""
        if self._told_failing:
            self._told_failing = False
            logger.info(
                "children stay warm again", extra={"action": "recovered", "offender": "pool"}
            )
        then()

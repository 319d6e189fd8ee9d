"""How long an attempt may do nothing although there is something to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agentd.aio.timing import now


class ProgressLimit:
    """Ends an attempt with TimeoutError that owes progress and makes none for so many seconds.

    A stream may be silent for hours, so the time runs only while `owing` says that something
    waits for the attempt, and begins anew with each progress. In a live call, where a model takes
    each frame as it comes, no timer is ever set.
    """

    def __init__(self, seconds: float, owing: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._owing = owing
        self._timeout: asyncio.Timeout | None = None
        self._armed = False
        self._paused = False

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[asyncio.Timeout]:
        """The block that is ended."""
        self._armed = self._paused = False
        try:
            async with asyncio.timeout(None) as self._timeout:
                self.progressed()
                yield self._timeout
        finally:
            self._timeout = None

    def came(self) -> None:
        """There is something more to do: the time runs from now, unless it does already."""
        if not self._armed and not self._paused and self._owing():
            self._arm(now() + self._seconds)

    def progressed(self) -> None:
        """The attempt has done something: the time begins anew."""
        if not self._paused and self._owing():
            self._arm(now() + self._seconds)
        elif self._armed:
            self._arm(None)

    def pause(self) -> None:
        """From now on it is not the attempt that is waited for."""
        self._paused = True
        self.progressed()

    def resume(self) -> None:
        """The attempt goes on."""
        self._paused = False
        self.progressed()

    def _arm(self, at: float | None) -> None:
        # What comes after the time is over, and before the block has ended, changes nothing.
        if self._timeout is not None and not self._timeout.expired():
            self._armed = at is not None
            self._timeout.reschedule(at)

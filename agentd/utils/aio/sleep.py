"""A sleep that others can move."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from agentd.aio.bell import Bell
from agentd.aio.timing import now


class SleepFinished(Exception):
    """It is over: it can't be moved any more."""


class Sleep:
    """Await it once; meanwhile `reset` moves its end, and `cancel` ends it."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._until: float | None = None
        self._over = False
        self._moved = Bell()

    def reset(self, new_delay: float | None = None) -> None:
        """Sleep for so many seconds from now (the delay that it had, if None).

        Raises SleepFinished when it is over.
        """
        if self._over:
            raise SleepFinished
        if new_delay is not None:
            self._delay = new_delay
        if self._until is not None:
            self._until = now() + self._delay
        self._moved.ring()

    def cancel(self) -> None:
        """End it now; who awaits it goes on. May be repeated."""
        self._over = True
        self._moved.ring()

    async def _sleep(self) -> None:
        self._until = now() + self._delay
        while not self._over and (left := self._until - now()) > 0:
            until = self._until
            await self._moved.stays(lambda: not self._over and self._until == until, left)  # noqa: B023 - awaited here
        self._over = True

    def __await__(self) -> Generator[Any, Any, None]:
        return self._sleep().__await__()


def sleep(delay: float) -> Sleep:
    """A sleep of so many seconds."""
    return Sleep(delay)

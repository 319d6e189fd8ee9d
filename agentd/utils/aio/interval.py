"""Ticks at even distances."""

from __future__ import annotations

from agentd.aio.timing import now

from .sleep import Sleep


class Interval:
    """Ticks each `interval` seconds, counted from the first; iterating gives their numbers.

    One that is late comes at once, and the next ones keep to the plan.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._number = 0
        self._due_at: float | None = None
        self._waiting: Sleep | None = None

    def reset(self) -> None:
        """The next tick is a whole interval from now."""
        if self._due_at is None:
            return
        self._due_at = now() + self._interval
        if self._waiting is not None:
            self._waiting.reset(self._interval)

    async def tick(self) -> int:
        """Wait for the next tick; its number, from 1."""
        if self._due_at is None:
            self._due_at = now() + self._interval
        self._waiting = Sleep(self._due_at - now())
        try:
            await self._waiting
        finally:
            self._waiting = None
        self._due_at += self._interval
        self._number += 1
        return self._number

    def __aiter__(self) -> Interval:
        return self

    async def __anext__(self) -> int:
        return await self.tick()


def interval(interval: float) -> Interval:
    """Ticks each so many seconds."""
    return Interval(interval)

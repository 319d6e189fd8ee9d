"""Waiting for a number of things to be done."""

from __future__ import annotations

from agentd.aio.bell import Bell


class WaitGroup:
    """Counts what is under way."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = Bell()

    def add(self, delta: int = 1) -> None:
        """So many more; raises ValueError where that would be less than none."""
        if self._count + delta < 0:
            raise ValueError("more is done than was begun")
        self._count += delta
        self._changed.ring()

    def done(self) -> None:
        """One less."""
        self.add(-1)

    async def wait(self) -> None:
        """Wait until nothing is under way. Without a deadline: that is the caller's."""
        await self._changed.until(lambda: self._count == 0)

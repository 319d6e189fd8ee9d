"""Wakes whoever waits for something to have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Bell:
    """Rung at each change; those who wait look whether it is what they wait for."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something has changed."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so. Without a deadline: that is the caller's."""
        while not condition():
            await self._rung.wait()

    async def stays(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait as long as something is so, up to some seconds; says whether it was all the time."""
        try:
            async with asyncio.timeout(seconds):
                await self.until(lambda: not condition())
                return False
        except TimeoutError:
            return True

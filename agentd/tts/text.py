"""The text of one segment, which is read again by each attempt to speak it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable


class SegmentText:
    """Pieces of text that come one by one. Each `read` begins at the first."""

    def __init__(self, on_ended: Callable[[], None]) -> None:
        self._on_ended = on_ended
        self._pieces: list[str] = []
        self._changed = asyncio.Event()
        self.ended = False

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._pieces)

    def push(self, text: str) -> None:
        """Add a piece."""
        self._pieces.append(text)
        self._changed.set()

    def end(self) -> None:
        """It is complete."""
        self.ended = True
        self._changed.set()
        self._on_ended()

    async def read(self, on_first: Callable[[], None]) -> AsyncIterator[str]:
        """The pieces, the next one when it has come; `on_first` is called with the first."""
        place = 0
        while True:
            while place < len(self._pieces):
                if place == 0:
                    on_first()
                place += 1
                yield self._pieces[place - 1]
            if self.ended:
                return
            self._changed.clear()
            await self._changed.wait()

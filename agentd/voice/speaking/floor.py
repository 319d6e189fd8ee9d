"""Whether it is quiet: nobody speaks, and nothing waits to be said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agentd.aio.bell import Bell
from agentd.voice.speech import Speech

from .mouth import Mouth


class Floor:
    """What those look at who want to speak only when it is quiet."""

    def __init__(self, mouth: Mouth, user_speaks: Callable[[], bool]) -> None:
        self.bell = Bell()
        """Rung when somebody begins or ends to speak."""
        self.foreground = asyncio.Lock()
        """Held by a tool that talks to the user and does not want to be talked over."""
        self._mouth = mouth
        self._user_speaks = user_speaks

    def is_quiet(self) -> bool:
        """Whether nobody speaks, and nothing waits to be said."""
        busy = self._mouth.speaking is not None or bool(self._mouth.waiting())
        return not busy and not self._user_speaks()

    async def quiet_for(self, seconds: float) -> None:
        """Wait until it has been quiet for so long without a break."""
        while True:
            await self.bell.until(self.is_quiet)
            if await self.bell.stays(self.is_quiet, seconds):
                return

    async def left_by(self, speech: Speech) -> None:
        """Wait until a speech does not have the floor."""
        await self.bell.until(lambda: self._mouth.speaking is not speech)

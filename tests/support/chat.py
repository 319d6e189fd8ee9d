"""Somebody who writes to an agent in a room, and reads what it says."""

from __future__ import annotations

import asyncio

from livekit import rtc

from agentd.aio.tasks import TaskOwner

DEADLINE = 45.0
"""Seconds for an answer: it is spoken meanwhile, by a voice that is computed."""


class Chat:
    """One caller's side."""

    def __init__(self, room: rtc.Room) -> None:
        self.said: list[str] = []
        """What the agent has said, a segment each."""
        self._room = room
        self._tasks = TaskOwner("chat")
        self._changed = asyncio.Condition()
        room.register_text_stream_handler("lk.transcription", self._on_text)

    async def write(self, text: str) -> None:
        """Write to the agent."""
        await self._room.local_participant.send_text(text, topic="lk.chat")

    async def reads(self, text: str) -> None:
        """Wait until the agent has said this."""
        try:
            async with asyncio.timeout(DEADLINE), self._changed:
                await self._changed.wait_for(lambda: any(text in each for each in self.said))
        except TimeoutError:
            raise AssertionError(f"'{text}' is not in what was said: {self.said}") from None

    def _on_text(self, reader: rtc.TextStreamReader, sender: str) -> None:
        if sender != self._room.local_participant.identity:
            self._tasks.start(self._read(reader), name="read")

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        text = await reader.read_all()
        self.said.append(text.strip())
        async with self._changed:
            self._changed.notify_all()

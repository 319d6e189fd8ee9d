"""What is said in a room in text."""

from __future__ import annotations

import asyncio

from livekit import rtc


class TextOf:
    """The next text that is sent in a room."""

    def __init__(self, room: rtc.Room) -> None:
        self._found: asyncio.Future[rtc.TextStreamReader] = asyncio.Future()
        room.register_text_stream_handler("", lambda reader, _: self._found.set_result(reader))

    async def read(self) -> str:
        """The whole of it, within 20 seconds."""
        async with asyncio.timeout(20):
            return await (await self._found).read_all()

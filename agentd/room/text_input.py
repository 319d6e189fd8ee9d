"""What people write to the agent: text streams on the topic `lk.chat`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit import rtc
from livekit.rtc.data_stream import StreamError, TextStreamReader

from agentd.aio.tasks import TaskOwner

from .options import TextInputEvent

logger = logging.getLogger("agentd.room")

TOPIC_CHAT = "lk.chat"

MAX_TEXT = 50_000
"""Characters of one message; a longer one is refused whole: half a message is another message,
and no model answers a book in a conversation."""

READ_TIMEOUT = 30.0
"""Seconds for a message to be complete."""

MAX_OPEN = 16
"""Messages that are received at once."""


class TextInput:
    """Reads messages of the linked participant and hands them on, in the order they came."""

    def __init__(
        self,
        room: rtc.Room,
        *,
        accepts: Callable[[str], bool],
        take: Callable[[TextInputEvent], None],
    ) -> None:
        self._room = room
        self._accepts = accepts
        self._take = take
        self._tasks = TaskOwner("text input")
        self._open = 0
        self._latest: asyncio.Task[None] | None = None
        self._registered = False

    def start(self) -> None:
        """Take messages from now on. A handler that the app has for the topic stays in place."""
        try:
            self._room.register_text_stream_handler(TOPIC_CHAT, self._on_stream)
        except ValueError:
            logger.warning(
                "the app has its own handler of chat messages; the session gets none",
                extra={"action": "text_input_taken", "topic": TOPIC_CHAT},
            )
            return
        self._registered = True

    async def aclose(self) -> None:
        """Take none any more. May be repeated."""
        if self._registered:
            self._registered = False
            self._room.unregister_text_stream_handler(TOPIC_CHAT)
        await self._tasks.aclose()

    def _on_stream(self, reader: TextStreamReader, identity: str) -> None:
        if not self._accepts(identity):
            reader.close()
            return
        if self._open >= MAX_OPEN:
            reader.close()
            self._refuse(identity, f"{MAX_OPEN} others are not complete")
            return
        self._open += 1
        reading = self._read(reader, identity, self._latest)
        self._latest = self._tasks.start(reading, name=f"message of {identity}")

    async def _read(
        self, reader: TextStreamReader, identity: str, before: asyncio.Task[None] | None
    ) -> None:
        """Read one message; hand it on after the one before, which may take longer to read."""
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                text = await _whole(reader)
        except (StreamError, TimeoutError) as error:
            self._refuse(identity, str(error) or f"it was not complete within {READ_TIMEOUT:g} s")
            return
        finally:
            self._open -= 1
            reader.close()
        if before is not None:
            await asyncio.wait({before})  # not for long: it has READ_TIMEOUT, and came earlier
        if text is None:
            self._refuse(identity, f"it is longer than {MAX_TEXT} characters")
            return
        if not text.strip():
            self._refuse(identity, "it is empty")
            return
        participant = self._room.remote_participants.get(identity)
        self._take(TextInputEvent(text=text, participant=participant, info=reader.info))

    def _refuse(self, identity: str, reason: str) -> None:
        logger.warning(
            "a chat message is left out",
            extra={"action": "text_refused", "participant": identity, "reason": reason},
        )


async def _whole(reader: TextStreamReader) -> str | None:
    """All of a message, or None for one that is too long."""
    parts: list[str] = []
    length = 0
    async for part in reader:
        length += len(part)
        if length > MAX_TEXT:
            return None
        parts.append(part)
    return "".join(parts)

"""What is said, written into the room: text streams on the topic `lk.transcription`.

The agent's words go out as they are spoken, one stream a segment. A user's are known whole each
time, so each version is a message of its own under the same segment id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from livekit import rtc
from livekit.rtc.data_stream import StreamError

from agentd.aio.tasks import TaskOwner
from agentd.ids import shortuuid
from agentd.io import TextOutput

logger = logging.getLogger("agentd.room")

TOPIC_TRANSCRIPTION = "lk.transcription"
ATTRIBUTE_SEGMENT_ID = "lk.segment_id"
ATTRIBUTE_FINAL = "lk.transcription_final"
ATTRIBUTE_TRACK_ID = "lk.transcribed_track_id"

SEGMENT = "SG_"
"""The names of segments begin with it."""

BACKLOG = 256
"""Pieces that wait to be sent at most; who writes more waits."""

WRITE_TIMEOUT = 5.0
"""Seconds for a piece to be taken; then the rest of its segment is left out."""

END = object()

FAULTS = (StreamError, RuntimeError, TimeoutError, AssertionError)
"""Of the SDK. It asserts where the end of the room has taken away what it is given."""


class AgentTranscript(TextOutput):
    """The agent's words, in step with whoever captures them."""

    def __init__(self, room: rtc.Room) -> None:
        super().__init__(label="room transcript")
        self._room = room
        self.track_sid = ""
        """Of the audio track that they are spoken on."""
        self._pieces: deque[object] = deque()
        self._work = asyncio.Event()
        self._room_left = asyncio.Event()
        self._begun = False
        self._tasks = TaskOwner("agent transcript")
        self._writing: asyncio.Task[None] | None = None

    async def capture_text(self, text: str) -> None:
        """See TextOutput."""
        if not text:
            return
        while len(self._pieces) >= BACKLOG:
            self._room_left.clear()
            await self._room_left.wait()
        self._begun = True
        self._put(text)

    def flush(self) -> None:
        """See TextOutput."""
        if self._begun:
            self._begun = False
            self._put(END)

    async def aclose(self) -> None:
        """See TextOutput; what waits is sent, as far as the room takes it."""
        self.flush()
        if self._writing is not None:
            self._put(None)
            await asyncio.wait({self._writing}, timeout=WRITE_TIMEOUT)
        await self._tasks.aclose()

    def _put(self, piece: object) -> None:
        self._pieces.append(piece)
        self._work.set()
        if self._writing is None:
            self._writing = self._tasks.start(self._write_all(), name="write")

    async def _write_all(self) -> None:
        segment = _Segment(self._room)
        while (piece := await self._next()) is not None:
            if piece is END:
                await segment.end()
                segment = _Segment(self._room)
            else:
                await segment.write(str(piece), self.track_sid)

    async def _next(self) -> object:
        while not self._pieces:
            self._work.clear()
            await self._work.wait()
        self._room_left.set()
        return self._pieces.popleft()


class _Segment:
    """One stream; a fault costs its rest, and is told once."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._writer: rtc.TextStreamWriter | None = None
        self._broken = False
        self._attributes: dict[str, str] = {ATTRIBUTE_SEGMENT_ID: shortuuid(SEGMENT)}

    async def write(self, text: str, track_sid: str) -> None:
        if self._broken:
            return
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                writer = self._writer or await self._open(track_sid)
                await writer.write(text)
        except FAULTS as error:
            self._break(error)

    async def end(self) -> None:
        if self._writer is None or self._broken:
            return
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._writer.aclose(attributes={**self._attributes, ATTRIBUTE_FINAL: "true"})
        except FAULTS as error:
            self._break(error)

    async def _open(self, track_sid: str) -> rtc.TextStreamWriter:
        attributes = {**self._attributes, ATTRIBUTE_FINAL: "false"}
        if track_sid:
            attributes[ATTRIBUTE_TRACK_ID] = track_sid
        self._writer = await self._room.local_participant.stream_text(
            topic=TOPIC_TRANSCRIPTION, attributes=attributes
        )
        return self._writer

    def _break(self, error: Exception) -> None:
        self._broken = True
        if self._room.isconnected():
            logger.warning(
                "a transcript could not be sent; the rest of the segment is left out",
                extra={"action": "transcript_lost", "error": str(error) or type(error).__name__},
            )


class UserTranscript:
    """A user's words: each version replaces the one before, until it is final."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._segment_id = shortuuid(SEGMENT)
        self._latest: str | None = None
        self._tasks = TaskOwner("user transcript")
        self._sending: asyncio.Task[None] | None = None
        self._finals: deque[tuple[str, str]] = deque(maxlen=BACKLOG)
        self.identity = ""
        """Whose words they are."""
        self.track_sid = ""

    def update(self, text: str, *, final: bool) -> None:
        """The utterance so far. Versions that come while one is sent are skipped, finals never."""
        if not self.identity or not text:
            return
        if final:
            self._finals.append((text, self._segment_id))
            self._segment_id = shortuuid(SEGMENT)
            self._latest = None
        else:
            self._latest = text
        if self._sending is None or self._sending.done():
            self._sending = self._tasks.start(self._send_all(), name="send")

    async def aclose(self) -> None:
        """Send nothing more. May be repeated."""
        await self._tasks.aclose()

    async def _send_all(self) -> None:
        while self._finals or self._latest is not None:
            if self._finals:
                text, segment_id = self._finals.popleft()
                await self._send(text, segment_id, final=True)
            elif self._latest is not None:
                text, self._latest = self._latest, None
                await self._send(text, self._segment_id, final=False)

    async def _send(self, text: str, segment_id: str, *, final: bool) -> None:
        attributes = {
            ATTRIBUTE_SEGMENT_ID: segment_id,
            ATTRIBUTE_FINAL: "true" if final else "false",
        }
        if self.track_sid:
            attributes[ATTRIBUTE_TRACK_ID] = self.track_sid
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                writer = await self._room.local_participant.stream_text(
                    topic=TOPIC_TRANSCRIPTION, attributes=attributes, sender_identity=self.identity
                )
                await writer.write(text)
                await writer.aclose(attributes=attributes)
        except FAULTS as error:
            if self._room.isconnected():
                logger.warning(
                    "a user's transcript could not be sent",
                    extra={
                        "action": "transcript_lost",
                        "error": str(error) or type(error).__name__,
                    },
                )

"""Somebody who writes and speaks to an agent in a room, and reads what it says."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc

from agentd.aio.tasks import TaskOwner
from agentd.audio.pcm import Clip

DEADLINE = 15.0
"""Seconds for an answer: it is spoken meanwhile, by a voice that is computed."""


class Chat:
    """One caller's side."""

    def __init__(self, room: rtc.Room, *, topic: str = "lk.transcription") -> None:
        self.said: list[str] = []
        """What the agent has said, a segment each."""
        self._room = room
        self._tasks = TaskOwner("chat")
        self._changed = asyncio.Condition()
        self._mouth = rtc.AudioSource(16000, 1, queue_size_ms=200)
        room.register_text_stream_handler(topic, self._on_text)

    @property
    def identity(self) -> str:
        """Of the caller."""
        return self._room.local_participant.identity

    async def has_microphone(self) -> None:
        """Publish it, silent as yet."""
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._mouth)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(track, options)

    async def speaks(self, speech: Clip) -> None:
        """Say a recording of 16 kHz, and be silent for a second."""
        silence = [np.zeros(320, dtype=np.int16)] * 50
        for chunk in [*speech.chunks(0.02), *silence]:
            frame = rtc.AudioFrame(chunk.tobytes(), speech.sample_rate, 1, len(chunk))
            await self._mouth.capture_frame(frame)
        await self._mouth.wait_for_playout()

    async def rpc(self, method: str) -> str:
        """Call a method of the agent's."""
        (agent,) = self._room.remote_participants
        return await self._room.local_participant.perform_rpc(
            destination_identity=agent, method=method, payload=""
        )

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

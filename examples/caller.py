"""A scripted caller for the demo: speaks, listens, reads along, and keeps both sides.

`agentd call` places one question; this one holds a whole conversation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from livekit import api, rtc

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame, as_frame
from agentd.audio.pcm import AUDIBLE_RMS, Clip, rms
from agentd.audio.timeline import Side, Timeline
from agentd.audio.wav_writer import WavWriter

RATE = 24000
FRAME = 0.02
STEP_TIMEOUT = 30.0
"""Seconds for the agent to come, to begin an answer, and to end it."""

QUIET = 1.2
"""Seconds of silence after which the agent has said what it had to say."""


class CallFailed(Exception):
    """A step of the call did not happen in time."""


class Caller:
    """One caller in one room."""

    def __init__(self, url: str, key: str, secret: str, *, say: Callable[[str], None]) -> None:
        self._url, self._key, self._secret = url, key, secret
        self._say = say
        self._room = rtc.Room()
        self._name = f"demo-{time.time_ns() % 10**9}"
        self._tasks = TaskOwner("caller")
        self._mouth = rtc.AudioSource(RATE, 1, queue_size_ms=200)
        self._both = Timeline(start_at=time.monotonic(), sample_rate=RATE, max_waiting=600)
        self._heard = asyncio.Condition()
        self._first_at = self._last_at = 0.0
        """When the agent was first and last audible since the caller's last word."""
        self.words: dict[str, list[str]] = {"caller": [], "agent": []}
        """What each side said, as the room's transcripts have it."""
        self.waits: list[float] = []
        """Seconds from the end of each thing said to the agent's first sound."""

    async def call(self, agent: str) -> None:
        """Ask for the agent, and wait until it has greeted."""
        self._room.on("track_subscribed", self._on_track)
        self._room.register_text_stream_handler("lk.transcription", self._on_text)
        grants = api.VideoGrants(room_join=True, room=self._name)
        token = api.AccessToken(self._key, self._secret).with_identity("caller")
        await self._room.connect(self._url, token.with_grants(grants).to_jwt())
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._mouth)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(track, options)
        asked_at = time.monotonic()
        async with api.LiveKitAPI(self._url, self._key, self._secret) as server:
            request = api.CreateAgentDispatchRequest(agent_name=agent, room=self._name)
            await server.agent_dispatch.create_dispatch(request)
        await self._answer()
        self._say(f"the agent's first word came {self._first_at - asked_at:.2f} s after the call")

    async def speak(self, clip: Clip) -> None:
        """Say something, and hear what the agent answers to its end."""
        self._first_at = self._last_at = 0.0
        ended_at = 0.0
        for chunk in clip.chunks(FRAME):
            frame = rtc.AudioFrame(chunk.tobytes(), clip.sample_rate, 1, len(chunk))
            await self._mouth.capture_frame(frame)
            now = time.monotonic() + self._mouth.queued_duration
            self._both.push(Side.LEFT, now - FRAME, as_frame(frame))
            if rms(chunk) > AUDIBLE_RMS:
                ended_at = now
        await self._mouth.wait_for_playout()
        if self._first_at < ended_at:
            self._first_at = 0.0  # what it said in a pause was no answer to all of it
        await self._answer()
        self.waits.append(self._first_at - ended_at)
        self._say(f"answered {self.waits[-1]:.2f} s after the caller's last sound")

    async def leave(self, recording: Path) -> None:
        """Hang up for both, and write both sides down: the caller left, the agent right."""
        async with api.LiveKitAPI(self._url, self._key, self._secret) as server:
            # The room would stay for 20 s after the last caller, and the agent with it.
            await server.room.delete_room(api.DeleteRoomRequest(room=self._name))
        await self._room.disconnect()
        await self._tasks.aclose()
        end = self._both.finish()
        recording.parent.mkdir(exist_ok=True)
        writer = WavWriter(recording, sample_rate=RATE)
        while (part := self._both.take(end)) is not None:
            writer.write(part)
        writer.close()

    # -- inside ----------------------------------------------------------------------------

    async def _answer(self) -> None:
        """Wait until the agent has spoken and is silent again."""
        try:
            async with asyncio.timeout(STEP_TIMEOUT), self._heard:
                await self._heard.wait_for(lambda: self._first_at > 0)
                await self._heard.wait_for(lambda: time.monotonic() - self._last_at > QUIET)
        except TimeoutError:
            raise CallFailed(f"the agent gave no answer within {STEP_TIMEOUT:.0f} s") from None

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._tasks.start(self._listen(track), name="listen")

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        async for event in stream:
            await self._hear(as_frame(event.frame))
        await stream.aclose()

    async def _hear(self, frame: AudioFrame) -> None:
        now = time.monotonic()
        self._both.push(Side.RIGHT, now - frame.duration, frame)
        if rms(frame.samples) > AUDIBLE_RMS:
            self._first_at = self._first_at or now
            self._last_at = now
        async with self._heard:
            self._heard.notify_all()

    def _on_text(self, reader: rtc.TextStreamReader, sender: str) -> None:
        self._tasks.start(self._read(reader, sender), name="read")

    async def _read(self, reader: rtc.TextStreamReader, sender: str) -> None:
        text = await reader.read_all()
        attributes = reader.info.attributes or {}
        if attributes.get("lk.transcription_final") == "true":
            who = "caller" if sender == "caller" else "agent"
            self.words[who].append(text)
            self._say(f"{who:>6}: {text.strip()}")

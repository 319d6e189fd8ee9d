"""A session in a room of a real server, and a caller who speaks, hears, reads and writes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from livekit import rtc

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame
from agentd.room.options import RoomOptions
from agentd.testing import FakeTTS, FakeVAD
from agentd.testing.livekit_server import LiveKitServer
from agentd.voice.agent import Agent
from agentd.voice.events import CloseEvent
from agentd.voice.session import AgentSession
from tests.support.roommates import Listener, join, tone, until

DEADLINE = 15.0


class Caller:
    """Somebody with a microphone, ears and a screen."""

    def __init__(self, room: rtc.Room, source: rtc.AudioSource, ears: Listener) -> None:
        self.room = room
        self.ears = ears
        self.read: list[str] = []
        self.bell = Bell()
        self._source = source
        self._tasks = TaskOwner("caller")
        room.register_text_stream_handler("lk.transcription", self._on_stream)

    async def speak(self, seconds: float) -> None:
        """Speak for so long, and be silent for a second."""
        await self._push(tone(seconds))
        silence = AudioFrame(data=bytes(2 * 24000), sample_rate=24000)
        await self._push(silence)

    async def write(self, text: str) -> None:
        """Write to the agent."""
        await self.room.local_participant.send_text(text, topic="lk.chat")

    async def leave(self) -> None:
        """Go."""
        await self.room.disconnect()
        await self.ears.aclose()
        await self._tasks.aclose()

    async def _push(self, frame: AudioFrame) -> None:
        size = 480 * 2
        for start in range(0, len(frame.data), size):
            data = frame.data[start : start + size]
            await self._source.capture_frame(rtc.AudioFrame(data, 24000, 1, len(data) // 2))

    def _on_stream(self, reader: rtc.TextStreamReader, sender: str) -> None:
        self._tasks.start(self._read(reader, sender), name="read")

    async def _read(self, reader: rtc.TextStreamReader, sender: str) -> None:
        text = await reader.read_all()
        self.read.append(f"{sender}: {text}")
        self.bell.ring()

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until something is so; looked at when something was said, read, or has ended."""
        async with asyncio.timeout(DEADLINE):
            await self.bell.until(what)


@asynccontextmanager
async def call(
    server: LiveKitServer, *, room_options: RoomOptions | None = None, **models: Any
) -> AsyncIterator[tuple[AgentSession[Any], Caller, list[str]]]:
    """A session in a room with a caller, and what happens to it."""
    name = f"session-{uuid.uuid4().hex[:8]}"
    agent_room = await join(server, name, "agent-1", kind="agent")
    room = await join(server, name, "caller-1")
    source = rtc.AudioSource(24000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    caller = Caller(room, source, Listener(room))
    await room.local_participant.publish_track(track, options)
    await until(agent_room, lambda: "caller-1" in agent_room.remote_participants, "the caller")
    defaults: dict[str, Any] = {
        "vad": FakeVAD(),
        "tts": FakeTTS(),
        "aec_warmup_duration": None,
        "turn_handling": {"endpointing": {"min_delay": 0.3}},
    }
    session: AgentSession[Any] = AgentSession(**{**defaults, **models})
    events: list[str] = []

    def closed(event: CloseEvent) -> None:
        events.append(f"close: {event.reason.value}")
        caller.bell.ring()

    session.on("close", closed)
    session.on("conversation_item_added", lambda _: caller.bell.ring())
    try:
        await session.start(
            Agent(instructions="x"), room=agent_room, room_options=room_options or RoomOptions()
        )
        yield session, caller, events
    finally:
        await session.aclose()
        await caller.leave()
        await agent_room.disconnect()


def said(session: AgentSession[Any]) -> list[str]:
    """What was said, cut off or not."""
    return [
        f"{m.role}: {m.text_content}{'/' if m.interrupted else ''}"
        for m in session.history.messages()
    ]

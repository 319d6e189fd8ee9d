"""A whole conversation in a real room: the session's models are scripted, all else is real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from livekit import rtc

from agentd import Agent, AgentSession, SipDtmfReceivedEvent
from agentd.audio.files import audio_frames_from_file
from agentd.audio.frame import AudioFrame, with_channels
from agentd.audio.pcm import rms
from agentd.io import VideoFrame
from agentd.realtime import RealtimeCapabilities
from agentd.room.audio_output import RoomAudioOutput
from agentd.room.options import RoomOptions, VideoOutputOptions
from agentd.testing import FakeLLM, FakeRealtime, FakeSTT, FakeTTS, FakeVAD
from agentd.testing.livekit_server import LiveKitServer
from tests.support.roommates import DEADLINE, Listener, camera_of, tone, two_in_a_room


class Caller:
    """Speaks and listens."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.ear = Listener(room)
        self.mouth = RoomAudioOutput(room, track_name="microphone")

    async def say(self, seconds: float) -> float:
        """Speak; when the last of it was spoken, on the monotonic clock."""
        await self.mouth.capture_frame(tone(seconds))
        self.mouth.flush()
        await self.mouth.wait_for_playout()
        return time.monotonic()


@asynccontextmanager
async def conversation(
    server: LiveKitServer,
    *,
    record: str | Path | None = None,
    options: RoomOptions | None = None,
    **models: object,
) -> AsyncIterator[tuple[AgentSession[None], Caller]]:
    """A session in a room with a caller in it."""
    async with two_in_a_room(server) as (agent_room, caller_room):
        caller = Caller(caller_room)
        await caller.mouth.start()
        session: AgentSession[None] = AgentSession(aec_warmup_duration=None, **models)  # type: ignore[arg-type]
        await session.start(
            Agent(instructions="Be brief."), room=agent_room, room_options=options, record=record
        )
        try:
            yield session, caller
        finally:
            await session.aclose()
            await caller.mouth.aclose()
            await caller.ear.aclose()


async def test_a_caller_is_answered(livekit_server: LiveKitServer) -> None:
    """What is said is understood, answered, and heard by the caller."""
    llm = FakeLLM(by_input={"hello there": "Good morning to you, caller."})
    async with conversation(
        livekit_server,
        vad=FakeVAD(threshold=0.05),
        stt=FakeSTT(["hello there"]),
        llm=llm,
        tts=FakeTTS(seconds_per_character=0.03),
    ) as (session, caller):
        await caller.say(0.8)
        await caller.ear.hears(0.5)
        await caller.ear.hears_nothing(0.5)
        said = [(m.role, m.text_content) for m in session.history.messages()]

    assert said == [("user", "hello there"), ("assistant", "Good morning to you, caller.")]


async def test_a_caller_cuts_in(livekit_server: LiveKitServer) -> None:
    """The agent falls silent, and remembers only what was heard."""
    text = "This is a long story that nobody will hear to its very end, I am quite sure of that."
    async with conversation(
        livekit_server,
        vad=FakeVAD(threshold=0.05),
        stt=FakeSTT(["tell me", "stop it"]),
        llm=FakeLLM([text, "All right."]),
        tts=FakeTTS(seconds_per_character=0.06),
    ) as (session, caller):
        await caller.say(0.6)
        await caller.ear.hears(1.0)
        added: asyncio.Queue[object] = asyncio.Queue()
        session.on("conversation_item_added", added.put_nowait)
        await caller.say(1.0)
        async with asyncio.timeout(DEADLINE):
            for _ in range(3):  # what was cut off, what the caller said, and the answer
                await added.get()
        messages = session.history.messages()

    assert [m.role for m in messages] == ["user", "assistant", "user", "assistant"]
    assert messages[1].interrupted
    assert 0 < len(messages[1].text_content or "") < len(text)


@pytest.mark.parametrize("suffix", [".wav", ".ogg"])
async def test_both_sides_of_a_call_are_recorded(
    livekit_server: LiveKitServer, tmp_path: Path, suffix: str
) -> None:
    """The caller left, the agent right, one after the other, each as long as it was heard."""
    path = tmp_path / f"call{suffix}"
    async with conversation(
        livekit_server,
        record=path,
        vad=FakeVAD(threshold=0.05),
        stt=FakeSTT(["hello there"]),
        llm=FakeLLM(["Good morning to you, caller."]),
        tts=FakeTTS(seconds_per_character=0.04),
    ) as (session, caller):
        await caller.say(0.8)
        await caller.ear.hears(1.0)
        await caller.ear.hears_nothing(0.5)
        recording = session.recording

    left, right = await loud_stretches(path)

    assert recording == path
    # What is lost on the way of the caller's is made up by WebRTC, so it may be longer.
    assert 0.6 < sum(end - start for start, end in left) < 1.3
    assert sum(end - start for start, end in right) == pytest.approx(28 * 0.04, abs=0.2)
    assert left[-1][1] < right[0][0]


async def test_a_model_that_sees_is_shown_the_callers_camera(livekit_server: LiveKitServer) -> None:
    """As a picture file, and the session has the pixels."""
    model = FakeRealtime(capabilities=RealtimeCapabilities(video_input=True))
    async with (
        conversation(livekit_server, options=RoomOptions(video_input=True), llm=model) as (
            session,
            caller,
        ),
        camera_of(caller.room, 200, 30, 30),
        asyncio.timeout(DEADLINE),
    ):
        await model.sessions[0].sees()
        frame = session.latest_video_frame

    _, mime_type, data = model.sessions[0].seen[0]
    assert (mime_type, data[:4]) == ("image/png", b"\x89PNG")
    assert frame is not None
    assert (frame.width, frame.height) == (64, 48)
    assert frame.data[0] > frame.data[1] + 50


async def test_a_caller_cuts_in_on_an_agent_with_a_face(livekit_server: LiveKitServer) -> None:
    """The voice can't be held then: it is cut off, and what was heard is remembered."""
    text = "This is a long story that nobody will hear to its very end, I am quite sure of that."
    drawn: list[bool] = []

    def face(audio: AudioFrame | None) -> VideoFrame:
        drawn.append(audio is not None)
        return VideoFrame(data=bytes(64 * 48 * 4), width=64, height=48)

    async with conversation(
        livekit_server,
        options=RoomOptions(video_output=VideoOutputOptions(draw=face, width=64, height=48)),
        vad=FakeVAD(threshold=0.05),
        stt=FakeSTT(["tell me", "stop it"]),
        llm=FakeLLM([text, "All right."]),
        tts=FakeTTS(seconds_per_character=0.06),
    ) as (session, caller):
        lost: list[object] = []
        session.on("output_degraded", lost.append)
        await caller.say(0.6)
        await caller.ear.hears(1.0)
        added: asyncio.Queue[object] = asyncio.Queue()
        session.on("conversation_item_added", added.put_nowait)
        await caller.say(1.0)
        async with asyncio.timeout(DEADLINE):
            for _ in range(3):  # what was cut off, what the caller said, and the answer
                await added.get()
        messages = session.history.messages()

    assert messages[1].interrupted
    assert 0 < len(messages[1].text_content or "") < len(text)
    assert messages[3].text_content == "All right."
    assert drawn.count(True) >= 20
    assert lost == []


async def test_keys_of_a_telephone_go_both_ways(livekit_server: LiveKitServer) -> None:
    """The caller's are events of the session, the agent's reach the caller."""
    heard: asyncio.Queue[rtc.SipDTMF] = asyncio.Queue()
    pressed: asyncio.Queue[SipDtmfReceivedEvent] = asyncio.Queue()
    async with conversation(livekit_server) as (session, caller):
        session.on("sip_dtmf_received", pressed.put_nowait)
        caller.room.on("sip_dtmf_received", heard.put_nowait)

        await caller.room.local_participant.publish_dtmf(code=4, digit="4")
        async with asyncio.timeout(DEADLINE):
            event = await pressed.get()
        await session.send_dtmf("2#")
        async with asyncio.timeout(DEADLINE):
            keys = [await heard.get() for _ in range(2)]

    assert (event.digit, event.code, event.participant_identity) == ("4", 4, "caller-1")
    assert [(key.digit, key.code) for key in keys] == [("2", 2), ("#", 11)]


async def loud_stretches(path: Path) -> tuple[list[tuple[float, float]], ...]:
    """For each side of a recording, from when to when something is heard."""
    window = 0.02
    sides: tuple[list[tuple[float, float]], ...] = ([], [])
    at = 0.0
    async for frame in audio_frames_from_file(path, 48000, 2):
        samples = with_channels(frame, 2).samples
        size = round(window * frame.sample_rate)
        for start in range(0, len(samples), size):
            piece = samples[start : start + size]
            for stretches, side in zip(sides, piece.T, strict=True):
                if rms(side) > 0.02:
                    stretches.append((at, at + len(side) / frame.sample_rate))
            at += len(piece) / frame.sample_rate
    return sides

"""Two participants in one room of a real server, in this process, without a daemon."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import numpy as np
from livekit import api, rtc

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame, from_samples
from agentd.testing.livekit_server import LiveKitServer

DEADLINE = 15.0
LOUD = 300.0
"""Level (root mean square of PCM16) over which a frame counts as heard."""


async def join(
    server: LiveKitServer,
    room_name: str,
    identity: str,
    *,
    kind: Literal["standard", "agent"] = "standard",
) -> rtc.Room:
    """A room that is joined."""
    room = rtc.Room()
    grants = api.VideoGrants(
        room_join=True, room=room_name, agent=kind == "agent", can_update_own_metadata=True
    )
    token = api.AccessToken(server.api_key, server.api_secret).with_identity(identity)
    await room.connect(server.url, token.with_kind(kind).with_grants(grants).to_jwt())
    return room


@asynccontextmanager
async def two_in_a_room(server: LiveKitServer) -> AsyncIterator[tuple[rtc.Room, rtc.Room]]:
    """An agent and a caller, each of whom knows of the other."""
    name = f"two-{uuid.uuid4().hex[:8]}"
    agent = await join(server, name, "agent-1", kind="agent")
    caller = await join(server, name, "caller-1")
    # One that publishes is announced to others at once, else only after 3 s.
    for room in (caller, agent):
        track = rtc.LocalAudioTrack.create_audio_track("idle", rtc.AudioSource(48000, 1))
        await room.local_participant.publish_track(track)
    try:
        await until(agent, lambda: "caller-1" in agent.remote_participants, "the caller")
        await until(caller, lambda: "agent-1" in caller.remote_participants, "the agent")
        yield agent, caller
    finally:
        await agent.disconnect()
        await caller.disconnect()


async def until(room: rtc.Room, come: Callable[[], bool], what: str) -> None:
    """Wait until something about the people of a room is so."""
    changed = asyncio.Event()
    events = ("participant_connected", "participant_attributes_changed", "track_subscribed")
    listeners = {event: (lambda *_: changed.set()) for event in events}
    for event, listener in listeners.items():
        room.on(event, listener)  # type: ignore[arg-type]  # the SDK's literal names
    try:
        async with asyncio.timeout(DEADLINE):
            while not come():
                await changed.wait()
                changed.clear()
    except TimeoutError:
        raise AssertionError(f"{what}: not within {DEADLINE:g} s") from None
    finally:
        for event, listener in listeners.items():
            room.off(event, listener)  # type: ignore[arg-type]  # the SDK's literal names


class Listener:
    """Hears what is said in a room and when; times are of the monotonic clock."""

    def __init__(self, room: rtc.Room) -> None:
        self._tasks = TaskOwner("listener")
        self._changed = asyncio.Condition()
        self.frames: list[tuple[float, float]] = []
        """When each frame of 10 ms came, and its level."""
        room.on("track_subscribed", self._on_track)

    @property
    def heard_at(self) -> list[float]:
        """When each audible frame came."""
        return [at for at, level in self.frames if level > LOUD]

    @property
    def heard_seconds(self) -> float:
        """How much was audible."""
        return 0.01 * len(self.heard_at)

    async def until(self, come: Callable[[], bool], what: str) -> None:
        """Wait until something is so; looked at with each frame."""
        try:
            async with asyncio.timeout(DEADLINE), self._changed:
                await self._changed.wait_for(come)
        except TimeoutError:
            raise AssertionError(f"{what}: not within {DEADLINE:g} s") from None

    async def hears(self, seconds: float) -> None:
        """Wait until so much in all was audible."""
        await self.until(lambda: self.heard_seconds >= seconds, f"{seconds} s of sound")

    async def hears_nothing(self, seconds: float = 0.3) -> None:
        """Wait until the latest so many seconds were silent."""

        def quiet() -> bool:
            last = self.heard_at[-1] if self.heard_at else 0.0
            return bool(self.frames) and self.frames[-1][0] - last >= seconds

        await self.until(quiet, "silence")

    async def aclose(self) -> None:
        await self._tasks.aclose()

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._tasks.start(self._listen(track), name="listen")

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=24000, num_channels=1)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, dtype=np.int16).astype(np.float32)
                level = float(np.sqrt(np.mean(samples**2)))
                self.frames.append((time.monotonic(), level))
                async with self._changed:
                    self._changed.notify_all()
        finally:
            await stream.aclose()


@asynccontextmanager
async def camera_of(room: rtc.Room, red: int, green: int, blue: int) -> AsyncIterator[None]:
    """A participant shows a picture of one colour, 20 times a second."""
    source = rtc.VideoSource(64, 48)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
    await room.local_participant.publish_track(track, options)
    pixels = bytes((red, green, blue, 255)) * (64 * 48)
    picture = rtc.VideoFrame(64, 48, rtc.VideoBufferType.RGBA, pixels)

    async def film() -> None:
        while True:
            source.capture_frame(picture)
            await asyncio.sleep(0.05)

    async with TaskOwner("camera") as owner:
        owner.start(film(), name="film")
        yield
    await source.aclose()


def tone(seconds: float, sample_rate: int = 24000) -> AudioFrame:
    """A steady 440 Hz."""
    at = np.arange(round(seconds * sample_rate)) / sample_rate
    samples = (8000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    return from_samples(samples, sample_rate)

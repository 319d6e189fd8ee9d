"""An agent that is seen as it speaks, in a real room."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest
from livekit import rtc

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame
from agentd.io import VideoFrame
from agentd.room.options import RoomOptions, VideoOutputOptions
from agentd.room.roomio import RoomIO
from agentd.testing.livekit_server import LiveKitServer
from tests.support.roommates import DEADLINE, Listener, tone, two_in_a_room
from tests.support.session_side import WritingSession

WIDTH, HEIGHT = 64, 48
BRIGHT, DARK = 230, 20
IN_STEP = 0.35
"""Seconds by which sound and picture may differ here: two jitter buffers are in between."""


def face(audio: AudioFrame | None) -> VideoFrame:
    """Bright while the agent speaks."""
    level = DARK if audio is None else BRIGHT
    data = bytes((level, level, level, 255)) * (WIDTH * HEIGHT)
    return VideoFrame(data=data, width=WIDTH, height=HEIGHT)


class Watcher:
    """Sees when the agent is bright and when it is dark; times are of the monotonic clock."""

    def __init__(self, room: rtc.Room) -> None:
        self.seen: list[tuple[float, bool]] = []
        self._tasks = TaskOwner("watcher")
        self._changed = asyncio.Condition()
        room.on("track_subscribed", self._on_track)

    async def sees(self, bright: bool, since: float = 0.0) -> float:
        """Wait until it is so; when it was first."""

        def times() -> list[float]:
            return [at for at, seen in self.seen if seen is bright and at > since]

        try:
            async with asyncio.timeout(DEADLINE), self._changed:
                await self._changed.wait_for(lambda: bool(times()))
        except TimeoutError:
            latest = [(round(at - since, 2), seen) for at, seen in self.seen[-10:]]
            raise AssertionError(f"not seen within {DEADLINE:g} s: {latest}") from None
        return times()[0]

    async def aclose(self) -> None:
        await self._tasks.aclose()

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            self._tasks.start(self._watch(track), name="watch")

    async def _watch(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream.from_track(track=track, format=rtc.VideoBufferType.RGBA)
        async with aclosing(stream):
            async for event in stream:
                level = np.frombuffer(event.frame.data, dtype=np.uint8)[::4].mean()
                self.seen.append((time.monotonic(), bool(level > 128)))
                async with self._changed:
                    self._changed.notify_all()


class Call:
    """A caller who sees and hears an agent."""

    def __init__(self, agent: rtc.Room, caller: rtc.Room, options: RoomOptions) -> None:
        self.session = WritingSession()
        self.watcher, self.ear = Watcher(caller), Listener(caller)
        self.io = RoomIO(self.session, agent, options=options)

    async def say(self, seconds: float) -> None:
        output = self.session.output.audio
        assert output is not None
        await output.capture_frame(tone(seconds))
        output.flush()


@asynccontextmanager
async def call(
    rooms: tuple[rtc.Room, rtc.Room], options: VideoOutputOptions
) -> AsyncIterator[Call]:
    made = Call(*rooms, RoomOptions(video_output=options))
    await made.io.start()
    try:
        yield made
    finally:
        await made.io.aclose()
        await made.watcher.aclose()
        await made.ear.aclose()


@pytest.fixture
async def rooms(livekit_server: LiveKitServer) -> AsyncIterator[tuple[rtc.Room, rtc.Room]]:
    async with two_in_a_room(livekit_server) as both:
        yield both


async def test_the_agent_is_seen_as_it_is_heard(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """Sound and picture begin together and end together."""
    options = VideoOutputOptions(draw=face, width=WIDTH, height=HEIGHT)
    async with call(rooms, options) as made:
        await made.watcher.sees(bright=False)
        await made.say(2.0)
        bright_at = await made.watcher.sees(bright=True)
        await made.ear.hears(1.8)
        await made.ear.hears_nothing(0.3)
        dark_at = await made.watcher.sees(bright=False, since=bright_at)
        heard = made.ear.heard_at

    assert bright_at == pytest.approx(heard[0], abs=IN_STEP)
    assert dark_at == pytest.approx(heard[-1], abs=IN_STEP + 0.2)
    assert rooms[0].local_participant.track_publications.keys() & {"roomio_video"} == set()


async def test_an_agent_that_is_cut_off_is_seen_silent(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """At once, as it is heard no more."""
    options = VideoOutputOptions(draw=face, width=WIDTH, height=HEIGHT)
    async with call(rooms, options) as made:
        await made.watcher.sees(bright=False)
        saying = asyncio.ensure_future(made.say(8.0))
        await made.ear.hears(1.0)
        saying.cancel()
        output = made.session.output.audio
        assert output is not None
        cut_at = time.monotonic()
        output.clear_buffer()
        dark_at = await made.watcher.sees(bright=False, since=cut_at)
        await made.ear.hears_nothing(0.3)

    assert dark_at - cut_at < 1.5
    assert made.ear.heard_at[-1] - cut_at < 0.5


async def test_drawing_that_fails_leaves_the_voice(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """The session is told, and the caller hears all of it."""

    def broken(audio: AudioFrame | None) -> VideoFrame:
        if audio is not None:
            raise ZeroDivisionError("no face")
        return face(None)

    options = VideoOutputOptions(draw=broken, width=WIDTH, height=HEIGHT)
    async with call(rooms, options) as made:
        await made.say(1.0)
        await made.session.until(("video lost", "ZeroDivisionError: no face"))
        await made.ear.hears(0.8)
        video = made.session.output.video

    assert video is None


async def test_pictures_of_another_size_than_said_end_the_video_only(
    rooms: tuple[rtc.Room, rtc.Room],
) -> None:
    """Bytes that are no picture of their size."""

    def torn(_: AudioFrame | None) -> VideoFrame:
        return VideoFrame(data=b"123", width=WIDTH, height=HEIGHT)

    options = VideoOutputOptions(draw=torn, width=WIDTH, height=HEIGHT)
    async with call(rooms, options) as made:
        reason = "3 bytes of rgba are no RGBA picture of 64 x 48 pixels"
        await made.session.until(("video lost", reason))
        await made.say(1.0)
        await made.ear.hears(0.8)

"""Speech and pictures into a real room and out of it: whole, held, cut off, followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from livekit import rtc

from agentd.audio.frame import AudioFrame, from_samples, silent_frame
from agentd.audio.mixer import scale
from agentd.audio.pcm import rms
from agentd.errors import AudioError
from agentd.io import PlaybackFinishedEvent
from agentd.room.audio_input import RoomAudioInput
from agentd.room.audio_output import RoomAudioOutput
from agentd.room.video_input import RoomVideoInput
from agentd.testing.livekit_server import LiveKitServer
from tests.support.recordings import recording
from tests.support.roommates import DEADLINE, Listener, camera_of, tone, two_in_a_room
from tests.support.sounds import joined, pieces


@pytest.fixture
async def rooms(livekit_server: LiveKitServer) -> AsyncIterator[tuple[rtc.Room, rtc.Room]]:
    async with two_in_a_room(livekit_server) as both:
        yield both


@pytest.fixture
async def caller(rooms: tuple[rtc.Room, rtc.Room]) -> AsyncIterator[Listener]:
    listener = Listener(rooms[1])
    yield listener
    await listener.aclose()


@pytest.fixture
async def output(
    rooms: tuple[rtc.Room, rtc.Room], caller: Listener
) -> AsyncIterator[RoomAudioOutput]:
    output = RoomAudioOutput(rooms[0])
    await output.start()
    yield output
    await output.aclose()


async def say(output: RoomAudioOutput, seconds: float) -> None:
    """Capture a tone in frames of 20 ms, as a voice gives it, and end the segment."""
    whole = tone(seconds)
    for start in range(0, len(whole.data), 960):
        await output.capture_frame(
            AudioFrame(data=whole.data[start : start + 960], sample_rate=24000)
        )
    output.flush()


async def playout(output: RoomAudioOutput) -> PlaybackFinishedEvent:
    async with asyncio.timeout(DEADLINE):
        return await output.wait_for_playout()


async def test_a_segment_is_heard_whole(output: RoomAudioOutput, caller: Listener) -> None:
    """All of it reaches the caller, also its first moment, and its length is reported."""
    await say(output, 1.5)

    finished = await playout(output)
    await caller.hears_nothing()

    assert finished.playback_position == pytest.approx(1.5, abs=0.001)
    assert not finished.interrupted
    assert caller.heard_seconds == pytest.approx(1.5, abs=0.15)


async def test_a_cleared_segment_falls_silent_at_once(
    output: RoomAudioOutput, caller: Listener
) -> None:
    """What was not played is dropped, and how much was heard is known."""
    talking = asyncio.ensure_future(say(output, 5.0))
    await caller.hears(1.0)
    cleared_at = time.monotonic()

    talking.cancel()
    output.clear_buffer()
    finished = await playout(output)
    await caller.hears_nothing()

    assert finished.interrupted
    assert 0.9 <= finished.playback_position <= 1.6
    assert caller.heard_at[-1] - cleared_at < 0.5


async def test_a_pause_holds_every_sample(output: RoomAudioOutput, caller: Listener) -> None:
    """Held audio goes on where it was held: nothing is lost and nothing is said twice."""
    talking = asyncio.ensure_future(say(output, 2.0))
    await caller.hears(0.5)

    output.pause()
    await caller.hears_nothing(0.5)
    heard_before = caller.heard_seconds
    output.resume()
    finished = await playout(output)
    await talking
    await caller.hears_nothing()

    assert heard_before < 1.2
    assert finished.playback_position == pytest.approx(2.0, abs=0.001)
    assert not finished.interrupted
    assert caller.heard_seconds == pytest.approx(2.0, abs=0.2)


async def test_a_segment_after_a_cleared_one_is_heard(
    output: RoomAudioOutput, caller: Listener
) -> None:
    """Being cut off spoils nothing that is said later."""
    talking = asyncio.ensure_future(say(output, 5.0))
    await caller.hears(0.5)
    talking.cancel()
    output.clear_buffer()
    await caller.hears_nothing()
    heard = caller.heard_seconds

    await say(output, 0.5)
    finished = await playout(output)
    await caller.hears_nothing()

    assert finished == PlaybackFinishedEvent(playback_position=0.5, interrupted=False)
    assert caller.heard_seconds - heard == pytest.approx(0.5, abs=0.15)


async def test_each_segment_is_told_once(output: RoomAudioOutput, caller: Listener) -> None:
    """Two segments in a row: two starts and two ends."""
    told: list[str] = []
    output.on("playback_started", lambda _: told.append("started"))
    output.on("playback_finished", lambda _: told.append("finished"))

    await say(output, 0.3)
    await say(output, 0.3)
    await playout(output)

    assert told == ["started", "finished", "started", "finished"]


async def test_a_frame_of_another_rate_is_refused(output: RoomAudioOutput) -> None:
    """Played as it is it would sound wrong; the error names both rates."""
    with pytest.raises(AudioError, match="16000 Hz"):
        await output.capture_frame(tone(0.1, 16000))


async def test_closing_while_speaking_ends_the_segment(
    output: RoomAudioOutput, caller: Listener
) -> None:
    """Whoever waits for the playout is not left waiting."""
    talking = asyncio.ensure_future(say(output, 5.0))
    await caller.hears(0.3)

    talking.cancel()
    await output.aclose()
    finished = await playout(output)

    assert finished.interrupted


async def test_the_input_follows_one_participant(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """Frames come at the rate asked for, and silence when nobody is followed any more."""
    agent, caller = rooms
    ears = RoomAudioInput(agent, sample_rate=16000)
    voice = RoomAudioOutput(caller)
    await voice.start()
    ears.follow("caller-1")

    await say(voice, 1.0)
    heard = [frame async for frame in _some(ears, 0.8)]
    ears.follow(None)
    rest = [frame async for frame in _some(ears, 0.4)]
    await ears.aclose()
    await voice.aclose()

    assert {frame.sample_rate for frame in heard} == {16000}
    assert {frame.num_channels for frame in heard} == {1}
    assert max(abs(int(frame.samples.max())) for frame in heard) > 5000
    assert not rest[-1].samples.any()


async def test_a_detached_input_drops_what_comes(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """What was said while nobody listened is not heard later."""
    ears = RoomAudioInput(rooms[0])
    ears.put_first([tone(0.2)])

    ears.on_detached()
    ears.put_first([tone(0.2)])
    ears.on_attached()
    ears.put_first([silent_frame(0.3, 24000)])
    heard = [frame async for frame in _some(ears, 0.3)]
    await ears.aclose()

    assert not any(frame.samples.any() for frame in heard)


async def test_an_input_that_nobody_reads_keeps_the_latest(
    rooms: tuple[rtc.Room, rtc.Room], caplog: pytest.LogCaptureFixture
) -> None:
    """A session that is behind hears what is said now, and the log says what it missed."""
    ears = RoomAudioInput(rooms[0], frame_ms=500)
    frames = [silent_frame(0.5, 24000) for _ in range(6)]

    ears.put_first([*frames, tone(0.5)])
    heard = [frame async for frame in _some(ears, 3.0)]
    await ears.aclose()

    assert len(heard) == 6
    assert heard[-1].samples.any()
    assert ears.dropped == 1
    assert [record.action for record in caplog.records if hasattr(record, "action")] == [
        "audio_dropped"
    ]


async def _some(ears: RoomAudioInput, seconds: float) -> AsyncIterator[AudioFrame]:
    """So much of what an input gives."""
    taken = 0.0
    async with asyncio.timeout(DEADLINE):
        async for frame in ears:
            yield frame
            taken += frame.duration
            if taken >= seconds:
                return


async def test_the_latest_picture_is_seen(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """Of one participant's camera, whole and of its size."""
    agent, caller = rooms
    eyes = RoomVideoInput(agent)
    eyes.follow("caller-1")
    async with camera_of(caller, 0x80, 0x80, 0x80), asyncio.timeout(DEADLINE):
        picture = await anext(aiter(eyes))
    await eyes.aclose()

    assert (picture.width, picture.height, picture.format) == (64, 48, "rgba")
    assert len(picture.data) == 64 * 48 * 4
    assert abs(picture.data[0] - 0x80) < 12


async def test_a_quiet_caller_is_heard_louder(rooms: tuple[rtc.Room, rtc.Room]) -> None:
    """With gain control, in the room as in a file."""
    agent, caller = rooms
    plain, gained = RoomAudioInput(agent), RoomAudioInput(agent, auto_gain=True)
    for ears in (plain, gained):
        ears.follow("caller-1")
    mouth = RoomAudioOutput(caller, sample_rate=16000, track_name="microphone")
    await mouth.start()
    quiet = scale(recording("jfk").samples[: 16000 * 6], 0.1)
    for piece in pieces(from_samples(quiet, 16000), 1600):
        await mouth.capture_frame(piece)
    mouth.flush()
    await playout(mouth)

    # The latest 3 s of what nobody has taken wait.
    loudness = [rms(joined(await waiting(ears))) for ears in (plain, gained)]
    for each in (plain, gained):
        await each.aclose()
    await mouth.aclose()

    assert loudness[1] > 1.5 * loudness[0]


async def waiting(ears: RoomAudioInput) -> list[AudioFrame]:
    """Two seconds of what has come."""
    frames: list[AudioFrame] = []
    async with asyncio.timeout(DEADLINE):
        async for frame in ears:
            frames.append(frame)
            if sum(each.duration for each in frames) >= 2.0:
                break
    return frames

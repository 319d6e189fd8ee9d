"""Tests of the console's loudspeaker and microphone: what is told of what was played."""

from __future__ import annotations

import asyncio

import pytest

from agentd.audio.frame import AudioFrame
from agentd.console.duplex import SAMPLE_RATE, Duplex
from agentd.console.microphone import CAPACITY, Microphone
from agentd.console.speaker import Speaker
from agentd.errors import AudioError
from agentd.io import PlaybackFinishedEvent

TENTH = SAMPLE_RATE // 10


def sound(seconds: float, rate: int = SAMPLE_RATE) -> AudioFrame:
    """Something to play: no sample is 0."""
    return AudioFrame(data=b"\x01\x02" * round(seconds * rate), sample_rate=rate)


def finishes(speaker: Speaker) -> list[PlaybackFinishedEvent]:
    """All that the loudspeaker tells of segments that are over."""
    told: list[PlaybackFinishedEvent] = []
    speaker.on("playback_finished", told.append)
    return told


async def test_a_segment_is_over_when_its_last_sample_was_pulled() -> None:
    """Not when it was captured; and silence follows."""
    speaker = Speaker(SAMPLE_RATE)
    started: list[object] = []
    speaker.on("playback_started", started.append)
    told = finishes(speaker)
    await speaker.capture_frame(sound(0.2))
    speaker.flush()

    assert speaker.pull(TENTH) == sound(0.1).data
    await asyncio.sleep(0)
    assert (len(started), told) == (1, [])
    speaker.pull(TENTH)
    over = await speaker.wait_for_playout()

    assert (over.playback_position, over.interrupted) == (0.2, False)
    assert told == [over]
    assert not any(speaker.pull(TENTH))


async def test_what_is_cut_off_counts_as_far_as_it_was_heard() -> None:
    """What a sound card has in its hands has not been heard yet."""
    speaker = Speaker(SAMPLE_RATE)
    speaker.latency = 0.05
    told = finishes(speaker)
    await speaker.capture_frame(sound(0.5))
    speaker.flush()
    await speaker.capture_frame(sound(0.3))
    speaker.pull(2 * TENTH)

    speaker.clear_buffer()

    positions = [round(one.playback_position, 3) for one in told]
    assert positions == [0.15, 0.0]
    assert all(one.interrupted for one in told)
    assert not any(speaker.pull(TENTH))


async def test_a_full_loudspeaker_has_the_speech_wait() -> None:
    """Until there is room, or it is cut off."""
    speaker = Speaker(SAMPLE_RATE)
    await speaker.capture_frame(sound(1.0))
    waiting = asyncio.ensure_future(speaker.capture_frame(sound(0.1)))
    await asyncio.sleep(0)
    assert not waiting.done()

    speaker.pull(TENTH)
    async with asyncio.timeout(5):
        await waiting
    waiting = asyncio.ensure_future(speaker.capture_frame(sound(0.1)))
    await asyncio.sleep(0)
    speaker.clear_buffer()

    async with asyncio.timeout(5):
        await waiting
    assert not any(speaker.pull(TENTH))


async def test_a_pause_holds_the_audio() -> None:
    """And it goes on where it was."""
    speaker = Speaker(SAMPLE_RATE)
    await speaker.capture_frame(sound(0.1))
    speaker.pause()
    assert not any(speaker.pull(TENTH))
    speaker.resume()
    assert speaker.pull(TENTH) == sound(0.1).data


async def test_another_format_is_refused() -> None:
    """With both rates in the error."""
    with pytest.raises(AudioError, match="24000 Hz.*16000 Hz"):
        await Speaker(SAMPLE_RATE).capture_frame(sound(0.1, 16000))


async def test_a_session_that_is_late_loses_the_oldest_sound() -> None:
    """What is heard late is worse than what is lost."""
    microphone = Microphone(SAMPLE_RATE)
    for number in range(CAPACITY + 2):
        microphone.push(number.to_bytes(2, "little"))
    await asyncio.sleep(0)
    await microphone.aclose()

    heard = [int.from_bytes(frame.data, "little") async for frame in microphone]

    assert heard == [*range(2, CAPACITY + 2)]


async def test_both_sides_have_a_level() -> None:
    """For the meter."""
    duplex = Duplex()
    await duplex.speaker.capture_frame(sound(0.1))

    duplex.hear(b"\xff\x7f" * 480)
    duplex.play(960)

    assert duplex.heard_level == pytest.approx(1.0, abs=0.01)
    assert 0.01 < duplex.played_level < 0.1


async def test_the_echo_of_the_agent_is_taken_out_of_the_microphone() -> None:
    """By WebRTC: after a moment of learning little of it is left."""
    import numpy as np

    from agentd.room.echo import CallerSound

    cleaned = CallerSound()
    cleaned.set_delay(0.0)
    noise = np.random.default_rng(1).normal(0, 4000, SAMPLE_RATE * 3).astype("<i2").tobytes()
    loudness = []
    for start in range(0, len(noise), 480):
        cleaned.played(noise[start : start + 480], SAMPLE_RATE)
        left = cleaned.heard(noise[start : start + 480], SAMPLE_RATE)
        loudness.append(np.frombuffer(left, "<i2").astype(float).std())

    assert sum(loudness[-100:]) / 100 < 400


async def test_a_block_that_is_no_ten_milliseconds_is_left_alone() -> None:
    """WebRTC would end the process."""
    from agentd.room.echo import CallerSound

    cleaned = CallerSound()
    cleaned.played(b"\1\2" * 7, SAMPLE_RATE)

    assert cleaned.heard(b"\1\2" * 7, SAMPLE_RATE) == b"\1\2" * 7

"""Tests of agentd.audio.byte_stream."""

from __future__ import annotations

import pytest

from agentd.audio.byte_stream import AudioByteStream


def test_frames_have_the_wanted_length() -> None:
    """Whatever the pieces are; the rest comes with the flush."""
    stream = AudioByteStream(8000, 1, 80)
    data = bytes(range(256)) * 2

    frames = [frame for byte in data for frame in stream.push(bytes([byte]))]
    rest = stream.flush()

    assert [frame.samples_per_channel for frame in frames + rest] == [80, 80, 80, 16]
    assert b"".join(frame.data for frame in frames + rest) == data


def test_half_a_sample_is_kept_for_its_other_half_and_dropped_at_the_end() -> None:
    """Bytes of an odd number are no error."""
    stream = AudioByteStream(8000, 2, 1)

    frames = [*stream.push(b"abcde"), *stream.push(b"fgh"), *stream.push(b"xyz")]

    assert [frame.data for frame in frames] == [b"abcd", b"efgh"]
    assert stream.flush() == []


def test_a_progressive_stream_begins_with_short_frames() -> None:
    """20 ms first, then twice as long each time, up to the wanted length; again after a flush."""
    stream = AudioByteStream(16000, 1, 1600, progressive=True)

    frames = stream.push(bytes(2 * 16000))
    stream.flush()
    again = stream.push(bytes(2 * 16000))

    lengths = [frame.duration for frame in frames]
    assert lengths == [0.02, 0.04, 0.08] + [0.1] * 8
    assert [frame.duration for frame in again] == lengths


def test_without_a_length_frames_are_a_tenth_of_a_second() -> None:
    """As users of livekit-agents know it, under both names."""
    assert [frame.duration for frame in AudioByteStream(24000, 1).write(bytes(9600))] == [0.1, 0.1]


def test_any_buffer_will_do() -> None:
    """Such as a memoryview of samples, which is what rtc's frames have."""
    samples = memoryview(bytes(8)).cast("h")

    assert [frame.data for frame in AudioByteStream(8000, 1, 4).push(samples)] == [bytes(8)]


def test_what_is_cleared_is_not_heard_any_more() -> None:
    """Nothing of it is in a later frame."""
    stream = AudioByteStream(8000, 1, 4)
    stream.push(b"\xff" * 7)

    stream.clear()

    assert [frame.data for frame in stream.push(bytes(8))] == [bytes(8)]


def test_a_length_of_nothing_is_refused() -> None:
    """It would cut frames for ever."""
    with pytest.raises(ValueError, match="samples_per_channel must be 1 or more, not 0"):
        AudioByteStream(8000, 1, 0)

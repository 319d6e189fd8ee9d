"""Tests of agentd.audio.combine and agentd.audio.array_buffer."""

from __future__ import annotations

import pytest

from agentd.audio.array_buffer import AudioArrayBuffer
from agentd.audio.combine import calculate_audio_duration, combine_frames, silence_frame_like
from agentd.errors import AudioError
from tests.support.sounds import tone


def test_frames_follow_one_another() -> None:
    """One frame has the audio of all, and one alone is itself."""
    first, second = tone(0.1), tone(0.2, pitch=600)

    both = combine_frames([first, second])

    assert both.data == first.data + second.data
    assert combine_frames(first).data == first.data


def test_frames_of_different_forms_are_not_combined() -> None:
    """The error tells how many there are."""
    with pytest.raises(AudioError, match="2 frames of 2 formats"):
        combine_frames([tone(0.1, rate=8000), tone(0.1, channels=2)])


def test_no_frames_are_no_frame() -> None:
    """Nobody knows of what form."""
    with pytest.raises(AudioError, match="can't join 0 frames"):
        combine_frames([])


def test_durations_add_up() -> None:
    """Whatever the rates are."""
    assert calculate_audio_duration([tone(0.1, rate=8000), tone(0.2)]) == pytest.approx(0.3)
    assert calculate_audio_duration(tone(0.1, channels=2)) == pytest.approx(0.1)
    assert calculate_audio_duration([]) == 0.0


def test_silence_is_as_long_as_the_frame() -> None:
    """And of its form."""
    silence = silence_frame_like(tone(0.1, rate=48000, channels=2))

    assert silence.data == bytes(4800 * 4)
    assert (silence.sample_rate, silence.num_channels) == (48000, 2)


def test_a_window_keeps_the_latest_samples() -> None:
    """When it is full the oldest go, and their number is told."""
    buffer = AudioArrayBuffer(buffer_size=1000)
    audio = tone(0.1).samples

    dropped = buffer.push_frame(tone(0.1))

    assert dropped == 600
    assert buffer.read().tolist() == audio[600:].tolist()


def test_a_window_is_emptied_from_its_old_end() -> None:
    """What is taken is gone; more than there is may be asked for."""
    buffer = AudioArrayBuffer(buffer_size=10000)
    buffer.push_frame(tone(0.1))

    taken = buffer.shift(400)

    assert taken.tolist() == tone(0.1).samples[:400].tolist()
    assert len(buffer) == 1200
    assert len(buffer.shift(5000)) == 1200
    assert len(buffer) == 0


def test_a_window_takes_audio_of_any_form() -> None:
    """It is made mono and of the window's rate."""
    buffer = AudioArrayBuffer(buffer_size=16000, sample_rate=16000)

    buffer.push_frame(tone(0.5, rate=48000, channels=2))

    assert 7900 < len(buffer) <= 8000
    buffer.reset()
    assert len(buffer) == 0


def test_a_window_of_nothing_is_refused() -> None:
    """The error names the size."""
    with pytest.raises(ValueError, match="buffer_size must be 1 or more, but is 0"):
        AudioArrayBuffer(buffer_size=0)

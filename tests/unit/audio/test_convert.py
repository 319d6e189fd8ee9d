"""Tests of agentd.audio.convert."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.audio.convert import Converter, pcm16_from_floats, with_channels
from agentd.audio.frame import from_samples
from agentd.errors import AudioError
from tests.support.sounds import decibels, joined, main_pitch, tone


def test_floats_become_samples() -> None:
    """Full scale is 1; what is beyond is cut off."""
    assert pcm16_from_floats([0.0, 0.5, -0.5, -1.0, 1.0, 7.0, -7.0]).tolist() == [
        0, 16384, -16384, -32768, 32767, 32767, -32768,
    ]  # fmt: skip


def test_what_is_no_number_is_silence() -> None:
    """A model that gives NaN has lost its way; infinity is as loud as can be."""
    samples = pcm16_from_floats(np.array([np.nan, np.inf, -np.inf, np.nan], dtype=np.float32))

    assert samples.tolist() == [0, 32767, -32768, 0]


def test_several_channels_become_one_and_one_becomes_several() -> None:
    """One is the mean of all; all are that one."""
    stereo = np.array([[100, 300], [-2, -4]], dtype=np.int16)

    assert with_channels(stereo, 1).tolist() == [200, -3]
    assert with_channels(np.array([5, 6], np.int16), 2).tolist() == [[5, 5], [6, 6]]
    assert with_channels(stereo, 3).tolist() == [[200] * 3, [-3] * 3]
    assert with_channels(stereo, 2) is stereo


def test_the_right_form_goes_through_untouched() -> None:
    """Not even copied."""
    frame = tone(0.1)

    assert Converter(16000).push(frame)[0] is frame


def test_the_form_may_change_on_the_way() -> None:
    """From 8 kHz stereo to 48 kHz mono: it is one stream of audio all the same."""
    converter = Converter(16000)

    frames = converter.push(tone(0.5, rate=8000, channels=2))
    frames += converter.push(tone(0.5, rate=48000))
    frames += converter.flush()

    whole = joined(frames)
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(16000, 1)}
    assert len(whole) == 16000
    assert main_pitch(whole[:8000], 16000) == main_pitch(whole[8000:], 16000) == 440


def test_a_foreign_frame_is_taken() -> None:
    """rtc's frames have the same three attributes."""

    class Foreign:
        data = memoryview(tone(0.1).data).cast("h")
        sample_rate = 16000
        num_channels = 1

    assert [frame.data for frame in Converter(16000).push(Foreign())] == [tone(0.1).data]


def test_half_a_sample_is_refused() -> None:
    """Such a frame is no PCM16."""

    class Odd:
        data = b"abc"
        sample_rate = 16000
        num_channels = 1

    with pytest.raises(AudioError, match="3 bytes are no whole number"):
        Converter(16000).push(Odd())


def test_a_mono_source_is_as_loud_on_both_sides() -> None:
    """More channels are copies."""
    frames = [*(converter := Converter(48000, 2)).push(tone(0.2)), *converter.flush()]

    both = np.concatenate([frame.samples for frame in frames])
    assert np.array_equal(both[:, 0], both[:, 1])
    assert abs(decibels(both[:, 0], tone(0.2, rate=48000).samples)) < 0.1


def test_flushing_nothing_gives_nothing() -> None:
    """Before the first frame too."""
    assert Converter(16000).flush() == []


def test_stereo_frames_keep_their_order() -> None:
    """A frame of two channels in and out is the same frame."""
    stereo = from_samples(np.arange(8, dtype=np.int16).reshape(4, 2), 16000)

    assert Converter(16000, 2).push(stereo)[0] is stereo

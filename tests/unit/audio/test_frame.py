"""Tests of agentd.audio.frame."""

from __future__ import annotations

import numpy as np
import pytest
from livekit import rtc

from agentd.audio.frame import (
    AudioFrame,
    as_frame,
    from_floats,
    from_samples,
    join_frames,
    silent_frame,
    to_mono,
)
from agentd.errors import AudioError

RATE = 16000


def frame(*samples: int, channels: int = 1) -> AudioFrame:
    """A frame of these samples."""
    data = np.array(samples, dtype="<i2").tobytes()
    return AudioFrame(data=data, sample_rate=RATE, num_channels=channels)


def test_duration_is_that_of_one_channel() -> None:
    """Two channels do not make it longer."""
    mono, stereo = silent_frame(0.5, RATE), silent_frame(0.5, RATE, 2)

    assert (mono.duration, stereo.duration) == (0.5, 0.5)
    assert (len(mono.data), len(stereo.data)) == (16000, 32000)


def test_samples_of_several_channels_are_a_row_each() -> None:
    """The first index is the instant, the second the channel."""
    assert frame(1, 2, 3, 4, channels=2).samples.tolist() == [[1, 2], [3, 4]]


def test_samples_become_the_same_frame_again() -> None:
    """Bytes to samples and back lose nothing."""
    stereo = frame(1, -2, 32767, -32768, channels=2)

    again = from_samples(stereo.samples, RATE)

    assert (stereo.data, 2) == (again.data, again.num_channels)


@pytest.mark.parametrize(("data", "channels"), [(b"\0", 1), (b"\0\0\0", 1), (b"\0\0", 2)])
def test_bytes_that_are_no_whole_samples_are_refused(data: bytes, channels: int) -> None:
    """An odd length is told at the border, not as noise later on."""
    with pytest.raises(AudioError, match="no whole number of PCM16 samples"):
        AudioFrame(data=data, sample_rate=RATE, num_channels=channels)


@pytest.mark.parametrize(("rate", "channels"), [(0, 1), (-8000, 1), (RATE, 0)])
def test_a_format_that_can_not_be_is_refused(rate: int, channels: int) -> None:
    """No rate and no channel is no audio."""
    with pytest.raises(AudioError, match="is no audio"):
        AudioFrame(data=b"", sample_rate=rate, num_channels=channels)


def test_a_frame_of_ours_is_taken_as_it_is() -> None:
    """No copy is made on the hot path."""
    ours = silent_frame(0.01, RATE)

    assert as_frame(ours) is ours


def test_a_frame_of_rtc_is_taken_over() -> None:
    """Bytes, rate and channels are the same."""
    theirs = rtc.AudioFrame(
        data=np.array([1, 2, 3, 4], dtype="<i2").tobytes(),
        sample_rate=48000,
        num_channels=2,
        samples_per_channel=2,
    )

    ours = as_frame(theirs)

    assert ours.samples.tolist() == [[1, 2], [3, 4]]
    assert (ours.sample_rate, ours.num_channels) == (48000, 2)


def test_floats_are_scaled_and_clipped() -> None:
    """Full scale is 1; what is louder does not wrap round to its opposite."""
    made = from_floats(np.array([0.0, 0.5, -1.0, 1.0, 3.0, -3.0]), RATE)

    assert made.samples.tolist() == [0, 16384, -32768, 32767, 32767, -32768]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(value: float) -> None:
    """They would become some sample or other, which one depends on the machine."""
    with pytest.raises(AudioError, match="NaN or infinity"):
        from_floats(np.array([0.1, value], dtype=np.float32), RATE)


def test_floats_are_no_samples() -> None:
    """Numbers from -1 to 1 would all become 0."""
    with pytest.raises(AudioError, match="are integers, but these are float32"):
        from_samples(np.zeros(4, dtype=np.float32), RATE)


def test_mono_is_the_average_of_the_channels() -> None:
    """Without overflow where both are loud."""
    mixed = to_mono(frame(100, 200, 32767, 32767, -32768, 32767, channels=2))

    assert (mixed.samples.tolist(), mixed.num_channels) == ([150, 32767, 0], 1)


def test_mono_stays_the_same_frame() -> None:
    """No copy is made on the hot path."""
    mono = silent_frame(0.01, RATE)

    assert to_mono(mono) is mono


def test_frames_are_joined_in_order() -> None:
    """One after the other."""
    assert join_frames([frame(1, 2), frame(3)]).samples.tolist() == [1, 2, 3]


def test_frames_of_different_formats_are_not_joined() -> None:
    """Nor is nothing."""
    with pytest.raises(AudioError, match="can't join 2 frames of 2 formats"):
        join_frames([silent_frame(0.1, 16000), silent_frame(0.1, 8000)])
    with pytest.raises(AudioError, match="can't join 0 frames"):
        join_frames([])

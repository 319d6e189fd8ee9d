"""Tests of agentd.audio.pcm."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.audio.pcm import Clip, audible_seconds, from_bytes, is_audible, join, rms, silence

RATE = 16000


def tone(seconds: float, amplitude: float = 0.1) -> Clip:
    """A tone of 440 Hz."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave = amplitude * 32767 * np.sin(2 * np.pi * 440 * times)
    return Clip(samples=wave.astype(np.int16), sample_rate=RATE)


def test_duration_is_samples_over_rate() -> None:
    """A clip of 8000 samples at 16 kHz lasts half a second."""
    assert silence(0.5, RATE).duration == 0.5


def test_cut_keeps_what_lies_inside() -> None:
    """A cut that reaches beyond the clip ends with it."""
    clip = tone(1.0)

    assert clip.cut(0.75, 2.0).duration == 0.25
    assert clip.cut(-1.0, 0.25).duration == 0.25


def test_last_chunk_is_filled_with_silence() -> None:
    """All chunks have the same length, also the last one."""
    chunks = list(tone(0.05).chunks(0.02))

    assert [len(chunk) for chunk in chunks] == [320, 320, 320]
    assert np.count_nonzero(chunks[-1][160:]) == 0


def test_bytes_are_read_as_little_endian() -> None:
    """The bytes 00 01 are the sample 256."""
    assert from_bytes(b"\x00\x01", RATE).samples.tolist() == [256]


def test_join_puts_clips_in_a_row() -> None:
    """The joined clip is as long as its parts."""
    assert join([tone(0.5), silence(0.25, RATE)]).duration == 0.75


def test_join_refuses_different_rates() -> None:
    """Clips of different rates can't be joined, and the error names the rates."""
    with pytest.raises(ValueError, match=r"\[8000, 16000\] Hz"):
        join([silence(0.1, 8000), silence(0.1, 16000)])


def test_rms_of_a_sine_is_amplitude_over_root_two() -> None:
    """Loudness is relative to full scale."""
    assert pytest.approx(0.1 / np.sqrt(2), rel=1e-3) == rms(tone(1.0, 0.1).samples)


def test_rms_of_full_scale_does_not_overflow() -> None:
    """The loudest samples that there are have a loudness of 1."""
    samples = np.full(160, -32768, dtype=np.int16)

    assert rms(samples) == 1.0


def test_nothing_has_no_loudness() -> None:
    """An empty stretch is silent."""
    assert not is_audible(np.array([], dtype=np.int16))


def test_audible_seconds_leave_silence_out() -> None:
    """Only what can be heard is counted."""
    clip = join([silence(0.5, RATE), tone(0.3), silence(0.5, RATE)])

    assert pytest.approx(0.3, abs=0.02) == audible_seconds(clip)

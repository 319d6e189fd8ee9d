"""Tests of agentd.audio.conform."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.audio.conform import Conformer, conform
from agentd.audio.frame import AudioFrame, from_samples, join_frames, silent_frame
from agentd.errors import AudioError

RATE = 16000


def tone(seconds: float, rate: int, channels: int = 1) -> AudioFrame:
    """440 Hz."""
    wave = 8000 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return from_samples(np.repeat(wave.astype(np.int16)[:, None], channels, axis=1), rate)


def likeness(one: AudioFrame, other: AudioFrame) -> float:
    """How much two signals are the same, from 0 to 1, without their edges."""
    size = min(one.samples_per_channel, other.samples_per_channel)
    first, second = (frame.samples[200 : size - 200].astype(float) for frame in (one, other))
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_what_fits_is_handed_through() -> None:
    """The very same frame: nothing is computed on the hot path."""
    frame = silent_frame(0.02, RATE)

    assert Conformer(RATE).push(frame) == [frame]
    assert Conformer(RATE).push(frame)[0] is frame


def test_a_stream_of_another_kind_becomes_the_wanted_one() -> None:
    """Stereo at 48 kHz, in small frames, is the same tone in mono at 16 kHz."""
    conformer = Conformer(RATE)
    source = tone(1.0, 48000, channels=2)
    pieces = [
        from_samples(source.samples[start : start + 480], 48000) for start in range(0, 48000, 480)
    ]

    parts = [part for piece in pieces for part in conformer.push(piece)] + conformer.flush()

    assert likeness(join_frames(parts), tone(1.0, RATE)) > 0.999


def test_a_source_may_change_on_the_way() -> None:
    """No audio is lost where the rate changes, nor where it comes back."""
    conformer = Conformer(RATE)

    parts = [
        part
        for rate in (16000, 48000, 8000, 16000)
        for part in conformer.push(silent_frame(0.5, rate))
    ]
    parts += conformer.flush()

    assert {part.sample_rate for part in parts} == {RATE}
    assert sum(part.duration for part in parts) == pytest.approx(2.0, abs=0.001)


def test_a_whole_clip_is_made_at_once() -> None:
    """Of one frame, of several, and of none at all."""
    assert conform(tone(0.5, 48000, channels=2), RATE).duration == pytest.approx(0.5, abs=0.001)
    assert conform([tone(0.5, 8000), tone(0.5, 8000)], RATE).duration == pytest.approx(
        1.0, abs=0.001
    )
    assert conform([], RATE).data == b""


def test_what_is_no_audio_is_refused() -> None:
    """An odd number of bytes is no PCM16."""

    class Odd:
        data = b"\0"
        sample_rate = RATE
        num_channels = 1

    with pytest.raises(AudioError):
        Conformer(RATE).push(Odd())

"""Tests of agentd.audio.resample."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.audio.frame import AudioFrame, from_samples, join_frames, silent_frame
from agentd.audio.resample import Resampler, resample
from agentd.errors import AudioError
from tests.support.sounds import decibels, joined, pieces, tone

RATES = [
    (24000, 48000), (22050, 48000), (22050, 24000), (48000, 16000), (24000, 16000),
    (48000, 24000), (16000, 24000), (8000, 48000), (44100, 16000), (48000, 8000),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_tone_stays_the_tone_where_it_was(source: int, target: int) -> None:
    """70 dB between the tone as it should be at the other rate and what is missing of it."""
    resampler = Resampler(source, target)

    given = [resampler.push(part) for part in pieces(tone(1.0, rate=source), source // 50)]
    got = joined([frame for frames in [*given, resampler.flush()] for frame in frames])

    expected = tone(1.0, rate=target).samples
    middle = slice(target // 10, -target // 10)
    assert len(got) == len(expected)
    assert decibels(got[middle] - expected[middle], expected[middle]) < -70


@pytest.mark.parametrize(("source", "target"), [(48000, 16000), (44100, 16000), (24000, 8000)])
def test_what_the_lower_rate_can_not_hold_is_gone(source: int, target: int) -> None:
    """A pitch beyond its limit would come back as another one; it is 60 dB down."""
    high = tone(1.0, rate=source, pitch=0.6 * target)

    got = resample(high, target)

    assert decibels(got.samples[target // 10 : -target // 10], high.samples) < -60


@pytest.mark.parametrize(("source", "target"), RATES)
def test_little_is_held_back(source: int, target: int) -> None:
    """After each 20 ms all but 16 samples of the lower rate are out: 2 ms at 8 kHz."""
    resampler = Resampler(source, target)

    lags, taken, given = [], 0, 0
    for part in pieces(tone(0.5, rate=source), source // 50):
        taken += part.samples_per_channel
        given += sum(out.samples_per_channel for out in resampler.push(part))
        lags.append(taken / source - given / target)

    assert max(lags) <= 17.5 / min(source, target)


@pytest.mark.parametrize("size", [1, 7, 160, 4096, 100000])
def test_pieces_do_not_matter(size: int) -> None:
    """Sample by sample or all at once: the same audio."""
    whole = tone(0.2, rate=22050, pitch=1000)
    resampler = Resampler(22050, 48000)

    frames = [out for part in pieces(whole, size) for out in resampler.push(part)]
    frames += resampler.flush()

    assert np.array_equal(joined(frames), resample(whole, 48000).samples)


def test_channels_stay_apart() -> None:
    """Left is not heard on the right."""
    left = tone(0.5, rate=16000).samples
    stereo = from_samples(np.stack([left, np.zeros_like(left)], axis=1), 16000)

    got = resample(stereo, 48000)

    assert got.num_channels == 2
    assert not got.samples[:, 1].any()
    assert np.array_equal(got.samples[:, 0], resample(from_samples(left, 16000), 48000).samples)


def test_full_scale_does_not_wrap() -> None:
    """A square wave overshoots at its edges; it is cut off there."""
    square = np.where(np.arange(1600) // 20 % 2, 32767, -32768).astype(np.int16)

    got = resample(from_samples(square, 16000), 48000)

    assert got.samples.max() == 32767
    assert got.samples.min() == -32768
    # A wrap would put the opposite sign into the middle of a half wave.
    assert (got.samples[1200 + 60 * 3 + 20 : 1200 + 60 * 3 + 40] > 0).all()


def test_equal_rates_hand_the_frame_through() -> None:
    """Nothing is computed, copied or held back."""
    frame = tone(0.1)
    resampler = Resampler(16000, 16000)

    assert resampler.push(frame)[0] is frame
    assert resampler.flush() == []


def test_after_a_flush_it_begins_anew() -> None:
    """One resampler gives the same for the same utterance, twice."""
    resampler = Resampler(16000, 24000)

    first = resampler.push(tone(0.1)) + resampler.flush()
    second = resampler.push(tone(0.1)) + resampler.flush()

    assert np.array_equal(joined(first), joined(second))


def test_an_empty_frame_is_nothing() -> None:
    """Neither output nor error."""
    resampler = Resampler(16000, 24000)

    assert resampler.push(AudioFrame(data=b"", sample_rate=16000)) == []
    assert resampler.flush() == []


def test_a_frame_of_another_form_is_refused() -> None:
    """The error names both forms."""
    with pytest.raises(AudioError, match="1 channels at 16000 Hz was given 2 at 8000 Hz"):
        Resampler(16000, 24000).push(tone(0.1, rate=8000, channels=2))


@pytest.mark.parametrize("form", [(0, 16000, 1), (16000, -1, 1), (16000, 8000, 0)])
def test_an_impossible_form_is_refused(form: tuple[int, int, int]) -> None:
    """Before anything is pushed."""
    with pytest.raises(AudioError, match="can't resample"):
        Resampler(*form)


@pytest.mark.parametrize("rate", [8000, 24000, 44100, 48000])
def test_a_prompt_one_gives_as_much_as_it_was_given(rate: int) -> None:
    """With each push; a detector of 20 ms has all of them at once."""
    resampler = Resampler(rate, 16000, prompt=True)

    given = [sum(f.duration for f in resampler.push(silent_frame(0.02, rate))) for _ in range(5)]

    assert given == [pytest.approx(0.02, abs=1 / 16000)] * 5


def test_a_prompt_one_loses_nothing_and_is_late_by_what_it_looks_ahead() -> None:
    """The same audio, a millisecond later."""
    aligned, prompt = Resampler(24000, 16000), Resampler(24000, 16000, prompt=True)
    noise = np.random.default_rng(1).integers(-9000, 9000, 4800).astype(np.int16)

    on_time, late = (
        join_frames([*each.push(from_samples(noise, 24000)), *each.flush()]).samples
        for each in (aligned, prompt)
    )

    assert len(late) == len(on_time) + 16
    assert np.array_equal(late[16:], on_time)

"""Tests of agentd.audio.timeline."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.timeline import Side, Timeline
from agentd.errors import AudioError
from tests.support.sounds import pieces, tone

RATE = 1000


def steady(seconds: float, value: int = 100) -> AudioFrame:
    """A frame whose samples are all alike."""
    return from_samples(np.full(round(seconds * RATE), value, dtype=np.int16), RATE)


def timeline(**settings: float) -> Timeline:
    """One that starts at second 50 of some clock."""
    return Timeline(start_at=50.0, sample_rate=RATE, **settings)


def spans(frame: AudioFrame | None, side: Side) -> list[tuple[float, float]]:
    """Where a side of a stereo frame is not silent: starts and ends in seconds."""
    assert frame is not None
    heard = np.concatenate([[0], (frame.samples[:, side] != 0).astype(int), [0]])
    edges = np.flatnonzero(np.diff(heard)) / RATE
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def test_each_side_is_where_it_was_heard() -> None:
    """Gaps are silence, and the sides do not mix."""
    line = timeline()
    line.push(Side.LEFT, 50.5, steady(0.5))
    line.push(Side.RIGHT, 51.2, steady(0.3))
    line.push(Side.LEFT, 51.6, steady(0.2))

    audio = line.take(52.0)

    assert audio is not None
    assert audio.duration == 2.0
    assert audio.num_channels == 2
    assert spans(audio, Side.LEFT) == [(0.5, 1.0), (1.6, 1.8)]
    assert spans(audio, Side.RIGHT) == [(1.2, 1.5)]


def test_jitter_makes_no_gaps() -> None:
    """Frames of one stream that come up to 0.1 s early or late are one piece."""
    line = timeline()
    for number, part in enumerate(pieces(steady(1.0), 50)):
        line.push(Side.LEFT, 50.0 + 0.05 * number + (0.09, 0.0, 0.05)[number % 3], part)

    assert spans(line.take(51.0), Side.LEFT) == [(0.0, 1.0)]


def test_what_is_taken_goes_on_where_the_last_ended() -> None:
    """Piece by piece it is the same audio."""
    line = timeline()
    line.push(Side.LEFT, 50.25, steady(1.0))

    parts = [line.take(50.0 + 0.1 * number) for number in range(1, 21)]

    samples = np.concatenate([part.samples for part in parts if part is not None])
    assert samples[:, 0].tolist() == [0] * 250 + [100] * 1000 + [0] * 750


def test_nothing_is_taken_twice() -> None:
    """An instant that was given already gives None."""
    line = timeline()
    line.take(51.0)

    assert line.take(51.0) is None
    assert line.take(49.0) is None


def test_what_comes_too_late_is_dropped_and_counted() -> None:
    """The part that has its place still is heard there."""
    line = timeline()
    line.take(51.0)

    line.push(Side.RIGHT, 50.8, steady(0.5))

    assert spans(line.take(52.0), Side.RIGHT) == [(0.0, 0.3)]
    assert line.dropped == pytest.approx(0.2)


def test_a_source_that_runs_ahead_is_played_in_sequence() -> None:
    """A voice that is computed faster than it is heard is not heard over itself."""
    line = timeline()
    line.push(Side.RIGHT, 50.0, steady(1.0))
    line.push(Side.RIGHT, 50.2, steady(1.0))

    assert spans(line.take(53.0), Side.RIGHT) == [(0.0, 2.0)]


def test_what_was_cut_off_was_not_heard() -> None:
    """After an interruption the side is silent until it speaks again."""
    line = timeline()
    line.push(Side.RIGHT, 50.0, steady(0.6))
    line.push(Side.RIGHT, 50.6, steady(2.0))

    line.cut(Side.RIGHT, 50.4)
    line.push(Side.RIGHT, 51.0, steady(0.5))

    assert spans(line.take(53.0), Side.RIGHT) == [(0.0, 0.4), (1.0, 1.5)]


def test_it_keeps_no_more_than_it_may() -> None:
    """What nobody takes is dropped beyond a limit, and what comes for the far future too."""
    line = timeline(max_waiting=2.0)
    for number in range(5):
        line.push(Side.LEFT, 50.0 + number, steady(1.0))
    line.push(Side.LEFT, 1e9, steady(1.0))

    audio = line.take(56.0)

    assert spans(audio, Side.LEFT) == [(0.0, 2.0)]
    assert line.dropped == pytest.approx(4.0)


def test_a_long_silence_is_given_in_pieces() -> None:
    """An hour of it would be 700 MB at once."""
    line = timeline()

    lengths = []
    while (part := line.take(50.0 + 25.0)) is not None:
        lengths.append(part.duration)

    assert lengths == [10.0, 10.0, 5.0]


def test_the_end_is_where_the_last_side_ends() -> None:
    """The rest that a resampler held back is in it."""
    line = Timeline(start_at=0.0, sample_rate=48000)
    line.push(Side.LEFT, 0.0, tone(0.5))
    line.push(Side.RIGHT, 0.25, tone(0.5))

    end = line.finish()
    audio = line.take(end)

    assert end == 0.75
    assert audio is not None
    assert audio.duration == 0.75
    assert line.take(line.finish()) is None


def test_the_sides_keep_their_rates() -> None:
    """16 kHz on one side and 24 kHz on the other give one track."""
    line = Timeline(start_at=0.0)
    line.push(Side.LEFT, 0.0, tone(1.0, pitch=400, rate=16000))
    line.push(Side.RIGHT, 0.0, tone(1.0, pitch=800, rate=24000, channels=2))
    audio = line.take(line.finish())

    assert audio is not None
    strongest = np.argmax(np.abs(np.fft.rfft(audio.samples.astype(float), axis=0)), axis=0)
    assert strongest.tolist() == [400, 800]


def test_what_is_no_audio_is_refused() -> None:
    """And leaves the track as it was."""

    class Odd:
        data = b"abc"
        sample_rate = 16000
        num_channels = 1

    line = timeline()

    with pytest.raises(AudioError):
        line.push(Side.LEFT, 50.0, Odd())
    assert line.finish() == 50.0

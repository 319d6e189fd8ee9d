"""What the fake models take for speech, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loudness import (
    VOICE_RATE,
    Change,
    Loudness,
    is_loud,
    reply_of,
    spoken_length,
    voice,
)

FRAME = 0.05


def changes_of(loudness: Loudness, data: bytes) -> list[tuple[float, Change]]:
    """When which change was told, fed in frames of 50 ms."""
    size = 2 * round(FRAME * loudness.sample_rate)
    return [
        (round(loudness.heard, 3), change)
        for start in range(0, len(data), size)
        for change in loudness.push(data[start : start + size])
    ]


def silence(seconds: float) -> bytes:
    """Nothing, at the voice's rate."""
    return bytes(2 * round(seconds * VOICE_RATE))


def test_speech_begins_at_once_and_ends_after_200_ms_of_silence() -> None:
    """And it is known where it began."""
    loudness = Loudness(VOICE_RATE)

    told = changes_of(loudness, silence(0.5) + voice(0.0, 0.6) + silence(0.5))

    assert told == [(0.55, Change.STARTED), (1.3, Change.ENDED)]
    assert loudness.started_at == pytest.approx(0.5)


def test_a_short_pause_does_not_end_speech() -> None:
    """Not even one of 190 ms."""
    speech = voice(0.0, 0.2) + silence(0.19) + voice(0.0, 0.2)

    assert changes_of(Loudness(VOICE_RATE), speech) == [(0.05, Change.STARTED)]


def test_audio_may_come_in_any_pieces() -> None:
    """What does not fill 10 ms waits."""
    loudness = Loudness(VOICE_RATE)
    data = voice(0.0, 0.05)

    told = [
        change
        for start in range(0, len(data), 14)
        for change in loudness.push(data[start : start + 14])
    ]

    assert told == [Change.STARTED]


def test_speech_that_is_finished_is_over_once() -> None:
    """A pause of the audio ends it."""
    loudness = Loudness(VOICE_RATE)
    loudness.push(voice(0.0, 0.1))

    assert (loudness.finish(), loudness.finish()) == (Change.ENDED, None)


def test_stretches_of_the_voice_fit() -> None:
    """Two that follow each other are one, over the seam of a second too."""
    whole = voice(0.0, 2.5)

    assert voice(0.0, 0.7) + voice(0.7, 1.8) == whole
    assert len(whole) == 2 * 2.5 * VOICE_RATE


def test_each_10_ms_of_the_voice_are_loud() -> None:
    """So that it has no gaps of its own."""
    data = np.frombuffer(voice(0.0, 1.0), dtype=np.int16).reshape(100, -1)

    assert all(is_loud(part.tobytes()) for part in data)


def test_a_reply_takes_about_as_long_as_was_asked_for() -> None:
    """In whole sentences."""
    assert spoken_length("".join(reply_of(10.0))) == pytest.approx(10.0, abs=1.5)

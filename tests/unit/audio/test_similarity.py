"""Tests of agentd.audio.similarity, on real voices."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.audio.pcm import Clip, join, silence
from agentd.audio.similarity import similarity
from tests.support.recordings import NAMES, recording

RATE = 16000


def quieter(clip: Clip, factor: float) -> Clip:
    """The same at another volume."""
    samples = (clip.samples * factor).astype(np.int16)
    return Clip(samples=samples, sample_rate=clip.sample_rate)


@pytest.mark.parametrize("name", NAMES)
def test_speech_is_like_itself(name: str) -> None:
    """The same recording, later and at half the volume, has a likeness near 1."""
    clip = recording(name)

    found = similarity(join([silence(1.5, RATE), quieter(clip, 0.5)]), clip)

    assert found.score > 0.95
    assert pytest.approx(1.5, abs=0.01) == found.lag


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_other_speech_is_not_alike(name: str, other: str) -> None:
    """A recording is the same speech as itself only, also where the speaker is the same."""
    found = similarity(recording(other), recording(name))

    assert found.is_same_speech is (name == other)


def test_pauses_may_differ() -> None:
    """Two utterances said back with another pause between them are still the same speech."""
    clip = recording("jfk")
    answer = join([clip.cut(0, 5.5), silence(2.3, RATE), clip.cut(5.5, 11)])

    assert similarity(answer, clip).score > 0.9


def test_half_an_answer_is_about_half_alike() -> None:
    """What is missing in the answer is missing in the score."""
    clip = recording("lv-0890")

    found = similarity(clip.cut(0, clip.duration / 2), clip)

    assert 0.5 < found.score < 0.8


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(silence(5.0, RATE), id="silence"),
        pytest.param(silence(0.1, RATE), id="too short"),
        pytest.param(
            Clip(
                samples=np.random.default_rng(1).integers(-3000, 3000, 80000).astype(np.int16),
                sample_rate=RATE,
            ),
            id="noise",
        ),
    ],
)
def test_what_is_no_speech_is_not_alike(answer: Clip) -> None:
    """Silence and noise are not the caller's speech."""
    assert not similarity(answer, recording("jfk")).is_same_speech


def test_silence_is_like_nothing() -> None:
    """Where nothing was said, nothing can be found."""
    assert similarity(recording("jfk"), silence(2.0, RATE)).score == 0.0


def test_different_rates_are_refused() -> None:
    """The error names both rates."""
    with pytest.raises(ValueError, match="8000 Hz with 16000 Hz"):
        similarity(silence(1.0, 8000), silence(1.0, 16000))

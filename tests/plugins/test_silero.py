"""Tests of what is particular to agentd-silero."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from agentd.audio.frame import from_samples
from agentd.audio.pcm import Clip, join, rms, silence
from agentd.audio.resample import resample
from agentd.plugins import silero
from agentd.vad import VAD, SpeechEnded
from tests.plugins.vad_contract import VADContract
from tests.support.recordings import recording

RATE = 16000
AUDIOBOOKS = ("lv-0870", "lv-0880", "lv-0890")
"""Recordings without noise, where what is loud is speech."""


class TestSilero(VADContract):
    """The contract of all detectors."""

    def make(self) -> VAD:
        """One with its defaults."""
        made: VAD = silero.VAD()
        return made


def utterances(vad: VAD, clip: Clip) -> list[SpeechEnded]:
    """What is found in a clip with a second of silence around it; instants are the clip's."""
    around = silence(1.0, clip.sample_rate)
    samples = join([around, clip, around]).samples
    events = vad.stream(sample_rate=clip.sample_rate).push(samples.tobytes())
    return [event for event in events if isinstance(event, SpeechEnded)]


def loud_edges(clip: Clip) -> tuple[float, float]:
    """Where the first and the last loud 20 ms of a clip are."""
    loud = [number for number, chunk in enumerate(clip.chunks(0.02)) if rms(chunk) > 0.01]
    return loud[0] * 0.02, (loud[-1] + 1) * 0.02


@pytest.mark.parametrize("name", AUDIOBOOKS)
def test_speech_is_found_where_it_is(name: str) -> None:
    """One utterance, whose edges are those of the sound within 0.2 s."""
    (found,) = utterances(silero.VAD(), recording(name))

    first, last = loud_edges(recording(name))
    assert found.started_at - 1.0 == pytest.approx(first, abs=0.2)
    assert found.ended_at - 1.0 == pytest.approx(last, abs=0.2)


def test_pauses_of_a_speaker_divide_utterances() -> None:
    """Kennedy's four phrases, in spite of the noise of his audience."""
    found = utterances(silero.VAD(min_speech_duration=0.25), recording("jfk"))

    starts = [event.started_at - 1.0 for event in found]
    assert starts == pytest.approx([0.35, 3.3, 5.4, 8.2], abs=0.2)


def test_a_longer_silence_keeps_phrases_together() -> None:
    """With livekit-agents' own default, the last two are one."""
    found = utterances(silero.VAD.load(min_speech_duration=0.25), recording("jfk"))

    assert len(found) == 3


@pytest.mark.parametrize("loudness", [0.01, 0.1])
def test_noise_is_no_speech(loudness: float) -> None:
    """Where WebRTC's detector fires all the time."""
    noise = np.random.default_rng(1).standard_normal(5 * RATE) * loudness * 32768
    samples = np.clip(noise, -32768, 32767).astype(np.int16)

    assert utterances(silero.VAD(), Clip(samples=samples, sample_rate=RATE)) == []


@pytest.mark.parametrize("rate", [8000, 24000, 32000, 48000])
def test_speech_is_found_at_other_rates(rate: int) -> None:
    """At the same place; the audio handed out has the rate that it came with."""
    original = recording("lv-0880")
    frame = resample(from_samples(original.samples, RATE), rate)

    (expected,) = utterances(silero.VAD(), original)
    (found,) = utterances(silero.VAD(), Clip(samples=frame.samples, sample_rate=rate))

    assert found.sample_rate == rate
    assert found.started_at == pytest.approx(expected.started_at, abs=0.1)
    assert found.ended_at == pytest.approx(expected.ended_at, abs=0.1)


def test_a_judgement_is_computed_in_the_caller_s_thread() -> None:
    """Four threads that wait for each other cost ten times as much, and a fork would lose them."""
    code = (
        "import os; from agentd.plugins import silero\n"
        "silero.VAD().stream().push(bytes(16000))\n"
        "print(len(os.listdir('/proc/self/task')))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert ran.stdout.split() == ["1"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation_threshold": 0.0}, "activation_threshold must be above 0 and at most 1.0"),
        ({"activation_threshold": 1.1}, "activation_threshold must be above 0 and at most 1.0"),
        (
            {"activation_threshold": 0.5, "deactivation_threshold": 0.6},
            "deactivation_threshold must be above 0 and at most 0.5, but is 0.6",
        ),
        ({"min_silence_duration": -0.1}, "min_silence_duration must not be negative"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], message: str) -> None:
    """The error has the name, the value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        silero.VAD(**settings)


def test_a_low_threshold_has_a_lower_one_to_end_with() -> None:
    """But never none at all, or speech would not end."""
    assert silero.VAD(activation_threshold=0.1)

"""Tests of agentd.testing.fake_vad."""

from __future__ import annotations

import numpy as np

from agentd.testing import FakeVAD
from agentd.vad import SpeechEnded, SpeechStarted

RATE = 16000


def test_a_script_says_where_speech_is() -> None:
    """Whatever the audio sounds like, and for each stream anew."""
    vad = FakeVAD([(1.0, 2.0)], min_silence_duration=0.25)

    for _ in range(2):
        started, ended = vad.stream(sample_rate=RATE).push(bytes(2 * 3 * RATE))

        assert isinstance(started, SpeechStarted)
        assert isinstance(ended, SpeechEnded)
        assert (round(started.started_at, 6), round(ended.ended_at, 6)) == (1.0, 2.0)
    assert vad.streams == 2


def test_without_a_script_loudness_is_speech() -> None:
    """What is above the threshold."""
    loud = np.full(RATE, 3000, dtype=np.int16).tobytes()

    events = FakeVAD().stream(sample_rate=RATE).push(bytes(2 * RATE) + loud + bytes(2 * RATE))

    assert [round(event.started_at, 6) for event in events] == [1.0, 1.0]
    assert FakeVAD(threshold=0.5).stream(sample_rate=RATE).push(loud) == []

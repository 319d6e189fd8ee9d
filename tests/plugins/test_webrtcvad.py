"""Tests of what is particular to agentd-webrtcvad."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.plugins import webrtcvad
from agentd.vad import VAD, SpeechEnded
from tests.plugins.vad_contract import VADContract
from tests.support.recordings import recording


class TestWebRTCVAD(VADContract):
    """The contract of all detectors."""

    most_missed = 0.15

    def make(self) -> VAD:
        """One with its defaults."""
        made: VAD = webrtcvad.VAD()
        return made


def test_a_pause_of_the_speaker_divides_utterances() -> None:
    """Half a second of silence in Kennedy's sentence makes two of it."""
    events = webrtcvad.VAD().stream(sample_rate=16000).push(recording("jfk").samples.data)

    ended = [event for event in events if isinstance(event, SpeechEnded)]
    assert 7.0 < ended[0].ended_at < 8.0


@pytest.mark.parametrize("rate", [8000, 16000, 32000, 48000])
@pytest.mark.parametrize("frame_ms", [10, 20, 30])
def test_every_rate_and_frame_length_works(rate: int, frame_ms: int) -> None:
    """What the detector knows can be used."""
    stream = webrtcvad.VAD(frame_ms=frame_ms).stream(sample_rate=rate)

    assert stream.push(bytes(2 * rate)) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": 4}, "mode must be one of 0, 1, 2, 3, but is '4'"),
        ({"frame_ms": 15}, "frame_ms must be one of 10, 20, 30, but is '15'"),
        ({"min_speech_duration": -0.1}, "min_speech_duration must not be negative"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], message: str) -> None:
    """The error has the name, the value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        webrtcvad.VAD(**settings)

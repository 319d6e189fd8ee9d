"""Tests of agentd.room.auto_gain, with WebRTC's own library."""

from __future__ import annotations

import logging

import pytest
from livekit import rtc

from agentd.audio.frame import AudioFrame, from_samples, silent_frame
from agentd.audio.mixer import scale
from agentd.audio.pcm import rms
from agentd.room.auto_gain import AutoGain
from tests.support.recordings import recording
from tests.support.sounds import joined, pieces

RATE = 16000


def heard(volume: float) -> tuple[float, float, int, int]:
    """How loud a person's voice goes in and comes out, and how long it was and is."""
    voice = scale(recording("jfk").samples[: 10 * RATE], volume)
    gain = AutoGain()
    out = joined([gain.apply(each) for each in pieces(from_samples(voice, RATE), RATE // 20)])
    return rms(voice[5 * RATE :]), rms(out[5 * RATE :]), len(voice), len(out)


def test_a_quiet_voice_is_made_louder() -> None:
    """By twice at least, after a few seconds; no sample is lost."""
    before, after, length, length_after = heard(0.1)

    assert after > 2 * before
    assert length == length_after


def test_a_loud_voice_is_not_made_much_louder() -> None:
    """It comes near to where it was."""
    before, after, _, _ = heard(1.0)

    assert 0.3 * before < after < 2.5 * before


def test_silence_stays_silence() -> None:
    """Nothing is made up."""
    assert not AutoGain().apply(silent_frame(0.05, 24000)).samples.any()


@pytest.mark.parametrize("odd", [b"", b"\1\0" * 7, b"\1\0" * 161])
def test_frames_that_are_not_whole_go_on_as_they_are(odd: bytes) -> None:
    """WebRTC would end the process; what comes after them is made louder again."""
    frame = AudioFrame(data=odd, sample_rate=RATE)

    assert AutoGain().apply(frame) is frame
    assert AutoGain().apply(AudioFrame(data=b"\0" * 100, sample_rate=11025)).data == b"\0" * 100


def test_a_failure_costs_the_gain_only(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and the audio goes on as it is."""

    def fails(*_: object) -> None:
        raise RuntimeError("no more memory")

    monkeypatch.setattr(rtc.AudioProcessingModule, "process_stream", fails)
    gain, frame = AutoGain(), silent_frame(0.05, RATE)

    with caplog.at_level(logging.WARNING, "agentd.room"):
        passed = [gain.apply(frame) for _ in range(3)]

    assert passed == [frame, frame, frame]
    actions = [vars(each).get("action") for each in caplog.records if each.name == "agentd.room"]
    assert actions == ["auto_gain_failed"]

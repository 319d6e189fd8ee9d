"""Tests of STT.recognize, on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, silent_frame
from agentd.errors import APIConnectionError, APIError, APITimeoutError, AudioError, ModelError
from agentd.resilience import APIConnectOptions
from agentd.stt import FinalTranscript, SpeechData
from agentd.testing import FakeSTT, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from tests.unit.stt.listening import RATE, ByHand, sound


def test_an_utterance_is_understood() -> None:
    """Text, language as it was asked for, and what it has cost."""
    stt = FakeSTT(["hello there"], latency=0.3)
    measured: list[tuple[float, float, bool]] = []
    stt.on(
        "metrics_collected",
        lambda told: measured.append((told.audio_duration, told.duration, told.streamed)),
    )

    final = run_virtual(stt.recognize(sound(2.0), language="en_us"))

    assert isinstance(final, FinalTranscript)
    assert (final.text, final.data.language) == ("hello there", "en-US")
    assert measured == [(2.0, 0.3, False)]


def test_an_utterance_may_come_in_frames_of_any_kind() -> None:
    """The model gets one frame, as it wants it."""
    taken: list[AudioFrame] = []

    def whole(audio: AudioFrame) -> SpeechData:
        taken.append(audio)
        return SpeechData(text="yes")

    frames = [sound(0.5, rate=48000, channels=2), sound(0.5, rate=48000, channels=2)]
    run_virtual(ByHand(whole=whole, sample_rate=8000).recognize(frames))

    assert [(frame.sample_rate, frame.num_channels) for frame in taken] == [(8000, 1)]
    assert taken[0].duration == pytest.approx(1.0, abs=0.001)


def test_no_audio_is_no_text() -> None:
    """And no call."""
    stt = FakeSTT(["hello"])

    final = run_virtual(stt.recognize([]))

    assert (final.text, stt.attempts) == ("", [])


def test_what_is_no_audio_is_refused() -> None:
    """Before anything is called."""

    class Odd:
        data = b"\0\0\0"
        sample_rate = RATE
        num_channels = 1

    with pytest.raises(AudioError):
        run_virtual(FakeSTT(["hello"]).recognize(Odd()))


def test_a_failed_try_is_made_again() -> None:
    """After the pauses of the options."""
    stt = FakeSTT(["hello"], faults=[Misbehaviour.RAISE, Misbehaviour.RAISE])

    async def scenario() -> tuple[str, float]:
        final = await stt.recognize(sound(1.0), conn_options=APIConnectOptions(retry_interval=3.0))
        return final.text, now()

    assert run_virtual(scenario()) == ("hello", 3.1)


def test_the_last_failure_is_the_caller_s() -> None:
    """Each try is told, and which was the last."""
    stt = ByHand(whole=lambda audio: APIConnectionError("no way"))

    async def scenario() -> None:
        with pytest.raises(APIConnectionError, match="no way"):
            await stt.recognize(sound(1.0), conn_options=APIConnectOptions(max_retry=1))

    run_virtual(scenario())
    assert stt.errors == [("no way", True), ("no way", False)]


def test_a_try_that_hangs_is_ended() -> None:
    """After the timeout of the options."""
    stt = FakeSTT(["hello"], faults=[Misbehaviour.HANG])

    async def scenario() -> float:
        with pytest.raises(APITimeoutError, match="within 2.0 s"):
            await stt.recognize(
                sound(1.0), conn_options=APIConnectOptions(max_retry=0, timeout=2.0)
            )
        return now()

    assert run_virtual(scenario()) == 2.0


def test_an_error_of_the_plugin_s_own_is_one_of_the_service() -> None:
    """Its name and text are kept."""

    def trips(audio: AudioFrame) -> SpeechData:
        raise KeyError("transcript")

    async def scenario() -> None:
        with pytest.raises(APIError, match=r"KeyError\('transcript'\)"):
            await ByHand(whole=trips).recognize(
                sound(1.0), conn_options=APIConnectOptions(max_retry=0)
            )

    run_virtual(scenario())


def test_a_call_can_be_cancelled() -> None:
    """Whoever waits may give up; it is no failure of the model's."""
    stt = FakeSTT(["hello"], latency=10.0)

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stt.recognize(sound(1.0)), 1.0)

    run_virtual(scenario())
    assert len(stt.attempts) == 1


def test_a_model_is_asked_for_what_it_can_do_only() -> None:
    """The error names the remedy."""
    streams_only = ByHand(lambda audio: audio)  # type: ignore[arg-type, return-value]
    whole_only = ByHand(whole=lambda audio: SpeechData(text=""))

    with pytest.raises(ModelError, match=r"use its stream\(\)"):
        run_virtual(streams_only.recognize(silent_frame(0.1, RATE)))
    with pytest.raises(ModelError, match=r"put it behind an stt.StreamAdapter"):
        whole_only.stream()

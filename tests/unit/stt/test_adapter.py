"""Tests of agentd.stt.adapter and utterances, on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from agentd.audio.frame import AudioFrame
from agentd.errors import APIConnectionError, APIError
from agentd.resilience import APIConnectOptions
from agentd.stt import FinalTranscript, SpeechData, StreamAdapter, TimedWord
from agentd.testing import FakeSTT, FakeVAD, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from tests.unit.stt.listening import RATE, ByHand, Heard, finals, listen, shown, speak

ONE = (("silence", 0.5), ("sound", 1.0), ("silence", 1.0))
TWO = (*ONE, ("sound", 0.5), ("silence", 1.0))


def heard_by(
    stt: FakeSTT | ByHand, *parts: tuple[str, float], vad: FakeVAD | None = None, **options: float
) -> list[Heard]:
    """What comes of some sound and silence behind a VAD."""
    conn_options = APIConnectOptions(**options)  # type: ignore[arg-type]

    async def scenario() -> list[Heard]:
        stream = StreamAdapter(stt, vad or FakeVAD()).stream(conn_options=conn_options)
        return await listen(stream, speak(stream, *parts))

    return run_virtual(scenario())


class Slow(FakeSTT):
    """Takes longer for its first utterance than for the others."""

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        first = not self.attempts
        data = await super().recognize_once(audio, language)
        await asyncio.sleep(5.0 if first else 0.1)
        return data


def test_each_utterance_is_recognised_once() -> None:
    """Start and end as the VAD tells, then the text."""
    stt = FakeSTT(["first", "second"])

    heard = heard_by(stt, *TWO)

    assert shown(heard) == ["start", "end", "final first", "start", "end", "final second"]
    assert len(stt.attempts) == 2


def test_a_text_is_placed_where_it_was_spoken() -> None:
    """In seconds of the stream, without the padding, where the model tells no instants."""
    stt = ByHand(whole=lambda audio: SpeechData(text="yes"))

    event = heard_by(stt, *ONE)[2].event

    assert isinstance(event, FinalTranscript)
    assert (event.data.start_time, event.data.end_time) == pytest.approx((0.5, 1.5))


def test_words_are_placed_where_they_were_spoken() -> None:
    """The model counts from the utterance's start, which is its padding's."""
    words = [TimedWord(text="yes", start_time=0.3, end_time=0.8)]
    stt = ByHand(whole=lambda audio: SpeechData(text="yes", end_time=1.3, words=words))

    event = heard_by(stt, *ONE)[2].event

    assert isinstance(event, FinalTranscript)
    assert (event.data.start_time, event.data.end_time) == pytest.approx((0.2, 1.5))
    assert event.data.words[0].start_time == pytest.approx(0.5)


def test_the_model_gets_the_utterance_and_no_more() -> None:
    """With its padding, and without the silence that ended it."""
    stt = FakeSTT(["yes"])

    heard_by(stt, *ONE)

    assert [attempt.seconds for attempt in stt.attempts] == pytest.approx([1.3])


def test_texts_keep_their_order_when_the_first_takes_longer() -> None:
    """The second is recognised meanwhile, and told right after the first."""
    heard = heard_by(Slow(["first", "second"]), *TWO)

    assert finals(heard) == ["first", "second"]
    instants = [one.at for one in heard if isinstance(one.event, FinalTranscript)]
    # The first one's silence was long enough at 1.75 s; the second was ready long before.
    assert instants == pytest.approx([6.74, 6.74], abs=0.03)


def test_an_utterance_without_words_has_no_text() -> None:
    """A cough has a start and an end."""
    assert shown(heard_by(FakeSTT(), *ONE)) == ["start", "end"]


def test_flush_ends_the_utterance_that_goes_on() -> None:
    """It is recognised at once, and what follows is another."""

    async def scenario() -> list[Heard]:
        stream = StreamAdapter(FakeSTT(["first", "second"]), FakeVAD()).stream()

        async def speaking() -> None:
            await speak(stream, ("sound", 0.5))
            stream.flush()
            await speak(stream, ("sound", 0.5))

        return await listen(stream, speaking())

    assert finals(run_virtual(scenario())) == ["first", "second"]


def test_the_end_of_the_audio_ends_the_last_utterance() -> None:
    """Nobody has to be silent first."""
    assert finals(heard_by(FakeSTT(["yes"]), ("sound", 0.5))) == ["yes"]


def test_a_recognition_has_its_own_tries() -> None:
    """One that fails and then works costs nothing but time."""
    stt = FakeSTT(["first", "second"], faults=[Misbehaviour.RAISE])

    assert finals(heard_by(stt, *TWO)) == ["first", "second"]


def test_a_recognition_that_keeps_failing_ends_the_stream() -> None:
    """The listener gets the error, and begins anew if he wants to."""
    stt = ByHand(whole=lambda audio: APIConnectionError("no way"))

    with pytest.raises(APIConnectionError, match="no way"):
        heard_by(stt, *TWO, max_retry=1)
    assert len(stt.begun) == 2


def test_a_recognition_that_hangs_ends_the_stream_in_time() -> None:
    """Each try has its timeout."""
    stt = FakeSTT(faults=[Misbehaviour.HANG, Misbehaviour.HANG])

    with pytest.raises(APIError, match="no answer within 2.0 s"):
        heard_by(stt, *ONE, max_retry=1, timeout=2.0)


def test_a_slow_last_recognition_is_waited_for() -> None:
    """The stream has the time that all its tries may take."""
    stt = FakeSTT(
        ["yes"], latency=8.0, faults=[Misbehaviour.HANG, Misbehaviour.HANG, Misbehaviour.HANG]
    )

    assert finals(heard_by(stt, ("sound", 0.5))) == ["yes"]


def test_costs_are_told_once() -> None:
    """By the STT behind it, and by the adapter in its name."""
    stt = FakeSTT(["first", "second"])
    adapter = StreamAdapter(stt, FakeVAD())
    behind: list[float] = []
    through: list[float] = []
    stt.on("metrics_collected", lambda told: behind.append(told.audio_duration))
    adapter.on("metrics_collected", lambda told: through.append(told.audio_duration))

    async def scenario() -> None:
        stream = adapter.stream()
        await listen(stream, speak(stream, *TWO))
        await adapter.aclose()
        await stt.recognize(AudioFrame(data=bytes(3200), sample_rate=RATE))

    run_virtual(scenario())
    assert through == pytest.approx([1.3, 0.8])
    assert behind == pytest.approx([1.3, 0.8, 0.1])


def test_whole_utterances_and_names_are_those_of_the_stt_behind_it() -> None:
    """It can be used in its place."""
    adapter = StreamAdapter(FakeSTT(["yes"]), FakeVAD())

    assert (
        run_virtual(adapter.recognize(AudioFrame(data=b"\x10\x10" * 800, sample_rate=RATE))).text
        == "yes"
    )
    assert (adapter.model, adapter.provider) == ("fake", "agentd.testing")
    assert adapter.label == "agentd.testing.fake_stt.FakeSTT"

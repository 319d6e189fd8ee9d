"""Tests of agentd.stt.fallback, on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from agentd.errors import APIConnectionError, APIError, ModelError
from agentd.stt import (
    STT,
    AvailabilityChangedEvent,
    FallbackAdapter,
    FinalTranscript,
    SpeechData,
    STTCapabilities,
)
from agentd.testing import FakeSTT, FakeVAD, Fault, Misbehaviour, Said
from agentd.testing.virtual_time import run_virtual
from tests.unit.stt.listening import ByHand, Heard, finals, listen, shown, sound, speak

HELLO = Said(text="hello there", start=0.2, end=0.6)
AGAIN = Said(text="once more", start=3.0, end=3.4)


def whole(*texts: str) -> FakeSTT:
    """One that takes whole utterances only."""
    return FakeSTT(texts, capabilities=STTCapabilities(streaming=False))


def never(audio: object) -> APIConnectionError:
    """No utterance is recognised."""
    return APIConnectionError("no way")


async def heard_by(adapter: FallbackAdapter, *parts: tuple[str, float]) -> list[Heard]:
    """What a stream tells, closed with its adapter."""
    async with adapter:
        stream = adapter.stream()
        return await listen(stream, speak(stream, *parts))


def changes_of(adapter: FallbackAdapter) -> list[tuple[STT, bool]]:
    """What its event tells, as it comes."""
    told: list[tuple[STT, bool]] = []

    def note(event: AvailabilityChangedEvent) -> None:
        told.append((event.stt, event.available))

    adapter.on("stt_availability_changed", note)
    return told


# -- streams -----------------------------------------------------------------------


def test_the_first_is_used_while_it_is_well() -> None:
    """The others are not even asked."""
    first, second = FakeSTT([HELLO]), FakeSTT([HELLO])

    heard = run_virtual(heard_by(FallbackAdapter([first, second]), ("sound", 1.0)))

    assert shown(heard)[-2:] == ["final hello there", "end"]
    assert second.attempts == []


def test_the_next_goes_on_where_one_fails() -> None:
    """With the audio that was not understood yet: no word is lost."""
    always = [Fault(kind=Misbehaviour.RAISE, after=0.4)] * 9
    first, second = FakeSTT([HELLO], faults=always), FakeSTT([HELLO])
    adapter = FallbackAdapter([first, second])
    told = changes_of(adapter)

    heard = run_virtual(heard_by(adapter, ("sound", 1.0)))

    assert finals(heard) == ["hello there"]
    assert len(second.attempts) == 1
    assert told[0] == (first, False)


def test_a_model_that_hangs_is_left_for_the_next() -> None:
    """After the timeout of an attempt, and its one retry."""
    first = FakeSTT([HELLO], faults=[Misbehaviour.HANG] * 9)
    adapter = FallbackAdapter([first, FakeSTT([HELLO])], attempt_timeout=1.0)

    heard = run_virtual(heard_by(adapter, ("sound", 1.0), ("silence", 4.0)))

    assert finals(heard) == ["hello there"]
    assert [one.at for one in heard if isinstance(one.event, FinalTranscript)] == pytest.approx(
        [2.1], abs=0.05
    )


def test_instants_are_those_of_the_whole_stream() -> None:
    """Also those of the second model, which did not hear its beginning."""
    first = FakeSTT([HELLO], faults=[Fault(kind=Misbehaviour.RAISE, after=2.0)] * 9)
    second = FakeSTT([Said(text="later", start=0.5, end=0.7)])

    adapter = FallbackAdapter([first, second], max_retry_per_stt=0)
    heard = run_virtual(heard_by(adapter, ("sound", 4.0)))

    data = [one.event.data for one in heard if isinstance(one.event, FinalTranscript)]
    assert [one.text for one in data] == ["hello there", "later"]
    # The first text was final at 0.8 s, from where on the second model has heard.
    assert data[1].start_time == pytest.approx(0.8 + 0.5, abs=0.03)


def test_when_all_fail_the_stream_fails() -> None:
    """Each was tried, and the error names them."""
    first, second = (FakeSTT([HELLO], faults=[Misbehaviour.RAISE] * 9) for _ in range(2))

    with pytest.raises(APIConnectionError, match="no speech-to-text model could be used"):
        run_virtual(heard_by(FallbackAdapter([first, second]), ("sound", 1.0)))
    assert (len(first.attempts), len(second.attempts)) == (2, 2)


def test_a_model_that_failed_is_tried_again_when_the_others_fail() -> None:
    """What the second heard counts: the first gets another chance."""
    first = FakeSTT([AGAIN], faults=[Misbehaviour.RAISE])
    second = FakeSTT([HELLO], faults=[Fault(kind=Misbehaviour.RAISE, after=1.0)] * 9)
    adapter = FallbackAdapter([first, second], max_retry_per_stt=0, retry_interval=50.0)

    heard = run_virtual(heard_by(adapter, ("sound", 5.0)))

    assert finals(heard) == ["hello there", "once more"]


def test_costs_are_told_by_whom_they_are() -> None:
    """In the name of the model that was used, once."""
    adapter = FallbackAdapter([FakeSTT([HELLO]), FakeSTT()])
    measured: list[tuple[str, float]] = []
    adapter.on(
        "metrics_collected",
        lambda told: measured.append((told.model, round(told.audio_duration, 3))),
    )

    run_virtual(heard_by(adapter, ("sound", 1.0)))

    assert measured == [("fake", 0.8), ("fake", 0.2)]


# -- whole utterances ----------------------------------------------------------------


def test_an_utterance_that_one_can_not_recognise_is_given_to_the_next() -> None:
    """The one that failed is left out of the next call."""
    first = ByHand(whole=never)
    adapter = FallbackAdapter([first, whole("one", "two")], max_retry_per_stt=0)

    async def scenario() -> list[str]:
        async with adapter:
            return [(await adapter.recognize(sound(1.0))).text for _ in range(2)]

    assert run_virtual(scenario()) == ["one", "two"]
    assert len(first.begun) == 1


def test_when_none_recognises_an_utterance_the_caller_is_told() -> None:
    """As an error of the adapter's, too."""
    adapter = FallbackAdapter([ByHand(whole=never), ByHand(whole=never)], max_retry_per_stt=0)
    errors: list[bool] = []
    adapter.on("error", lambda told: errors.append(told.recoverable))

    async def scenario() -> None:
        async with adapter:
            with pytest.raises(APIConnectionError, match="could be used"):
                await adapter.recognize(sound(1.0))

    run_virtual(scenario())
    assert errors == [False]


def test_models_that_only_stream_recognise_no_utterance() -> None:
    """It is said, not tried."""
    streams_only = STTCapabilities(streaming=True, offline_recognize=False)
    adapter = FallbackAdapter([FakeSTT(capabilities=streams_only)])

    with pytest.raises(ModelError, match="none of the STTs takes whole utterances"):
        run_virtual(adapter.recognize(sound(1.0)))


def test_behind_one_vad_no_utterance_is_lost() -> None:
    """Where none streams, what one could not recognise is recognised by the next."""
    first, second = ByHand(whole=never), whole("one", "two")
    adapter = FallbackAdapter([first, second], vad=FakeVAD(), max_retry_per_stt=0)

    heard = run_virtual(
        heard_by(adapter, ("sound", 0.5), ("silence", 1.0), ("sound", 0.5), ("silence", 1.0))
    )

    assert shown(heard) == ["start", "end", "final one", "start", "end", "final two"]


def test_one_that_does_not_stream_stands_in_for_one_that_does() -> None:
    """Behind the VAD that it was given."""
    first = FakeSTT([HELLO], faults=[Fault(kind=Misbehaviour.RAISE, after=0.4)] * 9)
    second = whole("hello there")

    heard = run_virtual(
        heard_by(FallbackAdapter([first, second], vad=FakeVAD()), ("sound", 1.0), ("silence", 1.0))
    )

    assert finals(heard) == ["hello there"]


# -- recovery ------------------------------------------------------------------------


def test_a_model_that_is_well_again_is_used_again() -> None:
    """Half a second of silence is all it is asked, until it answers."""
    answers: list[SpeechData | APIError] = [
        never(None),
        never(None),
        SpeechData(text=""),
        SpeechData(text="first again"),
    ]
    first = ByHand(whole=lambda audio: answers.pop(0))
    second = whole("second")
    adapter = FallbackAdapter([first, second], max_retry_per_stt=0)
    told = changes_of(adapter)

    async def scenario() -> list[str]:
        async with adapter:
            texts = [(await adapter.recognize(sound(1.0))).text]
            await asyncio.sleep(60.0)
            return [*texts, (await adapter.recognize(sound(1.0))).text]

    assert run_virtual(scenario()) == ["second", "first again"]
    assert told == [(first, False), (first, True)]
    assert adapter.available == (True, True)


def test_a_model_that_streams_is_probed_by_a_stream() -> None:
    """It is well when a stream of silence ends as it should."""
    faults = [Misbehaviour.RAISE, Misbehaviour.RAISE, Misbehaviour.RAISE]
    first, second = FakeSTT([HELLO], faults=faults), FakeSTT([HELLO])
    adapter = FallbackAdapter([first, second])
    told = changes_of(adapter)

    run_virtual(heard_by(adapter, ("sound", 1.0), ("silence", 60.0)))

    assert told == [(first, False), (first, True)]
    assert [attempt.seconds for attempt in first.attempts[-2:]] == [0.0, 0.5]


def test_closing_ends_the_probes() -> None:
    """Nothing is left that would ask on for ever."""
    first = ByHand(whole=never)
    adapter = FallbackAdapter([first, whole("second")], max_retry_per_stt=0)

    async def scenario() -> int:
        await adapter.recognize(sound(1.0))
        await adapter.aclose()
        begun = len(first.begun)
        await asyncio.sleep(600.0)
        return len(first.begun) - begun

    assert run_virtual(scenario()) == 0


# -- what it is made of --------------------------------------------------------------


def test_it_can_do_what_each_of_them_can() -> None:
    """Interim results come only if all have them."""
    both = FallbackAdapter([FakeSTT(), FakeSTT()]).capabilities
    mixed = FallbackAdapter([FakeSTT(), whole()], vad=FakeVAD()).capabilities
    offline = FallbackAdapter([whole()]).capabilities

    assert (both.streaming, both.interim_results) == (True, True)
    assert (mixed.streaming, mixed.interim_results) == (True, False)
    assert offline.streaming is False


def test_it_must_be_made_of_something() -> None:
    """The error says what is missing."""
    with pytest.raises(ValueError, match="at least one STT"):
        FallbackAdapter([])
    with pytest.raises(ValueError, match="needs a vad for them: agentd.testing.fake_stt.FakeSTT"):
        FallbackAdapter([FakeSTT(), whole()])

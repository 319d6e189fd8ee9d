"""Tests of agentd.tts.fallback, on the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from agentd.errors import APIConnectionError, APIError
from agentd.resilience import APIConnectOptions
from agentd.testing import FakeTTS, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from agentd.tts import (
    TTS,
    AvailabilityChangedEvent,
    FallbackAdapter,
    TTSCapabilities,
)
from tests.support.sounds import main_pitch
from tests.unit.tts.speaking import Heard, Told, listen_to_the_end, seconds

FIRST = "This is the first sentence."
SECOND = "And here is the second one."
THIRD = "The third comes at the end."
TEXT = f"{FIRST} {SECOND} {THIRD}"


def spoken(
    ttss: Sequence[TTS], text: str = TEXT, *, streamed: bool = True, **settings: float
) -> tuple[list[Heard], APIError | None]:
    """What an adapter says of a text."""

    async def scenario() -> tuple[list[Heard], APIError | None]:
        async with FallbackAdapter(ttss, **settings) as adapter:  # type: ignore[arg-type]
            if not streamed:
                return await listen_to_the_end(adapter.synthesize(text))
            stream = adapter.stream()
            stream.push_text(text)
            stream.end_input()
            return await listen_to_the_end(stream)

    return run_virtual(scenario())


def said(tts: FakeTTS) -> list[str]:
    """The texts that a fake was given, without those of a probe."""
    return [attempt.text for attempt in tts.attempts if attempt.text != "Yes."]


@pytest.mark.parametrize("streamed", [True, False])
def test_the_first_one_speaks_while_it_is_well(streamed: bool) -> None:
    """The others are not asked."""
    first, second = FakeTTS(), FakeTTS()

    heard, error = spoken([first, second], streamed=streamed)

    assert error is None
    assert said(first) == [FIRST, SECOND, THIRD]
    assert second.attempts == []
    assert seconds(heard) == pytest.approx(first.duration_of(FIRST + SECOND + THIRD))


@pytest.mark.parametrize("streamed", [True, False])
def test_another_takes_over_between_two_sentences(streamed: bool) -> None:
    """After the tries of the first; no sentence is said twice and none is left out."""
    first = FakeTTS(faults=[None, *[Misbehaviour.RAISE] * 99])
    second = FakeTTS()

    heard, error = spoken([first, second], streamed=streamed)

    assert error is None
    assert said(first) == [FIRST, SECOND, SECOND, SECOND]
    assert said(second) == [SECOND, THIRD]
    assert seconds(heard) == pytest.approx(first.duration_of(FIRST + SECOND + THIRD))


def test_a_sentence_that_broke_off_is_ended_by_the_next() -> None:
    """By the words' times: exactly the rest is said."""
    first = FakeTTS(timed_words=True, faults=[None, Fault(kind=Misbehaviour.RAISE, after=0.7)])
    second = FakeTTS(timed_words=True)

    heard, error = spoken([first, second], max_retry_per_tts=0)

    # 0.7 s are 14 characters, "And here is th"; the third word ends at 0.55 s.
    assert error is None
    assert said(second) == ["the second one.", THIRD]
    words = [word for one in heard for word in one.audio.timed_text]
    assert " ".join(word.text for word in words) == TEXT
    starts = [word.start_time for word in words]
    assert starts == sorted(starts)


def test_without_times_the_rest_is_guessed() -> None:
    """A word may be said twice, a sentence is not."""
    first = FakeTTS(faults=[None, Fault(kind=Misbehaviour.RAISE, after=0.7)])
    second = FakeTTS()

    spoken([first, second], max_retry_per_tts=0)

    assert said(second) == ["is the second one.", THIRD]


def test_all_give_the_highest_rate() -> None:
    """Whoever speaks: the listener hears no difference in pitch."""
    first = FakeTTS(sample_rate=16000, faults=[None, *[Misbehaviour.RAISE] * 99])
    second = FakeTTS(sample_rate=48000)

    heard, _ = spoken([first, second], f"{FIRST} {SECOND}")

    rates = {one.audio.frame.sample_rate for one in heard}
    assert rates == {48000}
    for part in (heard[:5], heard[-6:-1]):
        data = b"".join(one.audio.frame.data for one in part)
        frame = part[0].audio.frame.__class__(data=data, sample_rate=48000)
        assert abs(main_pitch(frame.samples, 48000) - 440) < 3


def test_the_rate_may_be_set() -> None:
    """For an output that wants another."""
    heard, _ = spoken([FakeTTS(), FakeTTS()], sample_rate=16000)

    assert {one.audio.frame.sample_rate for one in heard} == {16000}


def test_when_none_can_speak_it_is_said() -> None:
    """With the names of all, and it is not tried again by whoever asked."""
    ttss = [FakeTTS(faults=[Misbehaviour.RAISE] * 99) for _ in range(2)]

    heard, error = spoken(ttss)

    assert heard == []
    assert isinstance(error, APIConnectionError)
    assert not error.retryable
    assert "no text-to-speech model could be used: agentd.testing" in str(error)


def test_a_hanging_voice_is_left_after_its_time() -> None:
    """Then the next one says the sentence."""
    first, second = FakeTTS(faults=[Misbehaviour.HANG]), FakeTTS()

    heard, _ = spoken([first, second], FIRST, max_retry_per_tts=0, attempt_timeout=3.0)

    assert heard[0].at == 3.0


def test_it_waits_long_enough_for_all_of_them() -> None:
    """Three voices that hang for all their tries, and a fourth that speaks."""
    hanging = [FakeTTS(faults=[Misbehaviour.HANG] * 99) for _ in range(3)]

    heard, error = spoken([*hanging, FakeTTS()], FIRST)

    assert error is None
    assert heard[0].at == pytest.approx(3 * (3 * 10.0 + 0.1 + 2.0))


def test_a_voice_that_fails_is_probed_until_it_is_well() -> None:
    """With growing pauses; each change is an event, and the first is used again after it."""
    first = FakeTTS(faults=[Misbehaviour.RAISE] * 4)
    second = FakeTTS()
    changes: list[tuple[bool, bool]] = []

    async def scenario() -> None:
        async with FallbackAdapter([first, second], max_retry_per_tts=0) as adapter:

            def note(event: AvailabilityChangedEvent) -> None:
                changes.append((event.tts is first, event.available))

            adapter.on("tts_availability_changed", note)
            await adapter.synthesize(FIRST).collect()
            assert adapter.available == (False, True)
            await adapter.synthesize(SECOND).collect()
            await asyncio.sleep(120.0)
            assert adapter.available == (True, True)
            await adapter.synthesize(THIRD).collect()

    run_virtual(scenario())

    assert changes == [(True, False), (True, True)]
    assert said(second) == [FIRST, SECOND]
    assert said(first) == [FIRST, THIRD]
    assert [attempt.text for attempt in first.attempts].count("Yes.") == 4


def test_after_closing_nobody_is_probed() -> None:
    """Nor are metrics passed on."""
    first, second = FakeTTS(faults=[Misbehaviour.RAISE] * 99), FakeTTS()

    async def scenario() -> None:
        adapter = FallbackAdapter([first, second])
        told = Told(adapter)
        await adapter.synthesize(FIRST).collect()
        await adapter.aclose()
        await adapter.aclose()
        tries = len(first.attempts)
        await asyncio.sleep(600.0)
        await second.synthesize(FIRST).collect()
        assert len(first.attempts) == tries
        assert [metrics.characters_count for metrics in told.metrics] == [len(FIRST)]

    run_virtual(scenario())


def test_closing_a_stream_closes_the_voice_that_speaks() -> None:
    """Through all that is in between."""
    tts = FakeTTS(chunk_delay=0.1)

    async def scenario() -> None:
        async with FallbackAdapter([tts]) as adapter:
            stream = adapter.stream(conn_options=APIConnectOptions())
            stream.push_text(TEXT)
            async with stream:
                await anext(stream)
            await asyncio.sleep(10.0)

    run_virtual(scenario())

    assert len(tts.attempts) == 1
    assert not tts.attempts[0].ended


def test_its_capabilities_are_those_that_all_have() -> None:
    """It always streams; words' times only where every one tells them."""
    timed, plain = FakeTTS(timed_words=True), FakeTTS()

    async def scenario() -> list[TTSCapabilities]:
        found = []
        for ttss in ([timed, timed], [timed, plain]):
            async with FallbackAdapter(ttss) as adapter:
                found.append(adapter.capabilities)
        return found

    assert run_virtual(scenario()) == [
        TTSCapabilities(streaming=True, aligned_transcript=True),
        TTSCapabilities(streaming=True, aligned_transcript=False),
    ]


def test_no_voice_at_all_is_refused() -> None:
    """When the adapter is made."""
    with pytest.raises(ValueError, match="at least one TTS"):
        FallbackAdapter([])

"""Tests of agentd.tts.adapter and agentd.tts.sentences, on the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agentd.aio.timing import now
from agentd.errors import APIConnectionError, APIError
from agentd.resilience import APIConnectOptions
from agentd.testing import FakeTTS, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from agentd.tokenize import basic
from agentd.tts import SentenceStreamPacer, StreamAdapter, SynthesizeStream, TTSCapabilities
from tests.unit.tts.speaking import Heard, Told, listen_to_the_end, seconds

FIRST = "This is the first sentence."
SECOND = "And here is the second one."
THIRD = "The third comes at the end."


def whole(**settings: object) -> FakeTTS:
    """A fake that speaks whole texts only."""
    capabilities = TTSCapabilities(streaming=False, aligned_transcript="timed_words" in settings)
    return FakeTTS(capabilities=capabilities, **settings)  # type: ignore[arg-type]


def spoken(
    adapter: StreamAdapter,
    write: Callable[[SynthesizeStream], Awaitable[None]],
    *,
    in_real_time: bool = False,
    **options: float,
) -> tuple[list[Heard], APIError | None]:
    """What a stream gives for what is written into it."""

    async def scenario() -> tuple[list[Heard], APIError | None]:
        stream = adapter.stream(conn_options=APIConnectOptions(**options))  # type: ignore[arg-type]

        async def writing() -> None:
            await write(stream)
            stream.end_input()

        async with asyncio.TaskGroup() as group:
            group.create_task(writing())
            return await listen_to_the_end(stream)

    return run_virtual(scenario())


async def all_at_once(stream: SynthesizeStream) -> None:
    """Three sentences in one piece."""
    stream.push_text(f"{FIRST} {SECOND} {THIRD}")


def test_each_sentence_is_one_synthesis() -> None:
    """In their order, as one segment with one end."""
    tts = whole()

    heard, error = spoken(StreamAdapter(tts), all_at_once)

    assert error is None
    assert [attempt.text for attempt in tts.attempts] == [FIRST, SECOND, THIRD]
    assert seconds(heard) == pytest.approx(tts.duration_of(FIRST + SECOND + THIRD))
    assert [one.audio.is_final for one in heard].count(True) == 1
    assert heard[-1].audio.is_final


def test_the_first_sentence_is_spoken_while_the_next_is_written() -> None:
    """As soon as its end is certain."""
    tts = whole(latency=0.1)

    async def write(stream: SynthesizeStream) -> None:
        for word in f"{FIRST} {SECOND}".split(" "):
            stream.push_text(f"{word} ")
            await asyncio.sleep(0.5)

    heard, _ = spoken(StreamAdapter(tts), write)

    # The fifth word is pushed after 2 s.
    assert heard[0].at == pytest.approx(2.1)
    assert tts.attempts[0].ended


def test_each_sentence_s_first_audio_carries_its_text() -> None:
    """For a transcript that goes with the voice."""
    heard, _ = spoken(StreamAdapter(whole()), all_at_once)

    assert [one.audio.delta_text for one in heard if one.audio.delta_text] == [
        FIRST,
        SECOND,
        THIRD,
    ]


def test_words_times_go_on_from_sentence_to_sentence() -> None:
    """They count from the start of the segment."""
    tts = whole(timed_words=True)

    heard, _ = spoken(StreamAdapter(tts), all_at_once)

    starts = {word.text: word.start_time for one in heard for word in one.audio.timed_text}
    assert starts["This"] == 0.0
    assert starts["And"] == pytest.approx(tts.duration_of(FIRST))
    assert starts["The"] == pytest.approx(tts.duration_of(FIRST + SECOND))
    assert StreamAdapter(tts).capabilities == TTSCapabilities(
        streaming=True, aligned_transcript=True
    )


def test_what_can_not_be_said_is_left_out() -> None:
    """A line of dashes costs no synthesis and no failure."""
    tts = whole()
    adapter = StreamAdapter(tts, sentence_tokenizer=basic.SentenceTokenizer(min_sentence_len=1))

    async def write(stream: SynthesizeStream) -> None:
        stream.push_text("---\n\nHello there.\n\n***")

    _, error = spoken(adapter, write)

    assert error is None
    assert [attempt.text for attempt in tts.attempts] == ["Hello there."]


def test_a_sentence_that_fails_is_tried_again() -> None:
    """On its own: those before it are not said again."""
    tts = whole(faults=[None, Misbehaviour.RAISE])

    heard, error = spoken(StreamAdapter(tts), all_at_once)

    assert error is None
    assert [attempt.text for attempt in tts.attempts] == [FIRST, SECOND, SECOND, THIRD]
    assert seconds(heard) == pytest.approx(tts.duration_of(FIRST + SECOND + THIRD))


def test_a_sentence_that_stays_silent_ends_the_stream() -> None:
    """After what was said before it, with the model's own failure."""
    tts = whole(faults=[None, Misbehaviour.RAISE, Misbehaviour.RAISE])

    heard, error = spoken(StreamAdapter(tts), all_at_once, max_retry=1)

    assert isinstance(error, APIConnectionError)
    assert seconds(heard) == pytest.approx(tts.duration_of(FIRST) - 0.01)
    assert [attempt.text for attempt in tts.attempts] == [FIRST, SECOND, SECOND]


def test_closing_stops_the_sentence_that_is_spoken() -> None:
    """And no other is begun."""
    tts = whole(chunk_delay=0.1)

    async def scenario() -> None:
        stream = StreamAdapter(tts).stream()
        stream.push_text(f"{FIRST} {SECOND}")
        async with stream:
            await anext(stream)

    run_virtual(scenario())

    assert len(tts.attempts) == 1
    assert not tts.attempts[0].ended


def test_sentences_are_measured_once_each() -> None:
    """Where they are spoken; the adapter passes it on until it is closed."""
    tts = whole()
    adapter = StreamAdapter(tts)
    told = Told(adapter)

    spoken(adapter, all_at_once)
    assert [metrics.characters_count for metrics in told.metrics] == [27, 27, 27]

    run_virtual(adapter.aclose())
    run_virtual(tts.synthesize("Not ours").collect())
    assert len(told.metrics) == 3


def test_a_whole_text_goes_to_the_model_as_it_is() -> None:
    """There is nothing to adapt."""
    tts = whole()
    adapter = StreamAdapter(tts)
    adapter.prewarm()

    run_virtual(adapter.synthesize(f"{FIRST} {SECOND}").collect())

    assert [attempt.text for attempt in tts.attempts] == [f"{FIRST} {SECOND}"]
    assert tts.prewarmed == 1
    assert (adapter.label, adapter.model, adapter.provider) == (tts.label, "fake", tts.provider)


# -- pacing ------------------------------------------------------------------------


def begun_at(adapter: StreamAdapter, tts: FakeTTS, text: str) -> list[tuple[float, str]]:
    """When each synthesis began, to a listener who takes audio as fast as it comes."""
    begun: list[tuple[float, str]] = []
    speak = tts.speak

    def noted(said: str) -> object:
        begun.append((round(now(), 3), said))
        return speak(said)

    tts.speak = noted  # type: ignore[method-assign, assignment]

    async def write(stream: SynthesizeStream) -> None:
        stream.push_text(text)

    spoken(adapter, write)
    return begun


LONG = [f"Sentence number {number} is one of very many." for number in range(100, 110)]
"""2 seconds each: 40 characters of 0.05 s."""


def test_without_pacing_all_is_spoken_at_once() -> None:
    """As fast as the model can."""
    tts = whole()

    begun = begun_at(StreamAdapter(tts), tts, " ".join(LONG))

    assert [at for at, _ in begun] == [0.0] * 10


def test_with_pacing_later_sentences_wait_until_they_are_needed() -> None:
    """The first at once; the next when 5 s are left to hear, several together."""
    tts = whole()
    pacer = SentenceStreamPacer(min_remaining_audio=1.0, max_text_length=100)

    begun = begun_at(StreamAdapter(tts, text_pacing=pacer), tts, " ".join(LONG))

    assert begun[0] == (0.0, LONG[0])
    assert begun[1] == (1.0, " ".join(LONG[1:3]))
    assert [said for _, said in begun] == [
        LONG[0],
        " ".join(LONG[1:3]),
        " ".join(LONG[3:5]),
        " ".join(LONG[5:7]),
        " ".join(LONG[7:9]),
        LONG[9],
    ]
    assert begun[2][0] == pytest.approx(2.0 + tts.duration_of(begun[1][1]) - 1.0)


def test_pacing_may_be_switched_on_by_a_word() -> None:
    """With the pacer's defaults: a reply of 5 s is spoken at once."""
    tts = whole()

    begun = begun_at(StreamAdapter(tts, text_pacing=True), tts, " ".join(LONG[:3]))

    assert begun == [(0.0, LONG[0]), (0.0, " ".join(LONG[1:3]))]


def test_a_fault_after_audio_is_not_hidden_by_the_pace() -> None:
    """It comes where it happened."""
    tts = whole(faults=[None, Fault(kind=Misbehaviour.RAISE, after=0.5)])
    pacer = SentenceStreamPacer(min_remaining_audio=1.0, max_text_length=60)

    async def write(stream: SynthesizeStream) -> None:
        stream.push_text(" ".join(LONG[:3]))

    heard, error = spoken(StreamAdapter(tts, text_pacing=pacer), write)

    assert isinstance(error, APIConnectionError)
    assert seconds(heard) == pytest.approx(tts.duration_of(LONG[0]) + 0.5 - 0.02, abs=0.01)

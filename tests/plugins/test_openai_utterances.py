"""The utterances of a stream, from events in whatever order."""

from __future__ import annotations

import pytest

from agentd.stt import EndOfSpeech, FinalTranscript, InterimTranscript, SpeechEvent, StartOfSpeech
from agentd_openai.utterance import Utterances


def kinds(events: list[SpeechEvent]) -> list[str]:
    """What they are, with their texts."""
    return [
        f"{type(event).__name__} {event.text}"
        if isinstance(event, FinalTranscript | InterimTranscript)
        else type(event).__name__
        for event in events
    ]


@pytest.fixture
def utterances() -> Utterances:
    """Of a connection that begins 10 s into the audio."""
    return Utterances(offset=10.0, language="en")


def test_in_order_they_are_a_start_texts_and_an_end(utterances: Utterances) -> None:
    """As the service usually tells them."""
    events = [
        *utterances.started("a", 0.5),
        *utterances.stopped("a", 2.0),
        *utterances.committed("a"),
        *utterances.heard("a", "hello "),
        *utterances.heard("a", "there"),
        *utterances.completed("a", "Hello there."),
    ]

    assert kinds(events) == [
        "StartOfSpeech",
        "InterimTranscript hello",
        "InterimTranscript hello there",
        "FinalTranscript Hello there.",
        "EndOfSpeech",
    ]
    (final,) = [event for event in events if isinstance(event, FinalTranscript)]
    assert (final.data.start_time, final.data.end_time) == (10.5, 12.0)
    assert utterances.is_empty


def test_the_next_may_begin_before_the_last_is_understood(utterances: Utterances) -> None:
    """Each keeps its own text and times."""
    utterances.started("a", 0.0)
    utterances.stopped("a", 1.0)
    utterances.started("b", 1.5)
    utterances.heard("a", "one")

    (_, ended) = utterances.completed("a", "One.")

    assert isinstance(ended, EndOfSpeech)
    assert utterances.speaking
    assert not utterances.is_empty


def test_text_without_a_start_has_one(utterances: Utterances) -> None:
    """Without a detection of the service's nobody tells when speech begins."""
    utterances.asked()
    utterances.committed("a")

    events = utterances.completed("a", "Yes.")

    assert kinds(events) == ["StartOfSpeech", "FinalTranscript Yes.", "EndOfSpeech"]
    assert utterances.is_empty


def test_noise_that_was_taken_for_speech_just_ends(utterances: Utterances) -> None:
    """There is no empty text."""
    utterances.started("a", 0.0)

    events = utterances.completed("a", " ")

    assert kinds(events) == ["EndOfSpeech"]


def test_silence_that_was_flushed_is_nothing(utterances: Utterances) -> None:
    """Neither a start nor an end."""
    utterances.asked()
    utterances.committed("a")

    assert utterances.completed("a", "") == []
    assert utterances.is_empty


def test_a_flush_that_found_nothing_is_not_waited_for(utterances: Utterances) -> None:
    """The service's own detection was there first."""
    utterances.asked()
    assert not utterances.is_empty

    utterances.not_committed()

    assert utterances.is_empty


def test_a_start_is_told_once(utterances: Utterances) -> None:
    """Also where texts come before it."""
    first = utterances.heard("a", "hello")
    again = utterances.heard("a", " there")

    assert isinstance(first[0], StartOfSpeech)
    assert kinds(again) == ["InterimTranscript hello there"]


def test_a_text_is_owed_once_its_utterance_is_over(utterances: Utterances) -> None:
    """While somebody speaks, silence of the service's is no fault."""
    utterances.started("a", 0.0)
    before = utterances.is_owed
    utterances.stopped("a", 1.0)
    after = utterances.is_owed
    utterances.completed("a", "Yes.")

    assert (before, after, utterances.is_owed) == (False, True, False)


def test_how_sure_the_model_is_goes_with_the_text(utterances: Utterances) -> None:
    """As far as the service tells it."""
    events = utterances.completed("a", "Yes.", confidence=0.8)

    finals = [event for event in events if isinstance(event, FinalTranscript)]
    assert [final.data.confidence for final in finals] == [0.8]

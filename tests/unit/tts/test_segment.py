"""Tests of agentd.tts.segment, agentd.tts.remainder and agentd.tts.pacing: pure rules."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.audio.frame import AudioFrame, from_samples
from agentd.tts.events import SynthesizedAudio, TimedText
from agentd.tts.pacing import Pace, SentenceStreamPacer
from agentd.tts.remainder import Heard
from agentd.tts.segment import SegmentAudio, is_speakable

RATE = 1000


def frame(count: int, start: int = 0) -> AudioFrame:
    """Samples that count up, 1 ms each."""
    return from_samples(np.arange(start, start + count, dtype=np.int16), RATE)


def segment() -> SegmentAudio:
    """An empty one."""
    return SegmentAudio(RATE, 1, request_id="r", segment_id="s")


def lengths(pieces: list[SynthesizedAudio]) -> list[int]:
    """In samples."""
    return [piece.frame.samples_per_channel for piece in pieces]


def test_all_but_a_tail_is_given_out_at_once() -> None:
    """In pieces of a tenth of a second; the tail is the last piece, and says so."""
    audio = segment()

    first = audio.push(frame(250))
    second = audio.push(frame(5, 250))
    last = audio.finish()

    assert [lengths(first), lengths(second), lengths(last)] == [[100, 100, 40], [5], [10]]
    assert [piece.is_final for piece in [*first, *second, *last]] == [False] * 4 + [True]
    given = b"".join(piece.frame.data for piece in [*first, *second, *last])
    assert given == frame(255).data
    assert audio.duration == pytest.approx(0.255)


def test_less_than_a_tail_waits() -> None:
    """And comes at the end, marked."""
    audio = segment()

    assert audio.push(frame(8)) == []
    assert [(piece.is_final, piece.segment_id) for piece in audio.finish()] == [(True, "s")]


def test_no_audio_has_no_last_piece() -> None:
    """There is nothing to mark."""
    assert segment().finish() == []


def test_what_is_told_of_words_comes_once_with_the_next_audio() -> None:
    """Also where it came with audio that had to wait, and the request's name is the model's."""
    audio = segment()
    word = TimedText(text="hi", start_time=0.0, end_time=0.1)

    waiting = audio.push(
        SynthesizedAudio(frame=frame(5), delta_text="h", timed_text=[word], request_id="theirs")
    )
    pieces = audio.push(SynthesizedAudio(frame=frame(200, 5), delta_text="i"))

    assert waiting == []
    assert [piece.delta_text for piece in pieces] == ["hi", ""]
    assert [piece.timed_text for piece in pieces] == [[word], []]
    assert {piece.request_id for piece in pieces} == {"theirs"}


@pytest.mark.parametrize(
    ("text", "speakable"),
    [("a", True), ("7!", True), ("你", True), ("...", False), (" \n", False), ("🎉", False)],
)
def test_a_text_is_speakable_that_has_a_letter_or_digit(text: str, speakable: bool) -> None:
    """Of any script."""
    assert is_speakable(text) is speakable


SENTENCE = "Your appointment is on Monday at three, in room twelve."


def heard(seconds: float, words: list[TimedText] | None = None) -> Heard:
    """So much of a sentence."""
    so_far = Heard()
    if seconds:
        so_far.add(SynthesizedAudio(frame=frame(10), timed_text=words or []))
        so_far.add(SynthesizedAudio(frame=frame(round(seconds * RATE) - 10)))
    return so_far


def test_of_what_was_not_heard_all_is_left() -> None:
    """The sentence is said from its start."""
    assert heard(0.0).rest_of(SENTENCE) == SENTENCE


def test_by_the_words_times_the_rest_begins_with_the_word_that_broke_off() -> None:
    """Exactly."""
    words = [
        TimedText(text=text, start_time=0.4 * number, end_time=0.4 * number + 0.4)
        for number, text in enumerate(["Your", "appointment", "is", "on", "Monday"])
    ]

    assert heard(1.3, words).rest_of(SENTENCE) == "on Monday at three, in room twelve."


def test_without_times_it_is_guessed_from_how_fast_people_speak() -> None:
    """Rather a word twice than one left out."""
    assert heard(1.5).rest_of(SENTENCE) == "on Monday at three, in room twelve."


def test_of_what_was_heard_to_its_end_nothing_is_left() -> None:
    """Then the voice has failed after its last word."""
    assert heard(9.0).rest_of(SENTENCE) == ""
    done = [TimedText(text="twelve.", start_time=0.0, end_time=1.0)]
    assert heard(1.0, done).rest_of(SENTENCE) == ""


def test_the_next_is_due_when_little_is_left_to_hear() -> None:
    """Counted from the first audio, as if it were played from then on."""
    pace = Pace(SentenceStreamPacer(min_remaining_audio=5.0))

    assert pace.next_at() is None
    pace.spoke(8.0, at=100.0)
    assert pace.next_at() == 103.0
    pace.spoke(2.0, at=101.0)
    assert pace.next_at() == 105.0


def test_after_a_gap_playing_begins_anew() -> None:
    """What was heard long ago does not count."""
    pace = Pace(SentenceStreamPacer())
    pace.spoke(1.0, at=0.0)

    pace.spoke(10.0, at=50.0)

    assert pace.next_at() == 55.0


def test_sentences_are_gathered_up_to_a_length() -> None:
    """With the blank between them."""
    pace = Pace(SentenceStreamPacer(max_text_length=10))

    assert pace.fits("12345", "6789")
    assert not pace.fits("12345", "67890")

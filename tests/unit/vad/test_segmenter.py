"""Tests of agentd.vad.segmenter: a test is a list of chunks."""

from __future__ import annotations

import pytest

from agentd.vad.segmenter import Change, Segmenter, SegmenterSettings

CHUNK = 0.1


def changes(pattern: str, **settings: float) -> list[tuple[int, Change]]:
    """Feed chunks of 100 ms, `s` for speech and `.` for silence; tell which changed what."""
    segmenter = Segmenter(SegmenterSettings(**settings))
    judged = [segmenter.process(CHUNK, char == "s") for char in pattern]
    return [(number, change) for number, change in enumerate(judged) if change is not None]


def test_speech_starts_when_it_has_lasted_long_enough() -> None:
    """With 0.3 s needed, the third chunk of 0.1 s is the start."""
    assert changes("..sss", min_speech_duration=0.3) == [(4, Change.STARTED)]


def test_start_is_where_the_first_sound_was() -> None:
    """The start lies before the moment that made it certain."""
    segmenter = Segmenter(SegmenterSettings(min_speech_duration=0.3))

    for char in "..sss":
        segmenter.process(CHUNK, char == "s")

    assert pytest.approx(0.2) == segmenter.started_at


def test_clicks_never_add_up_to_speech() -> None:
    """Sounds that are too short each are no speech, however many there are."""
    assert changes("s.s.ss.s.ss." * 10, min_speech_duration=0.3) == []


def test_speech_ends_after_enough_silence() -> None:
    """With 0.3 s of silence needed, the third silent chunk is the end."""
    assert changes("ss...", min_speech_duration=0.1, min_silence_duration=0.3) == [
        (0, Change.STARTED),
        (4, Change.ENDED),
    ]


def test_end_is_where_the_last_sound_was() -> None:
    """The end lies before the silence that made it certain."""
    segmenter = Segmenter(SegmenterSettings(min_speech_duration=0.1, min_silence_duration=0.3))

    for char in "ss...":
        segmenter.process(CHUNK, char == "s")

    assert pytest.approx(0.2) == segmenter.ended_at


def test_a_shorter_pause_does_not_end_speech() -> None:
    """The silence starts anew after each sound."""
    assert changes("ss..s..s..", min_speech_duration=0.1, min_silence_duration=0.3) == [
        (0, Change.STARTED)
    ]


def test_long_speech_is_ended_and_goes_on_as_the_next() -> None:
    """At the limit an utterance ends, and the next one starts by the usual rule."""
    found = changes("sssssss", min_speech_duration=0.2, max_speech_duration=0.4)

    assert found == [(1, Change.STARTED), (3, Change.ENDED), (5, Change.STARTED)]


def test_finish_ends_what_goes_on() -> None:
    """Audio that ends in the middle of speech ends the speech."""
    segmenter = Segmenter(SegmenterSettings(min_speech_duration=0.1))
    segmenter.process(CHUNK, True)

    assert Change.ENDED is segmenter.finish()
    assert segmenter.finish() is None


def test_ten_chunks_of_ten_milliseconds_are_a_tenth_of_a_second() -> None:
    """Binary fractions do not put the start off by a chunk."""
    segmenter = Segmenter(SegmenterSettings(min_speech_duration=0.1))

    judged = [segmenter.process(0.01, True) for _ in range(10)]

    assert judged == [None] * 9 + [Change.STARTED]


def test_a_negative_duration_is_refused() -> None:
    """The error names the setting."""
    with pytest.raises(ValueError, match="min_silence_duration must not be negative, but is -1"):
        SegmenterSettings(min_silence_duration=-1)


def test_a_limit_below_the_shortest_speech_is_refused() -> None:
    """The error names both settings."""
    with pytest.raises(ValueError, match="max_speech_duration must be longer than min_speech"):
        SegmenterSettings(min_speech_duration=1.0, max_speech_duration=0.5)

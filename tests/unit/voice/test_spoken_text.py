"""Which words have been heard at a position of the audio."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.tts.events import TimedText
from agentd.voice.speaking.spoken_text import (
    SYLLABLES_PER_SECOND,
    SpeakingRate,
    SpokenText,
    syllables_of,
)


def spoken(
    *pieces: str, audio: float | None = None, rate: SpeakingRate | None = None
) -> SpokenText:
    """A complete text, and its audio if that is complete too."""
    text = SpokenText(rate or SpeakingRate())
    for piece in pieces:
        text.push_text(piece)
    text.end_text()
    if audio is not None:
        text.push_audio(audio)
        text.end_audio()
    return text


def test_words_are_dealt_out_over_the_whole_audio() -> None:
    """Three words of one syllable each in three seconds: a second each."""
    text = spoken("cat dog pig", audio=3.0)

    assert [text.heard_at(at) for at in (0.9, 1.0, 2.5, 3.0)] == [
        "",
        "cat ",
        "cat dog ",
        "cat dog pig",
    ]


def test_a_word_is_begun_before_it_is_heard() -> None:
    """What is shown runs a word ahead of what is remembered."""
    text = spoken("cat dog pig", audio=3.0)

    assert [text.begun_at(at) for at in (0.0, 0.9, 1.0, 2.0, 9.0)] == [1, 1, 2, 3, 3]
    assert [text.begins_at(word) for word in range(4)] == [0.0, 1.0, 2.0, None]


def test_before_the_audio_is_complete_the_voice_is_taken_for_an_average_one() -> None:
    """Its first word of one syllable takes about a quarter of a second."""
    text = SpokenText(SpeakingRate())
    text.push_text("cat dog ")
    text.push_audio(10.0)

    assert text.begins_at(1) == pytest.approx(1 / SYLLABLES_PER_SECOND)


def test_a_voice_that_was_measured_is_known() -> None:
    """Half of the past and half of what was heard last."""
    rate = SpeakingRate()
    spoken("cat dog pig hen", audio=4.0, rate=rate)

    assert rate.syllables_per_second == pytest.approx((SYLLABLES_PER_SECOND + 1.0) / 2)


@pytest.mark.parametrize(("text", "audio"), [("", 3.0), ("cat", 0.1), ("cat dog pig", 0.2)])
def test_too_little_speech_measures_nothing(text: str, audio: float) -> None:
    """A click or a single word says nothing about a voice."""
    rate = SpeakingRate()

    spoken(text, audio=audio, rate=rate)

    assert rate.syllables_per_second == SYLLABLES_PER_SECOND


def test_the_models_own_times_go_before_any_guess() -> None:
    """A word is heard when it ends; words without spaces are joined by one."""
    text = SpokenText(SpeakingRate())
    text.push_timed([TimedText(text="Hello", start_time=0.2, end_time=0.5)])
    text.push_timed([TimedText(text="there.", start_time=2.0, end_time=2.4)])

    assert [text.heard_at(at) for at in (0.4, 0.5, 2.3, 2.4)] == [
        "",
        "Hello",
        "Hello",
        "Hello there.",
    ]
    assert text.begins_at(1) == 0.5


def test_a_word_that_may_go_on_is_not_dealt_out_yet() -> None:
    """`won` may become `wonder`; the end of the text decides."""
    text = SpokenText(SpeakingRate())
    text.push_text("I won")
    before = text.begun_at(100.0)
    text.push_text("der")
    text.end_text()

    assert before == 1
    assert text.heard_at(100.0) == "I wonder"


def test_scripts_without_spaces_are_dealt_out_by_letters() -> None:
    """Four letters in four seconds: half of them after two."""
    text = spoken("\u4f60\u597d\u4e16\u754c", audio=4.0)

    assert text.heard_at(2.0) == "\u4f60\u597d"


@pytest.mark.parametrize(("word", "syllables"), [("hello ", 2), ("hello. ", 3), (" - ", 0)])
def test_a_sentence_ends_with_a_pause(word: str, syllables: float) -> None:
    """Which lasts as long as a syllable."""
    assert syllables_of(word) == syllables


@given(st.lists(st.text(max_size=12), max_size=12), st.floats(0.01, 100))
def test_every_text_comes_out_unchanged(pieces: list[str], audio: float) -> None:
    """Whatever it is made of, and however it was cut, once all of it was heard."""
    text = spoken(*pieces, audio=audio)

    assert text.text == "".join(pieces)
    assert text.heard_at(audio) == "".join(pieces)


@given(
    st.text(max_size=60),
    st.floats(0.1, 30),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_later_positions_never_have_heard_less(
    content: str, audio: float, parts: list[float]
) -> None:
    """And what was heard was begun before."""
    text = spoken(content, audio=audio)
    early, late = sorted(audio * part for part in parts)

    assert text.heard_at(late).startswith(text.heard_at(early))
    assert text.words(0, text.begun_at(early)).startswith(text.heard_at(early))

"""Words, as the rules of turn-taking see them."""

from __future__ import annotations

import pytest

from agentd.voice.turns.backchannel import (
    BACKCHANNELS,
    count_words,
    is_backchannel,
    normalise,
    same_text,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("...", 0),
        ("Hello, there!", 2),
        ("that\u2019s it", 2),
        ("That's it", 2),
        ("こんにちは", 5),
        ("room 12", 2),
    ],
)
def test_words_are_counted_without_marks(text: str, words: int) -> None:
    """Scripts without spaces are counted by letters."""
    assert count_words(text) == words


@pytest.mark.parametrize("text", ["Uh-huh.", "okay", "OK, okay", "Mm-hmm, I see!", "yeah right"])
def test_signs_of_listening(text: str) -> None:
    """One or several, however the STT writes them."""
    assert is_backchannel(text, BACKCHANNELS)


@pytest.mark.parametrize("text", ["", "...", "no", "yes", "okay stop", "wait", "right now", "see"])
def test_what_means_more(text: str) -> None:
    """A word that means something makes it more than a sign."""
    assert not is_backchannel(text, BACKCHANNELS)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hello, there!", "hello there"), ("that\u2019s", "That's"), ("ﬁne", "fine"), ("a  b", "a b")],
)
def test_texts_that_say_the_same(one: str, other: str) -> None:
    """Case, marks, spaces and ligatures make no difference."""
    assert same_text(one, other)


def test_texts_that_do_not() -> None:
    """Another word does, and so does an accent."""
    assert not same_text("book a table", "book the table")
    assert not same_text("resume", "resumé")


def test_the_list_is_normalised() -> None:
    """An entry that is not could never be found."""
    assert all(normalise(entry) == entry for entry in BACKCHANNELS)

"""Text by whole sentences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.llm.holdback import MAX_HELD_CHARS, Sentences


@pytest.mark.parametrize(
    ("text", "ready", "rest"),
    [
        ("Hello there. How are", "Hello there. ", "How are"),
        ("Hello there.", "", "Hello there."),
        ('He said "no!" Then', 'He said "no!" ', "Then"),
        ("It costs 3.50 euros. Yes", "It costs 3.50 euros. ", "Yes"),
        ("one\ntwo", "one\n", "two"),
        ("好的。再见", "好的。", "再见"),
        ("no end", "", "no end"),
    ],
)
def test_only_whole_sentences_are_given(text: str, ready: str, rest: str) -> None:
    """One is whole when something follows it."""
    sentences = Sentences()

    assert sentences.push(text) == ready
    assert sentences.flush() == rest
    assert sentences.flush() == ""


def test_what_was_said_is_not_said_again() -> None:
    """As long as the new reply repeats the old one from its start."""
    sentences = Sentences(["Hello there. ", "I can help. "])

    said = sentences.push("hello  there. I can help. Ask me. Hello there. Bye")

    assert said == "Ask me. Hello there. "


def test_another_reply_is_said_whole() -> None:
    """Though a later sentence is one that was said."""
    sentences = Sentences(["Hello there. "])

    assert sentences.push("Hi! Hello there. ") + sentences.flush() == "Hi! Hello there. "
    assert sentences.said == ["Hello there. ", "Hi! ", "Hello there. "]


def test_text_without_an_end_is_not_held_for_ever() -> None:
    """A list without punctuation, say."""
    sentences = Sentences()

    assert sentences.push("x" * MAX_HELD_CHARS) == ""
    assert sentences.push("y") == "x" * MAX_HELD_CHARS + "y"


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab. !\n。", max_size=6)))
def test_nothing_is_lost_or_added(pieces: list[str]) -> None:
    """However the text is cut."""
    sentences = Sentences()

    assert "".join([*map(sentences.push, pieces), sentences.flush()]) == "".join(pieces)

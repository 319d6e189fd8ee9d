"""Tests of agentd.tokenize.words and agentd.tokenize.paragraphs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.tokenize.basic import (
    WordTokenizer,
    count_syllables,
    hyphenate_word,
    tokenize_paragraphs,
)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["Well", "it's", "3.5", "你好吗", "U.S"]),
        ({"ignore_punctuation": False}, ["Well,", "it's", "3.5%", "–", "你好吗?", "U.S."]),
        ({"split_character": True}, ["Well", "it's", "3.5", "你", "好", "吗", "U.S"]),
        ({"retain_format": True}, ["Well,", " it's", " 3.5%", " –", " 你好吗?", " U.S."]),
    ],
)
def test_words_are_cut_at_blanks(settings: dict[str, bool], words: list[str]) -> None:
    """With their punctuation or without, and characters of Chinese as words where wanted."""
    text = "Well, it's 3.5% – 你好吗? U.S."

    assert WordTokenizer(**settings).tokenize(text) == words


def test_a_word_is_given_when_the_next_begins() -> None:
    """A character that is a word of its own is given at once."""
    stream = WordTokenizer(split_character=True).stream()

    given = [stream.push_text(text) for text in ("hel", "lo", " wor", "ld你", "好")]
    given.append(stream.flush())

    assert [[token.token for token in tokens] for tokens in given] == [
        [], [], ["hello"], ["world", "你"], ["好"], [],
    ]  # fmt: skip


@settings(deadline=None)
@given(st.text("ab1 ,.你\n'", max_size=50), st.integers(1, 6), st.booleans(), st.booleans())
def test_places_are_exact(text: str, size: int, ignore: bool, split: bool) -> None:
    """Cut anywhere, a word stands where it says, and the words are those of the whole text."""
    tokenizer = WordTokenizer(ignore_punctuation=ignore, split_character=split)
    stream = tokenizer.stream()
    tokens = []
    for start in range(0, len(text), size):
        tokens += stream.push_text(text[start : start + size])
    tokens += stream.flush()

    assert [text[token.start : token.end] for token in tokens] == [t.token for t in tokens]
    assert [token.token for token in tokens] == tokenizer.tokenize(text)


@settings(deadline=None)
@given(st.text("ab ,你\n", max_size=50))
def test_kept_blanks_give_the_text_again(text: str) -> None:
    """For a transcript that is built word by word."""
    assert "".join(WordTokenizer(retain_format=True).tokenize(text)) == text


def test_a_word_without_end_is_cut() -> None:
    """Nothing waits without a bound."""
    stream = WordTokenizer().stream()

    assert sum(len(t.token) for _ in range(100) for t in stream.push_text("x" * 150)) > 14_500


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("hello", ["hel", "lo"]), ("table", ["ta", "ble"]), ("wanted", ["wan", "ted"]),
        ("boxes", ["bo", "xes"]), ("make", ["make"]), ("walked", ["walked"]),
        ("beautiful", ["beau", "ti", "ful"]), ("computer", ["com", "pu", "ter"]),
        ("strength", ["strength"]), ("teacher", ["tea", "cher"]), ("yes", ["yes"]),
        ("Öffnung", ["Öff", "nung"]), ("молоко", ["мо", "ло", "ко"]), ("a", ["a"]), ("", []),
    ],
)  # fmt: skip
def test_words_are_divided_into_syllables(word: str, syllables: list[str]) -> None:
    """By rule, not by dictionary, and always so that they are the word again."""
    assert hyphenate_word(word) == syllables


@settings(deadline=None)
@given(st.text(max_size=30))
def test_syllables_are_the_word(word: str) -> None:
    """Whatever is in it."""
    assert "".join(hyphenate_word(word)) == word


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Hello, how are you today?", 7), ("you're we've it's don't", 4), ("1990", 4),
        ("你好吗", 3), ("", 0), ("!?", 0), ("rhythm", 1), ("TV nth", 2),
    ],
)  # fmt: skip
def test_syllables_of_a_text_are_counted(text: str, count: int) -> None:
    """Of words, digits, and characters of scripts without blanks."""
    assert count_syllables(text) == count


def test_a_speaking_rate_comes_out_right() -> None:
    """Kennedy's sentence has 25 syllables by ear, and at 3.83 a second takes 6.5 s."""
    said = "And so my fellow Americans ask not what your country can do for you"

    assert 17 <= count_syllables(said) <= 20


def test_paragraphs_are_what_lies_between_empty_lines() -> None:
    """With their places."""
    text = "  One\nline\n\n \nTwo  \n\n\n"

    paragraphs = tokenize_paragraphs(text)

    assert paragraphs == [("One\nline", 2, 10), ("Two", 14, 17)]
    assert [text[start:end] for _, start, end in paragraphs] == ["One\nline", "Two"]
    assert tokenize_paragraphs(" \n\n ") == []

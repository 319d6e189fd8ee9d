"""Tests of agentd.tokenize.sentences and agentd.tokenize.endings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.tokenize.basic import SentenceTokenizer
from agentd.tokenize.sentences import MAX_SENTENCE

EACH = SentenceTokenizer(min_sentence_len=1)

CASES = [
    ("Then he left. She stayed.", ["Then he left.", "She stayed."]),
    ("Mr. Smith met Dr. J. K. Brown. Fine.", ["Mr. Smith met Dr. J. K. Brown.", "Fine."]),
    ("It costs 3.14 dollars. Or 3,50.", ["It costs 3.14 dollars.", "Or 3,50."]),
    ("We met at 5 p.m. on Monday.", ["We met at 5 p.m. on Monday."]),
    ("We met at 5 p.m. The sun shone.", ["We met at 5 p.m.", "The sun shone."]),
    ("The U.S. Government. I live in the U.S. It is big.",
     ["The U.S. Government.", "I live in the U.S.", "It is big."]),
    ("See https://example.com/a?b=c.d now! Write to a.b@c.org.",
     ["See https://example.com/a?b=c.d now!", "Write to a.b@c.org."]),
    ('"Stop!" he said. "Go." She left.', ['"Stop!" he said.', '"Go."', "She left."]),
    ("Well... maybe. Well... Maybe… yes", ["Well... maybe.", "Well...", "Maybe… yes"]),
    ("Really?! Yes!!! No?", ["Really?!", "Yes!!!", "No?"]),
    ("No. I don't. See No. 5 below.", ["No.", "I don't.", "See No. 5 below."]),
    ("So do I. Then we go. Take vitamin C. It helps.",
     ["So do I.", "Then we go.", "Take vitamin C.", "It helps."]),
    ("Use e.g. this, i.e. that, etc. and more.", ["Use e.g. this, i.e. that, etc. and more."]),
    ("(He left.) She stayed. [Note.] End", ["(He left.)", "She stayed.", "[Note.]", "End"]),
    ("In 1990. The end.", ["In 1990.", "The end."]),
    ("你好。我叫小明！你今天好吗？「真的吗？」他问。好",
     ["你好。", "我叫小明！", "你今天好吗？", "「真的吗？」", "他问。", "好"]),
    ("こんにちは。元気ですか？はい", ["こんにちは。", "元気ですか？", "はい"]),
    ("यह है। वह है।", ["यह है।", "वह है।"]),
    ("Here it is:\n1. First one\n2. Second\n- third\n\nNew paragraph\n\nEnd",
     ["Here it is:", "1. First one", "2. Second", "- third", "New paragraph", "End"]),
    ("A line\nthat goes on. Next.", ["A line\nthat goes on.", "Next."]),
    ("**Bold.** Next one.", ["**Bold.**", "Next one."]),
    ("Das kostet 3,50 €. Z.B. dieser. Der da.", ["Das kostet 3,50 €.", "Z.B. dieser.", "Der da."]),
    ("ok. sure", ["ok.", "sure"]),
    ("   ", []),
    ("", []),
    ("...", ["..."]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentences"), CASES)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str]) -> None:
    """Not at abbreviations, initials, numbers, addresses, nor before `he said`."""
    assert EACH.tokenize(text) == sentences


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("text", [text for text, _ in CASES])
def test_pieces_do_not_matter(text: str, size: int) -> None:
    """Cut anywhere, as models write it, the sentences are the same."""
    stream = EACH.stream()

    tokens = [
        token
        for start in range(0, len(text), size)
        for token in stream.push_text(text[start : start + size])
    ]
    tokens += stream.flush()

    assert [token.token for token in tokens] == EACH.tokenize(text)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*"ab.!?… \n\"')3A", "Mr", "e.g.", "。", "1. ", "- "]), max_size=60),
    st.integers(1, 7),
)
def test_places_are_exact_and_nothing_is_lost(parts: list[str], size: int) -> None:
    """Whatever the text: a token stands where it says, in order, and between are only blanks."""
    text = "".join(parts)
    stream = SentenceTokenizer(min_sentence_len=4).stream()
    tokens = []
    for start in range(0, len(text), size):
        tokens += stream.push_text(text[start : start + size])
    tokens += stream.flush()

    rest, before = [], 0
    for token in tokens:
        assert text[token.start : token.end] == token.token
        rest.append(text[before : token.start])
        before = token.end
    assert "".join([*rest, text[before:]]).strip() == ""


def test_a_sentence_is_given_with_the_blank_after_it() -> None:
    """Nothing more is waited for where nothing more can change it."""
    stream = SentenceTokenizer().stream()

    given = [stream.push_text(text) for text in ("This is the first sentence.", " ", "Next")]

    assert [[token.token for token in tokens] for tokens in given] == [
        [],
        ["This is the first sentence."],
        [],
    ]


def test_a_doubtful_end_waits_for_the_next_word() -> None:
    """Or for ten characters, which is enough to know what it is."""
    stream = SentenceTokenizer().stream()

    assert stream.push_text("They have been living in the U.S. Go") == []
    assert stream.push_text("vern") == []
    assert stream.push_text("ment houses. ")[0].token == (
        "They have been living in the U.S. Government houses."
    )


def test_short_sentences_are_spoken_together() -> None:
    """A single 'Hi!' sounds lost; at the end of the text nothing is left to wait for."""
    tokenizer = SentenceTokenizer()

    assert tokenizer.tokenize("Hi! How are you today? Fine.") == ["Hi! How are you today?", "Fine."]


def test_an_endless_sentence_is_cut_at_a_pause() -> None:
    """At a comma where there is one, else at a blank, else anywhere; nothing is lost."""
    commas = "and so on, " * 100
    blanks = "word " * 300
    nothing = "x" * 1700

    for text in (commas, blanks, nothing):
        pieces = SentenceTokenizer(retain_format=True).tokenize(text)
        assert max(map(len, pieces)) <= MAX_SENTENCE
        assert "".join(pieces) == text
    assert all(piece.endswith(",") for piece in SentenceTokenizer().tokenize(commas))
    assert all(piece.endswith("word") for piece in SentenceTokenizer().tokenize(blanks))


def test_what_waits_is_bounded() -> None:
    """A megabyte without an end comes out in pieces while it goes in."""
    stream = SentenceTokenizer().stream()

    given = sum(len(token.token) for _ in range(100) for token in stream.push_text("x" * 10_000))

    assert given >= 1_000_000 - MAX_SENTENCE


def test_kept_blanks_give_the_text_again() -> None:
    """For who shows the sentences as they were written."""
    text = "  One is here.   Two is\nthere.\n\nThree. "

    tokens = SentenceTokenizer(min_sentence_len=1, retain_format=True).tokenize(text)

    assert "".join(tokens) == text
    assert tokens[1] == "   Two is\nthere."


def test_each_flush_begins_a_segment() -> None:
    """Places go on over all of the stream."""
    stream = SentenceTokenizer().stream()

    first = stream.push_text("One") + stream.flush()
    second = stream.push_text("Two") + stream.end_input()

    assert [(token.token, token.start, token.segment_id) for token in first + second] == [
        ("One", 0, "1"),
        ("Two", 3, "2"),
    ]

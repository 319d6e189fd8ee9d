"""Text that can be written down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.llm.clean_text import CleanPieces, clean

EVERYTHING = st.text(st.characters(min_codepoint=0, max_codepoint=0x1F64F))


def in_pieces(*pieces: str) -> str:
    """A text that came like this."""
    text = CleanPieces()
    return "".join(text.push(piece) for piece in pieces) + text.finish()


def test_good_text_is_the_same_object() -> None:
    """Which is nearly all of it."""
    text = "caf\u00e9 \U0001f600"

    assert clean(text) is text


def test_halves_of_one_character_are_joined() -> None:
    """Also where a piece ends between them."""
    assert clean("a\ud83d\ude00b") == "a\U0001f600b"
    assert in_pieces("a\ud83d", "\ude00b") == "a\U0001f600b"


def test_a_half_alone_is_replaced() -> None:
    """At the end, at the start, and in the midst."""
    assert in_pieces("a\ud83d", "b", "\ude00", "c\ud83d") == "a\ufffdb\ufffdc\ufffd"


@given(st.lists(EVERYTHING, max_size=6))
def test_any_text_can_be_written_down(pieces: list[str]) -> None:
    """And comes out the same wherever it was cut."""
    text = in_pieces(*pieces)

    text.encode()
    assert text == clean("".join(pieces))

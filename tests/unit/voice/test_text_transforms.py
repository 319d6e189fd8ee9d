"""What is taken out of a text before it is spoken."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.errors import SessionError
from agentd.testing.virtual_time import run_virtual
from agentd.voice.text_transforms import (
    DEFAULT_TRANSFORMS,
    LONGEST_WAIT,
    TextTransform,
    apply_transforms,
    replace,
)


def pieces_of(*pieces: str, transforms: tuple[TextTransform, ...]) -> list[str]:
    """What comes out, piece by piece."""

    async def write() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    async def read() -> list[str]:
        return [piece async for piece in apply_transforms(write(), transforms)]

    return run_virtual(read())


def spoken(*pieces: str, transforms: tuple[TextTransform, ...] = DEFAULT_TRANSFORMS) -> str:
    """What is left of a text."""
    return "".join(pieces_of(*pieces, transforms=transforms))


MARKDOWN = [
    ("# A title\nand text", "A title\nand text"),
    ("- one\n* two\n+ three", "one\ntwo\nthree"),
    ("> quoted\n> twice", "quoted\ntwice"),
    ("**bold** and *soft*, __strong__ and _slanted_", "bold and soft, strong and slanted"),
    ("**all of it**", "all of it"),
    ("a ~~wrong~~ right word", "a wrong right word"),
    ("call `run()` now", "call run() now"),
    ("```python\nx = 1\n```\ndone", "x = 1\ndone"),
    ("see [the page](https://example.org/a_b) please", "see the page please"),
    ("![a cat](cat.png) sits", "a cat sits"),
    ("before\n---\nafter", "before\nafter"),
    ("2 * 3 * 4 and 2*3*4", "2 * 3 * 4 and 2*3*4"),
    ("snake_case_name stays", "snake_case_name stays"),
    ("a [bracket] stays", "a [bracket] stays"),
    ("1. first\n2. second", "1. first\n2. second"),
    ("- 5 degrees", "5 degrees"),
    ("-5 degrees", "-5 degrees"),
    ("#hashtag", "#hashtag"),
    ("an open *star", "an open *star"),
    ("really! yes", "really! yes"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("written", "said"), MARKDOWN)
def test_markdown_is_not_read_out(written: str, said: str) -> None:
    """Marks go, words stay, and what only looks like a mark stays too."""
    assert spoken(written) == said


@pytest.mark.parametrize(("written", "said"), MARKDOWN)
def test_markdown_is_seen_letter_by_letter(written: str, said: str) -> None:
    """However the text is cut, as by a model that writes it."""
    assert spoken(*written) == said


def test_text_without_marks_is_not_held_back() -> None:
    """Each piece comes out at once: the voice waits for it."""
    assert pieces_of("Hello ", "there, ", "friend", transforms=DEFAULT_TRANSFORMS) == [
        "Hello ",
        "there, ",
        "friend",
    ]


def test_text_after_a_closed_mark_is_not_held_back() -> None:
    """Only the bold word had to wait."""
    assert pieces_of("**Hello", "** you", " there", transforms=DEFAULT_TRANSFORMS) == [
        "Hello you",
        " there",
    ]


def test_a_mark_that_is_never_closed_does_not_hold_the_text_for_ever() -> None:
    """After some words it is no mark."""
    text = "an *open star " + "and more " * 20

    first = pieces_of(text, "end", transforms=DEFAULT_TRANSFORMS)[0]

    assert len(first) > LONGEST_WAIT


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("well done \U0001f44d\U0001f3fd!", "well done !"),
        ("family \U0001f468\u200d\U0001f469\u200d\U0001f467", "family "),
        ("\u2705 ready \u2b50", " ready "),
        ("caf\u00e9 \u65e5 \u201cok\u201d", "caf\u00e9 \u65e5 \u201cok\u201d"),
    ],
)  # fmt: skip
def test_emoji_are_not_read_out(written: str, said: str) -> None:
    """Letters of all scripts, signs and quotes stay."""
    assert spoken(written, transforms=("filter_emoji",)) == said


def test_words_are_replaced_as_whole_words() -> None:
    """In any case unless told otherwise, also where a piece ends in one."""
    transform = replace({"livekit": "<<l>>", "SQL": "sequel", "C++": "C plus plus"})

    said = spoken("Live", "Kit and MySQL and s", "ql in C+", "+.", transforms=(transform,))

    assert said == "<<l>> and MySQL and sequel in C plus plus."


def test_case_counts_if_it_is_to() -> None:
    """A name is not a word."""
    transform = replace({"Will": "William"}, case_sensitive=True)

    assert spoken("Will will.", transforms=(transform,)) == "William will."


def test_phrases_are_replaced_wherever_the_text_is_cut() -> None:
    """The longest of those that fit."""
    transform = replace({"new york": "NY", "new york city": "NYC"})

    assert spoken(*"I love new york city and new york.", transforms=(transform,)) == (
        "I love NYC and NY."
    )


def test_replacing_nothing_changes_nothing() -> None:
    """An empty table is no error."""
    assert spoken("as it is", transforms=(replace({}),)) == "as it is"


def test_a_function_of_the_users_is_a_transform() -> None:
    """It stands where it was put among the others."""

    async def shout(text: AsyncIterator[str]) -> AsyncIterator[str]:
        async for piece in text:
            yield piece.upper()

    assert spoken("so *quiet*", transforms=("filter_markdown", shout)) == "SO QUIET"  # type: ignore[arg-type]


def test_an_unknown_transform_is_named() -> None:
    """And those that there are."""
    with pytest.raises(SessionError, match="'filter_html', only filter_markdown"):
        spoken("x", transforms=("filter_html",))  # type: ignore[arg-type]


@given(st.text(alphabet="ab *_`~[]()!#>-\n", max_size=40), st.data())
def test_no_cut_changes_what_is_spoken(text: str, data: st.DataObject) -> None:
    """Nothing is added, and no letter is lost, wherever the pieces end."""
    cut = data.draw(st.integers(0, len(text)))

    said = spoken(text[:cut], text[cut:])

    assert len(said) <= len(text)
    assert [letter for letter in said if letter in "ab"] == [
        letter for letter in spoken(text) if letter in "ab"
    ]

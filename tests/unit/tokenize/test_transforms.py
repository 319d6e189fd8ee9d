"""Tests of agentd.tokenize.transforms, and of the filters under them."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.tokenize.emoji import EmojiFilter
from agentd.tokenize.markdown import MAX_HELD, MarkdownFilter
from agentd.tokenize.replacing import Replacer
from agentd.tokenize.transforms import (
    PieceTransform,
    apply_text_transforms,
    filter_emoji,
    filter_markdown,
    replace,
)


def through(transform: PieceTransform, text: str, size: int = 1 << 20) -> str:
    """A text that goes through in pieces."""
    pieces = (text[start : start + size] for start in range(0, len(text), size))
    return "".join(map(transform.push, pieces)) + transform.flush()


MARKDOWN = [
    ("# Title\n## Sub\ntext", "Title\nSub\ntext"),
    ("#hashtag and C#", "#hashtag and C#"),
    ("**bold** *it* __b__ _i_ ***both***", "bold it b i both"),
    ("**a *b* c** and **Note:** this", "a b c and Note: this"),
    ("snake_case_name 2*3 5 * 6 it's 5*", "snake_case_name 2*3 5 * 6 it's 5*"),
    ("- one\n* two\n  + three\n> quote\n1. four", "one\ntwo\nthree\nquote\n1. four"),
    ("above\n---\nbelow\n***\nend", "above\n\nbelow\n\nend"),
    ("see [the docs](https://a.b/c_d) now", "see the docs now"),
    ("see ![a cat](x.png) now", "see a cat now"),
    ("[**bold** link](u) [1] [no link] (x)", "bold link [1] [no link] (x)"),
    ("use `a*b_c` now", "use a*b_c now"),
    ("```python\na = b*c*d\n# no heading\n```\nend", "\na = b*c*d\n# no heading\n\nend"),
    ("~~gone~~ kept ~5 ~~open", " kept ~5 ~~open"),
    ("**never closed\n*nor this", "never closed\nnor this"),
    ("Hello! Wow!", "Hello! Wow!"),
    ("*", "*"), ("**", "**"), ("[", "["), ("!", "!"), ("~", "~"), ("![a", "![a"), ("", ""),
    ("[x](http://foo bar", "x bar"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MARKDOWN)
def test_markdown_is_read_as_what_it_says(text: str, said: str) -> None:
    """What only looks like a mark stays."""
    assert through(MarkdownFilter(), text) == said


@settings(deadline=None)
@given(st.text("ab *_`~[]()!#->\n1", max_size=40), st.integers(1, 5))
def test_markdown_may_be_cut_anywhere(text: str, size: int) -> None:
    """In the middle of a mark too."""
    assert through(MarkdownFilter(), text, size) == through(MarkdownFilter(), text)


def test_emphasis_is_not_waited_for() -> None:
    """A long bold passage is spoken while it is written."""
    markdown = MarkdownFilter()

    assert markdown.push("This is **very important") == "This is very important"


@pytest.mark.parametrize("mark", ["[", "~~", "!["])
def test_what_is_held_back_is_bounded(mark: str) -> None:
    """A bracket that is never closed is taken as it stands."""
    markdown = MarkdownFilter()
    held = markdown.push(mark + "x")

    assert held == ""
    assert markdown.push("y" * MAX_HELD) == mark + "x" + "y" * MAX_HELD


def test_a_flush_begins_a_new_text() -> None:
    """An open bracket or code does not reach into it."""
    markdown = MarkdownFilter()

    assert through(markdown, "`open *code") == "open *code"
    assert through(markdown, "# Title *it*") == "Title it"


EMOJI = [
    ("Hi 👋🏽 there", "Hi  there"),
    ("family 👨‍👩‍👧‍👦!", "family !"),
    ("flag 🇩🇪 and 1️⃣ ❤️ ✅", "flag  and 1  "),
    ("5 → 6 © ™ € ° “quoted” 你好 नमस्ते क्‍ष", "5 → 6 © ™ € ° “quoted” 你好 नमस्ते क्‍ष"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "said"), EMOJI)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_emoji_are_left_out(text: str, said: str, size: int) -> None:
    """With all their parts, wherever they are cut; letters and signs stay."""
    assert through(EmojiFilter(), text, size) == said


REPLACED = [
    ({"k8s": "kube"}, "K8s and k8s, not k8sx or xk8s", "kube and kube, not k8sx or xk8s"),
    ({"art": "ART"}, "start art. Art", "start ART. ART"),
    ({"New York": "NY", "New": "Old"}, "New York is new, New Yorkers", "NY is Old, Old Yorkers"),
    ({"&": " and "}, "a&b", "a and b"),
    ({"你好": "hello"}, "说你好吗", "说hello吗"),
    ({"a": "b", "b": "a"}, "a b a", "b a b"),
    ({"s": "x"}, "ſ s", "ſ x"),
    ({}, "as it is", "as it is"),
]  # fmt: skip


@pytest.mark.parametrize(("replacements", "text", "said"), REPLACED)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_words_are_replaced(replacements: dict[str, str], text: str, said: str, size: int) -> None:
    """Whole words, the longest first, each once, wherever the text is cut."""
    assert through(Replacer(replacements), text, size) == said


def test_case_may_matter() -> None:
    """Where it is asked for."""
    assert through(Replacer({"US": "United States"}, case_sensitive=True), "US us") == (
        "United States us"
    )


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("ab c", min_size=1, max_size=4), st.text("xyz", max_size=3), max_size=4
    ),
    st.text("abc ", max_size=30),
    st.integers(1, 4),
)
def test_replacing_may_be_cut_anywhere(replacements: dict[str, str], text: str, size: int) -> None:
    """Also where one word begins with the end of another."""
    whole = through(Replacer(replacements), text)

    assert through(Replacer(replacements), text, size) == whole


def test_only_what_may_be_replaced_is_held_back() -> None:
    """The rest is spoken at once."""
    replacer = Replacer({"k8s": "kubernetes"})

    assert [replacer.push(piece) for piece in ("run k", "9 or k8s", " x")] == [
        "run ",
        "k9 or ",
        "kubernetes x",
    ]


def test_nothing_can_not_be_replaced() -> None:
    """It is everywhere. It is said when the transform is made."""
    with pytest.raises(ValueError, match="an empty text can't be replaced"):
        replace({"": "x"})


async def written(*pieces: str) -> AsyncIterator[str]:
    """A text that comes in pieces."""
    for piece in pieces:
        yield piece


async def collected(text: AsyncIterable[str]) -> str:
    """All of it."""
    return "".join([piece async for piece in text])


async def test_transforms_are_applied_in_their_order() -> None:
    """By name, ready made, or the user's own."""

    async def louder(text: AsyncIterable[str]) -> AsyncIterator[str]:
        async for piece in text:
            yield piece.upper()

    text = apply_text_transforms(
        written("**Run", " k8", "s** 🚀!"),
        ["filter_markdown", "filter_emoji", replace({"k8s": "kubernetes"}), louder],
    )

    assert await collected(text) == "RUN KUBERNETES !"


async def test_one_transform_serves_many_texts() -> None:
    """What one text holds back does not come out in another."""
    transform = replace({"ab": "x"})
    first, second = transform(written("a", "b")), transform(written("a"))

    assert await collected(second) == "a"
    assert await collected(first) == "x"


async def test_the_named_filters_work_on_streams() -> None:
    """As users of livekit-agents call them."""
    assert await collected(filter_markdown(written("*", "a", "*"))) == "a"
    assert await collected(filter_emoji(written("a", "👋"))) == "a"


async def test_an_unknown_name_is_refused() -> None:
    """The error has those that there are."""
    with pytest.raises(ValueError, match="no text transform 'filter_html', only 'filter_mark"):
        apply_text_transforms(written("a"), ["filter_html"])  # type: ignore[list-item]

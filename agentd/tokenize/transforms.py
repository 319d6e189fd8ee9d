"""Texts rewritten on their way to a voice, piece by piece.

A transform is any function from one stream of text to another, as an async generator is;
`filter_markdown`, `filter_emoji` and what `replace` returns are such, and work wherever the pieces
are cut.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from .emoji import EmojiFilter
from .markdown import MarkdownFilter
from .replacing import Replacer

TextTransform: TypeAlias = Callable[[AsyncIterable[str]], AsyncIterable[str]]
TransformName = Literal["filter_markdown", "filter_emoji"]


class PieceTransform(Protocol):
    """The pure part: pieces in, pieces out."""

    def push(self, text: str) -> str: ...
    def flush(self) -> str: ...


async def filter_markdown(text: AsyncIterable[str]) -> AsyncIterator[str]:
    """The words without the marks of Markdown."""
    async for piece in _through(MarkdownFilter(), text):
        yield piece


async def filter_emoji(text: AsyncIterable[str]) -> AsyncIterator[str]:
    """The text without emoji."""
    async for piece in _through(EmojiFilter(), text):
        yield piece


def replace(replacements: Mapping[str, str], *, case_sensitive: bool = False) -> TextTransform:
    """A transform that puts other words for some; raises ValueError for an empty one."""
    Replacer(replacements, case_sensitive=case_sensitive)  # what is wrong is said here

    async def transform(text: AsyncIterable[str]) -> AsyncIterator[str]:
        # One each time: a transform is used for many texts, some of them at once.
        async for piece in _through(Replacer(replacements, case_sensitive=case_sensitive), text):
            yield piece

    return transform


def apply_text_transforms(
    text: AsyncIterable[str], transforms: Sequence[TransformName | TextTransform]
) -> AsyncIterable[str]:
    """A text through transforms, the first one first; raises ValueError for an unknown name."""
    for transform in transforms:
        if isinstance(transform, str):
            if transform not in NAMED:
                names = "', '".join(NAMED)
                raise ValueError(f"there is no text transform '{transform}', only '{names}'")
            text = NAMED[transform](text)
        else:
            text = transform(text)
    return text


NAMED: dict[str, TextTransform] = {
    "filter_markdown": filter_markdown,
    "filter_emoji": filter_emoji,
}


async def _through(transform: PieceTransform, text: AsyncIterable[str]) -> AsyncIterator[str]:
    async for piece in text:
        if changed := transform.push(piece):
            yield changed
    if rest := transform.flush():
        yield rest

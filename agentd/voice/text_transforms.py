"""What is taken out of a text before it is spoken: markdown, emoji, and words of one's own.

A transform is a name (`filter_markdown`, `filter_emoji`), what `replace` returns, or any function
from an async iterator of text to another. All of them work on text that is still being written: a
piece may end anywhere, and what can't be judged yet waits for the next one.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from agentd.errors import SessionError

TransformFunction: TypeAlias = Callable[[AsyncIterable[str]], AsyncIterable[str]]
TextTransform: TypeAlias = Literal["filter_markdown", "filter_emoji"] | TransformFunction

DEFAULT_TRANSFORMS: tuple[TextTransform, ...] = ("filter_markdown", "filter_emoji")

LONGEST_WAIT = 80
"""Characters that are held back at most, for a mark that may yet be closed."""


def apply_transforms(
    text: AsyncIterable[str], transforms: Sequence[TextTransform]
) -> AsyncIterable[str]:
    """The text after all of them, in their order. Raises SessionError for an unknown name."""
    for transform in transforms:
        text = _function(transform)(text)
    return text


def filter_markdown(text: AsyncIterable[str]) -> AsyncIterator[str]:
    """Without headings' marks, bullets, emphasis, code fences and quotes; of links the words."""
    return _through(text, _Markdown())


def filter_emoji(text: AsyncIterable[str]) -> AsyncIterator[str]:
    """Without emoji and what joins and colours them."""
    return _through(text, _Emoji())


def replace(replacements: Mapping[str, str], *, case_sensitive: bool = False) -> TransformFunction:
    """A transform that replaces words and phrases, as they stand.

    A phrase that begins or ends with a letter or digit is replaced as a whole word only.
    """
    words = {key: value for key, value in replacements.items() if key}

    def transform(text: AsyncIterable[str]) -> AsyncIterator[str]:
        return _through(text, _Replace(words, case_sensitive))

    return transform


class _Filter(Protocol):
    """Text goes in piece by piece, and comes out as soon as it can be judged."""

    def push(self, piece: str) -> str: ...

    def finish(self) -> str: ...


async def _through(text: AsyncIterable[str], filter: _Filter) -> AsyncIterator[str]:
    async for piece in text:
        if judged := filter.push(piece):
            yield judged
    if rest := filter.finish():
        yield rest


def _function(transform: TextTransform) -> TransformFunction:
    if callable(transform):
        return transform
    known: dict[str, TransformFunction] = {
        "filter_markdown": filter_markdown,
        "filter_emoji": filter_emoji,
    }
    if transform not in known:
        raise SessionError(f"there is no text transform '{transform}', only {', '.join(known)}")
    return known[transform]


# -- markdown --------------------------------------------------------------------------

_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_RULE = re.compile(r"[ \t]*(?:-{3,}|\*{3,}|_{3,})[ \t]*$")
_LINE_MARK = re.compile(r"[ \t]*(?:#{1,6}[ \t]+|(?:>[ \t]?)+|[-*+][ \t]+)")
_MAYBE_LINE_MARK = re.compile(r"[ \t]*(?:#{0,6}|[>*+~`_-]*)[ \t]*")

_INLINE = (
    (re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)"), r"\1"),
    (re.compile(r"`+([^`\n]+)`+"), r"\1"),
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*"), r"\1"),
    (re.compile(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)"), r"\1"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)_(?=[^\s_])([^_\n]*?)(?<=\S)_(?!\w)"), r"\1"),
)
# Openers without their end, and what may become one with the next piece.
_OPEN = re.compile(r"!?\[|`|\*\*(?=\S)|~~(?=\S)|(?<![\w*])\*(?=[^\s*])|(?<!\w)_+(?=\S)|[!*_~]+$")


class _Markdown:
    """Whole lines at once, of the last one what has no open mark in it."""

    def __init__(self) -> None:
        self._held = ""
        self._at_line_start = True
        self._before = ""
        """The letter or digit before what is held: `2*3` has no emphasis in it."""

    def push(self, piece: str) -> str:
        *lines, self._held = (self._held + piece).split("\n")
        judged = ""
        for line in lines:
            judged += self._whole_line(line)
        return judged + self._line_so_far()

    def finish(self) -> str:
        line, self._held = self._held, ""
        return self._whole_line(line).removesuffix("\n")

    def _whole_line(self, line: str) -> str:
        at_start, self._at_line_start = self._at_line_start, True
        before, self._before = self._before, ""
        if at_start and (_FENCE.match(line) or _RULE.match(line)):
            return ""
        line = _LINE_MARK.sub("", line, count=1) if at_start else line
        return _inline(before + line).removeprefix(before) + "\n"

    def _line_so_far(self) -> str:
        if self._at_line_start:
            if _MAYBE_LINE_MARK.fullmatch(self._held) or _FENCE.match(self._held):
                return ""
            found = _LINE_MARK.match(self._held)
            self._held = self._held[found.end() :] if found else self._held
            self._at_line_start = False
        text = _inline(self._before + self._held).removeprefix(self._before)
        opened = _OPEN.search(self._before + text)
        cut = opened.start() - len(self._before) if opened else len(text)
        if len(text) - cut > LONGEST_WAIT:
            cut = len(text)
        self._held = text[cut:]
        if cut:
            self._before = text[cut - 1] if text[cut - 1].isalnum() else ""
        return text[:cut]


def _inline(line: str) -> str:
    for pattern, words in _INLINE:
        line = pattern.sub(words, line)
    return line


# -- emoji -----------------------------------------------------------------------------

_EMOJI = re.compile(
    "["
    "\U0001f000-\U0001faff"  # pictographs, flags, skin tones
    "\u2600-\u27bf"  # symbols, dingbats
    "\u2b00-\u2bff"  # arrows and stars
    "\u2300-\u23ff"  # watches and keys
    "\ufe0e\ufe0f\u200d\u20e3"  # variation, joiner, keycap
    "\U000e0020-\U000e007f"  # tags of flags
    "]"
)


class _Emoji:
    def push(self, piece: str) -> str:
        return _EMOJI.sub("", piece)

    def finish(self) -> str:
        return ""


# -- words -----------------------------------------------------------------------------


class _Replace:
    """Cuts at spaces, and never in the midst of a phrase."""

    def __init__(self, words: Mapping[str, str], case_sensitive: bool) -> None:
        longest_first = sorted(words, key=len, reverse=True)
        flags = re.NOFLAG if case_sensitive else re.IGNORECASE
        # Without words the pattern is one that matches nothing.
        self._pattern = re.compile("|".join(map(_whole, longest_first)) or r"(?!)", flags)
        self._key = str if case_sensitive else str.casefold
        self._words = {self._key(word): to for word, to in words.items()}
        self._reach = max(map(len, longest_first), default=0)
        self._held = ""

    def push(self, piece: str) -> str:
        self._held += piece
        cut = self._held.rfind(" ", 0, max(0, len(self._held) - self._reach)) + 1
        for found in self._pattern.finditer(self._held):
            if found.start() < cut < found.end():
                cut = found.start()
        judged, self._held = self._swapped(self._held[:cut]), self._held[cut:]
        return judged

    def finish(self) -> str:
        rest, self._held = self._held, ""
        return self._swapped(rest)

    def _swapped(self, text: str) -> str:
        return self._pattern.sub(lambda found: self._words[self._key(found[0])], text)


def _whole(phrase: str) -> str:
    before = r"(?<!\w)" if phrase[:1].isalnum() else ""
    after = r"(?!\w)" if phrase[-1:].isalnum() else ""
    return f"{before}{re.escape(phrase)}{after}"

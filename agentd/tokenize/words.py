"""Words of a text, also while it is being written, and their syllables."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from .base import TokenData, TokenStream
from .base import WordTokenizer as BaseWordTokenizer

WIDE = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Characters of scripts that are written without blanks."""

WORD = re.compile(r"\S+")
WORD_OR_CHARACTER = re.compile(rf"[{WIDE}]|[^\s{WIDE}]+")

MAX_WORD = 200
"""Characters: a longer one, which no language has, is cut."""


class WordTokenizer(BaseWordTokenizer):
    """Cuts at blanks.

    `ignore_punctuation` leaves out the marks at both ends of a word, and words of nothing else;
    `split_character` makes each character of Chinese, Japanese and Korean a word of its own.
    `retain_format` keeps the blanks before a word, so that all pieces together are the text.
    """

    def __init__(
        self,
        *,
        ignore_punctuation: bool = True,
        split_character: bool = False,
        retain_format: bool = False,
    ) -> None:
        self._ignore_punctuation = ignore_punctuation and not retain_format
        self._split_character = split_character
        self._retain_format = retain_format

    def stream(self) -> WordStream:
        """See Tokenizer."""
        return WordStream(
            split_character=self._split_character,
            ignore_punctuation=self._ignore_punctuation,
            retain_format=self._retain_format,
        )


class WordStream(TokenStream):
    """Gives a word when the blank after it has come."""

    def __init__(
        self, *, split_character: bool, ignore_punctuation: bool, retain_format: bool
    ) -> None:
        self._pattern = WORD_OR_CHARACTER if split_character else WORD
        self._ignore_punctuation = ignore_punctuation
        self._retain_format = retain_format
        self._text = ""
        self._place = 0
        self._segment = 1

    def push_text(self, text: str) -> list[TokenData]:
        """See TokenStream."""
        self._text += text
        return self._cut(complete=False)

    def flush(self) -> list[TokenData]:
        """See TokenStream."""
        tokens = self._cut(complete=True)
        if self._retain_format and self._text:
            tokens.append(self._token(0, len(self._text)))
        self._place += len(self._text)
        self._text = ""
        self._segment += 1
        return tokens

    def _cut(self, *, complete: bool) -> list[TokenData]:
        tokens: list[TokenData] = []
        done = 0
        for match in self._pattern.finditer(self._text):
            is_open = match.end() == len(self._text) and not self._is_whole(match[0])
            if is_open and not complete and len(match[0]) < MAX_WORD:
                break
            tokens += self._word(done, match)
            done = match.end()
        self._text = self._text[done:]
        self._place += done
        return tokens

    def _is_whole(self, word: str) -> bool:
        """Whether nothing that follows can belong to it: a character that is a word."""
        return self._pattern is WORD_OR_CHARACTER and re.match(f"[{WIDE}]", word) is not None

    def _word(self, done: int, match: re.Match[str]) -> list[TokenData]:
        start, end = (done, match.end()) if self._retain_format else match.span()
        if self._ignore_punctuation:
            while start < end and not self._text[start].isalnum():
                start += 1
            while start < end and not self._text[end - 1].isalnum():
                end -= 1
        return [self._token(start, end)] if start < end else []

    def _token(self, start: int, end: int) -> TokenData:
        return TokenData(
            token=self._text[start:end],
            start=self._place + start,
            end=self._place + end,
            segment_id=str(self._segment),
        )


# -- syllables ---------------------------------------------------------------------

VOWELS = frozenset("aeiouyаеёиоуыэюяєіїαεηιουω")
DIGRAPHS = re.compile("(?:[cgpstw]h|ck|ng|qu|[bcdfgpt]r|[bcfgps]l|s[tp])$")
"""Consonants that begin a syllable together."""
SILENT_END = re.compile(r"(?<=[^aeiouy])(?:e|es|ed)$")
SPOKEN_END = re.compile(r"(?:[^aeiouy]le|[td]ed|(?:[cgsxz]|[cs]h)es)$")
"""Ends that look silent and are not: table, wanted, boxes."""
CONTRACTION = re.compile(r"['’](?:re|ve)\b")
SPOKEN = re.compile(rf"[{WIDE}]|\d|[^\W\d{WIDE}](?:['’]?[^\W\d{WIDE}])*")
"""What is counted: a word, or a digit or wide character by itself."""


def hyphenate_word(word: str) -> list[str]:
    """A word in syllables, by rules that fit English and do for other alphabets.

    Good for how long a word is spoken, not for how it is divided at the end of a line.
    """
    groups = _vowel_groups(word)
    if len(groups) < 2:
        return [word] if word else []
    borders = [_border(word, left, right) for (_, left), (right, _) in pairwise(groups)]
    places = [0, *borders, len(word)]
    return [word[start:end] for start, end in pairwise(places)]


@lru_cache(maxsize=4096)
def count_syllables(text: str) -> int:
    """Syllables of some text; a digit has one, and a character of CJK."""
    words = SPOKEN.findall(CONTRACTION.sub("", text))
    return sum(max(1, len(_vowel_groups(word))) for word in words)


def _vowel_groups(word: str) -> list[tuple[int, int]]:
    """Where the sounded groups of vowels stand."""
    plain = "".join(unicodedata.normalize("NFD", character)[0] for character in word.lower())
    groups: list[tuple[int, int]] = []
    for place, letter in enumerate(plain):
        if letter not in VOWELS or (letter == "y" and place == 0):
            continue
        if groups and groups[-1][1] == place:
            groups[-1] = (groups[-1][0], place + 1)
        else:
            groups.append((place, place + 1))
    if len(groups) > 1 and SILENT_END.search(plain) and not SPOKEN_END.search(plain):
        groups.pop()
    return groups


def _border(word: str, left: int, right: int) -> int:
    """Where the consonants between two groups of vowels are divided."""
    consonants = word[left:right].lower()
    onset = 2 if DIGRAPHS.search(consonants) else 1
    return right - min(onset, len(consonants))

"""Words: what says the same, how many there are, and which are only a sign of listening."""

from __future__ import annotations

import unicodedata

BACKCHANNELS = frozenset(
    {
        "ah", "aha", "all right", "alright", "cool", "go on", "got it", "great", "hm", "hmm",
        "huh", "i see", "m", "mhm", "mm", "mm hm", "mm hmm", "mmhm", "mmhmm", "mmm", "oh", "oh ok",
        "oh okay", "ok", "okay", "right", "sure", "uh", "uh huh", "uhhuh", "uh hum", "um", "yeah",
        "yep", "yup",
    }
)  # fmt: skip
"""English, as STTs write it. Not `yes`, `no`, `wait` or `stop`: those mean the agent."""

LONGEST = 3
"""Words that a backchannel of a user's own list may have."""


class _Kept(dict[int, str | None]):
    """What becomes of each letter, found out once: this runs on every interim text."""

    def __missing__(self, code: int) -> str | None:
        kept = chr(code) if unicodedata.category(chr(code))[0] in "LMNS" else " "
        self[code] = kept
        return kept


# an apostrophe joins: "that's" is one word
_KEPT = _Kept(dict.fromkeys((0x27, 0x2019, 0x02BC)))


def normalise(text: str) -> str:
    """The text without what STTs write one way and then another: case, marks, spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_KEPT).split())


def same_text(one: str, other: str) -> bool:
    """Whether two transcripts say the same."""
    return one == other or normalise(one) == normalise(other)


def count_words(text: str) -> int:
    """Words, with letters of scripts that write no spaces counted singly."""
    return sum(_letters(word) if _unspaced(word[0]) else 1 for word in normalise(text).split())


def is_backchannel(text: str, backchannels: frozenset[str]) -> bool:
    """Whether the text is nothing but signs of listening, one or several ("okay, uh-huh")."""
    words = normalise(text).split()
    at = 0
    while at < len(words):
        for length in range(min(LONGEST, len(words) - at), 0, -1):
            if " ".join(words[at : at + length]) in backchannels:
                at += length
                break
        else:
            return False
    return bool(words)


def _unspaced(letter: str) -> bool:
    return any(first <= letter <= last for first, last in _UNSPACED)


_UNSPACED = (("\u0e00", "\u0eff"), ("\u1780", "\u17ff"), ("\u3040", "\u9fff"))
"""Thai and Lao, Khmer, kana and Han: a run of their letters is a sentence, not a word."""


def _letters(word: str) -> int:
    return sum(unicodedata.category(letter)[0] == "L" for letter in word)

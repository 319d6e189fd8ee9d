"""Which words of a text have been heard at a position of its audio. Pure.

Words are dealt out over the audio by their syllables. Where the model tells the words' times,
those are used; where text and audio are both complete, so is the rate; before that it is what this
voice has spoken at so far. Every text comes out unchanged, spaces and all.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from agentd.tokenize.words import count_syllables
from agentd.tts.events import TimedText

SYLLABLES_PER_SECOND = 3.83
"""Of a voice that has not been measured yet; livekit-agents' figure."""

WEIGHT_OF_PAST = 0.5
"""Of the rate so far, when another stretch of speech was measured."""

SENTENCE_PAUSE = 1.0
"""Syllables that the pause after a sentence lasts."""

TOLERANCE = 1e-6
"""Sums of floats are compared with it: seconds, far below any word."""

# Scripts without spaces between words (kana, Han, Thai and its neighbours): a letter is a word.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u9fff"
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)\s*")
_SENTENCE_ENDS = (".", "!", "?", "…", "\u3002", "\uff01", "\uff1f")

MAX_WORD = 100
"""Characters after which a word counts as one: a model that has gone astray writes dots without
end, and all of them would be looked at anew with each piece."""


class SpeakingRate:
    """How fast a voice speaks, over all that it has said."""

    def __init__(self) -> None:
        self.syllables_per_second = SYLLABLES_PER_SECOND

    def measure(self, syllables: float, seconds: float) -> None:
        """It has taken so long for so many; too little to tell anything is left out."""
        if seconds < 0.5 or syllables < 2:
            return
        past = WEIGHT_OF_PAST * self.syllables_per_second
        self.syllables_per_second = past + (1 - WEIGHT_OF_PAST) * syllables / seconds


class SpokenText:
    """The text of one stretch of speech, and how far its audio has come."""

    def __init__(self, rate: SpeakingRate) -> None:
        self._rate = rate
        self._words: list[str] = []
        self._sums: list[float] = []
        """For each word the syllables up to its end."""
        self._ends: list[float] | None = None
        """For each word the second at which it ends, where the model tells."""
        self._rest = ""
        self._text_complete = False
        self._audio = 0.0
        self._audio_complete = False

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._words) + self._rest

    @property
    def audio_duration(self) -> float:
        """Seconds of it so far."""
        return self._audio

    @property
    def word_count(self) -> int:
        """How many words there are so far."""
        return len(self._words)

    @property
    def text_complete(self) -> bool:
        """Whether no more text comes."""
        return self._text_complete

    def push_text(self, text: str) -> None:
        """The next piece, cut anywhere."""
        pieces = _WORD.findall(self._rest + text)
        if not pieces:
            self._rest += text
            return
        # The last word may go on in the next piece, unless a space ends it.
        ended = pieces[-1][-1].isspace() or len(pieces[-1]) > MAX_WORD
        self._rest = "" if ended else pieces.pop()
        for piece in pieces:
            self._add(piece)

    def push_timed(self, words: list[TimedText]) -> None:
        """The next words and their times, for a text that is made of nothing else."""
        self._ends = self._ends or []
        for word in words:
            joined = not self._words or self._words[-1][-1:].isspace() or word.text[:1].isspace()
            self._add(word.text if joined else f" {word.text}")
            self._ends.append(word.end_time)

    def end_text(self) -> None:
        """No more text comes."""
        if self._rest:
            self._add(self._rest)
            self._rest = ""
        self._text_complete = True
        self._measure()

    def push_audio(self, seconds: float) -> None:
        """So much more of it was made to speech."""
        self._audio += seconds

    def end_audio(self) -> None:
        """No more audio comes."""
        self._audio_complete = True
        self._measure()

    def heard_at(self, position: float) -> str:
        """What was spoken to its end at a position, in seconds of its audio."""
        if self._ends is not None:
            return "".join(self._words[: bisect_right(self._ends, position + TOLERANCE)])
        return "".join(self._words[: self._ended(position)])

    def begun_at(self, position: float) -> int:
        """How many words were begun at a position."""
        if self._ends is not None:
            return min(len(self._words), bisect_right(self._ends, position + TOLERANCE) + 1)
        return min(len(self._words), self._ended(position) + 1)

    def words(self, start: int, end: int) -> str:
        """Some of the words."""
        return "".join(self._words[start:end])

    def ends_sentence_between(self, start: int, end: int) -> bool:
        """Whether one of some words ends a sentence."""
        return any(ends_sentence(word) for word in self._words[max(0, start) : max(0, end)])

    def begins_at(self, word: int) -> float | None:
        """The position at which a word begins; None where it is not known yet."""
        if word >= len(self._words):
            return None
        if word == 0:
            return 0.0
        return self._ends[word - 1] if self._ends is not None else self._sums[word - 1] / self._pace

    def _ended(self, position: float) -> int:
        return bisect_right(self._sums, (position + TOLERANCE) * self._pace)

    @property
    def _pace(self) -> float:
        if self._text_complete and self._audio_complete and self._audio > 0 and self._sums:
            return max(self._sums[-1], TOLERANCE) / self._audio
        return self._rate.syllables_per_second

    def _add(self, word: str) -> None:
        self._words.append(word)
        before = self._sums[-1] if self._sums else 0.0
        self._sums.append(before + syllables_of(word))

    def _measure(self) -> None:
        if self._text_complete and self._audio_complete and self._sums:
            self._rate.measure(self._sums[-1], self._audio)


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends with this text."""
    return text.rstrip().endswith(_SENTENCE_ENDS)


def syllables_of(word: str) -> float:
    """How long a word is spoken, the pause after a sentence included."""
    return count_syllables(word) + (SENTENCE_PAUSE if ends_sentence(word) else 0.0)

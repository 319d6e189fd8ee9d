"""Which words of a text have been heard at a position of its audio. Pure.

Words are dealt out over the audio by their syllables. Where the model tells the words' times,
those are used; where text and audio are both complete, so is the rate; before that it is what this
voice has spoken at so far. Every text comes out unchanged, spaces and all.
"""

from __future__ import annotations

import re
import unicodedata

from agentd.tts.events import TimedText

SYLLABLES_PER_SECOND = 3.83
"""Of a voice that has not been measured yet; livekit-agents' figure."""

WEIGHT_OF_PAST = 0.5
"""Of the rate so far, when another stretch of speech was measured."""

_WORD = re.compile(r"\s*\S+\s*")
_VOWELS = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿœ]+", re.IGNORECASE)
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？")
SENTENCE_PAUSE = 1.0
"""Syllables that the pause after a sentence lasts."""


class SpeakingRate:
    """How fast a voice speaks, over all that it has said."""

    def __init__(self) -> None:
        self.syllables_per_second = SYLLABLES_PER_SECOND

    def measure(self, syllables: float, seconds: float) -> None:
        """It has taken so long for so many; too little to tell is left out."""
        if seconds < 0.5 or syllables < 2:
            return
        measured = syllables / seconds
        past = WEIGHT_OF_PAST * self.syllables_per_second
        self.syllables_per_second = past + (1 - WEIGHT_OF_PAST) * measured


class Word:
    """A word with the spaces around it."""

    __slots__ = ("syllables", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.syllables = count_syllables(text)


class SpokenText:
    """The text of one stretch of speech, and how far its audio has come."""

    def __init__(self, rate: SpeakingRate, *, speed: float = 1.0) -> None:
        """`speed` over 1 lets the text run ahead of the audio."""
        self._rate = rate
        self._speed = speed
        self._words: list[Word] = []
        self._rest = ""
        self._text_complete = False
        self._audio = 0.0
        self._audio_complete = False
        self._ends: list[float] | None = None
        """Instants at which words end, where the model tells them."""

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(word.text for word in self._words) + self._rest

    @property
    def audio_duration(self) -> float:
        """Seconds of it so far."""
        return self._audio

    def push_text(self, text: str) -> None:
        """The next piece, cut anywhere."""
        pieces = _WORD.findall(self._rest + text)
        if not pieces:
            self._rest += text
            return
        # The last word may go on in the next piece, unless a space ends it.
        self._rest = "" if pieces[-1][-1].isspace() else pieces.pop()
        self._words += [Word(piece) for piece in pieces]

    def end_text(self) -> None:
        """No more text comes."""
        if self._rest:
            self._words.append(Word(self._rest))
            self._rest = ""
        self._text_complete = True

    def push_audio(self, seconds: float) -> None:
        """So much more of it was made to speech."""
        self._audio += seconds

    def end_audio(self) -> None:
        """No more audio comes: with the text, the voice is measured by it."""
        self._audio_complete = True
        if self._text_complete:
            self._rate.measure(self._syllables(), self._audio)

    def push_timed(self, words: list[TimedText]) -> None:
        """The times of the next words, in a text that is made of them."""
        self._ends = self._ends or []
        for word in words:
            text = word.text
            if self._words and not self._words[-1].text[-1:].isspace() and not text[:1].isspace():
                text = f" {text}"
            self._words.append(Word(text))
            self._ends.append(word.end_time)

    def heard_at(self, position: float) -> str:
        """What was spoken to its end at a position, in seconds of its audio."""
        return "".join(word.text for word in self._words[: self._count(position, ended=True)])

    def begun_at(self, position: float) -> str:
        """What was begun at a position."""
        return "".join(word.text for word in self._words[: self._count(position, ended=False)])

    def next_after(self, position: float) -> float | None:
        """When the next word begins; None where no more of them is known."""
        begun = self._count(position, ended=False)
        return self._start(begun) if begun < len(self._words) else None

    def _count(self, position: float, *, ended: bool) -> int:
        count = 0
        for at in range(len(self._words)):
            instant = self._end(at) if ended else self._start(at)
            if instant > position + 1e-6:
                break
            count = at + 1
        return count

    def _start(self, at: int) -> float:
        return self._end(at - 1) if at else 0.0

    def _end(self, at: int) -> float:
        if self._ends is not None:
            return self._ends[at]
        return sum(word.syllables for word in self._words[: at + 1]) / self._pace()

    def _pace(self) -> float:
        if self._text_complete and self._audio_complete and self._audio > 0:
            return self._syllables() / self._audio
        return self._rate.syllables_per_second * self._speed

    def _syllables(self) -> float:
        return sum(word.syllables for word in self._words)


def count_syllables(word: str) -> float:
    """Roughly: groups of vowels; of scripts whose letters are syllables, the letters."""
    groups = len(_VOWELS.findall(word))
    others = sum(1 for letter in word if letter > "\u024f" and _is_syllable(letter))
    digits = sum(1.5 for letter in word if letter.isdigit())
    letters = any(letter.isalpha() for letter in word)
    count = groups + others + digits or (1.0 if letters else 0.0)
    return count + (SENTENCE_PAUSE if word.rstrip().endswith(_SENTENCE_END) else 0.0)


def _is_syllable(letter: str) -> bool:
    if unicodedata.category(letter) != "Lo":  # a script without capitals: kana, Han, Hangul, Thai
        return unicodedata.category(letter).startswith("L") and _is_vowel_of_others(letter)
    return True


def _is_vowel_of_others(letter: str) -> bool:
    return letter.casefold() in "аеёиоуыэюяіїєαεηιουωάέήίόύώ"

"""What of a sentence is still to be said, when the voice breaks off in it. Pure."""

from __future__ import annotations

from agentd.tokenize.words import WordTokenizer, count_syllables

from .events import SynthesizedAudio, TimedText

SYLLABLES_PER_SECOND = 3.83
"""As slow as voices speak, so that a word is rather said twice than left out."""


class Heard:
    """How much of a sentence was given out.

    A model may tell the times of words long before it speaks them, and then break off: a word is
    given out with the audio in which it ends.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._words: list[TimedText] = []
        self._to_come: list[TimedText] = []

    def add(self, audio: SynthesizedAudio) -> list[TimedText]:
        """The next piece of it; the words that are said by now."""
        self.seconds += audio.frame.duration
        self._to_come += audio.timed_text
        said = [word for word in self._to_come if word.end_time <= self.seconds]
        self._to_come = [word for word in self._to_come if word.end_time > self.seconds]
        self._words += said
        return said

    def to_come(self) -> list[TimedText]:
        """The words that are not said yet, by their times; all of them, where all is well."""
        return self._to_come

    def rest_of(self, text: str) -> str:
        """The part that is still to be said: by the words' times, or by how fast people speak."""
        if not self.seconds:
            return text
        if self._words or self._to_come:
            return text[self._end_of_words(text) :].lstrip()
        return _after_syllables(text, self.seconds * SYLLABLES_PER_SECOND)

    def _end_of_words(self, text: str) -> int:
        end = 0
        for word in self._words:
            if (place := text.find(word.text.strip(), end)) >= 0:
                end = place + len(word.text.strip())
        return end


def _after_syllables(text: str, count: float) -> str:
    words = WordTokenizer(ignore_punctuation=False, split_character=True)
    for word in words.tokenize_with_places(text):
        count -= count_syllables(word.token)
        if count < 0:
            return text[word.start :]
    return ""

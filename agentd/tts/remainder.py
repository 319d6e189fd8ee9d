"""What of a sentence is still to be said, when the voice breaks off in it. Pure."""

from __future__ import annotations

from agentd.tokenize.words import WordTokenizer, count_syllables

from .events import SynthesizedAudio, TimedText

SYLLABLES_PER_SECOND = 3.83
"""As slow as voices speak, so that a word is rather said twice than left out."""


class Heard:
    """How much of a sentence was given out."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._words: list[TimedText] = []

    def add(self, audio: SynthesizedAudio) -> None:
        """The next piece of it."""
        self.seconds += audio.frame.duration
        self._words += audio.timed_text

    def rest_of(self, text: str) -> str:
        """The part that is still to be said: by the words' times, or by how fast people speak."""
        if not self.seconds:
            return text
        if self._words:
            return text[self._end_of_words(text) :].lstrip()
        return _after_syllables(text, self.seconds * SYLLABLES_PER_SECOND)

    def _end_of_words(self, text: str) -> int:
        end = 0
        for word in self._words:
            if word.end_time > self.seconds:
                break
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

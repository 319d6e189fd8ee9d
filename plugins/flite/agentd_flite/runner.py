"""Flite as a plain blocking runner."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from agentd.audio.frame import AudioFrame
from agentd.tokenize import basic
from agentd.tts.runner import SpeakRequest

from .library import Library

VOICES = {"slt": "us_slt", "rms": "us_rms", "awb": "us_awb", "kal16": "us_kal16", "kal": "us_kal"}
"""Those of Debian's package, by the names that Flite has for them: slt is a woman's, the others
are men's; kal and kal16 are the oldest and quickest."""

SAMPLE_RATE = 16000
LOW_RATE = {"kal": 8000}

MAX_WORD = 40
"""Letters: Flite spells what it does not know, and takes 60 s for a word of 3000."""


class FliteRunner:
    """A voice of Flite.

    Raises ValueError for a voice that it has not, and ModelError where Flite is not installed.
    """

    def __init__(self, voice: str = "slt") -> None:
        if voice not in VOICES:
            raise ValueError(f"voice must be one of {', '.join(VOICES)}, but is '{voice}'")
        self.name = voice
        self._library = Library(VOICES[voice])
        self._sentences = basic.SentenceTokenizer()

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return LOW_RATE.get(self.name, SAMPLE_RATE)

    def load(self) -> None:
        """Nothing: its voices are part of the library."""

    def run(self, request: SpeakRequest) -> Iterator[AudioFrame]:
        """See VoiceRunner; sentence by sentence, about 25 ms a second of speech."""
        for sentence in self._sentences.tokenize(request.text):
            if request.cancelled:
                return
            if words := pronounceable(sentence):
                data, rate = self._library.speak(words.encode("ascii"))
                yield AudioFrame(data=data, sample_rate=rate)


def pronounceable(text: str) -> str:
    """A text in the letters that Flite knows: accents are left out, and so is all else."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = " ".join(word[:MAX_WORD] for word in plain.replace("\0", " ").split())
    return words if any(map(str.isalnum, words)) else ""

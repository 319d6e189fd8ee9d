"""Flite in blocking code, for a thread here or for a host process."""

from __future__ import annotations

import unicodedata

from agentd.audio.frame import AudioFrame
from agentd.tts.local import decode_say, encode_said

from .library import Library

VOICES = {"slt": "us_slt", "rms": "us_rms", "awb": "us_awb", "kal16": "us_kal16", "kal": "us_kal"}
"""Those of Debian's package, by the names that Flite has for them: slt is a woman's, the others
are men's; kal and kal16 are the oldest and quickest."""

SAMPLE_RATE = 16000
LOW_RATE = {"kal": 8000}

MAX_WORD = 40
"""Letters: Flite spells what it does not know, and takes 60 s for a word of 3000."""


class FliteRunner:
    """Answers `Say` with `Said`. For one thread; see `agentd.models.ModelRunner`.

    Raises ValueError for a voice that Flite has not.
    """

    def __init__(self, voice: str = "slt") -> None:
        if voice not in VOICES:
            raise ValueError(f"voice must be one of {', '.join(VOICES)}, but is '{voice}'")
        self._voice = voice
        self._library: Library | None = None

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return LOW_RATE.get(self._voice, SAMPLE_RATE)

    def load(self) -> None:
        """Load the library; raises ModelError where Flite is not installed."""
        self._loaded()

    def run(self, request: bytes) -> bytes:
        """Speak a text: about 25 ms for a second of speech."""
        words = pronounceable(decode_say(request).text)
        if not words:
            return encode_said(AudioFrame(data=b"", sample_rate=self.sample_rate))
        data, rate = self._loaded().speak(words.encode("ascii"))
        return encode_said(AudioFrame(data=data, sample_rate=rate))

    def _loaded(self) -> Library:
        if self._library is None:
            self._library = Library(VOICES[self._voice])
        return self._library


def pronounceable(text: str) -> str:
    """A text in the letters that Flite knows: accents are left out, and so is all else."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = " ".join(word[:MAX_WORD] for word in plain.replace("\0", " ").split())
    return words if any(map(str.isalnum, words)) else ""

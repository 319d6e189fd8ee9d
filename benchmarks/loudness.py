"""What both packages' fake models hear and say: speech is what is loud, a voice is a tone.

Imported in either's environment, so it needs nothing but numpy.
"""

from __future__ import annotations

from enum import Enum, auto

import numpy as np

CHUNK = 0.01
"""Seconds that are judged at once."""

LOUD = 500
"""The peak of PCM16 from which a chunk is speech."""

MIN_SILENCE = 0.2
"""Seconds until speech counts as over; it counts as begun with its first chunk, since a detector's
caution is not what is measured."""

VOICE_RATE = 24000
VOICE_HERTZ = 400
VOICE_PEAK = 8000

_TURNS = 2 * np.pi * VOICE_HERTZ * np.arange(VOICE_RATE) / VOICE_RATE
_SECOND = (VOICE_PEAK * np.sin(_TURNS)).astype(np.int16).tobytes()


class Change(Enum):
    """What audio has changed."""

    STARTED = auto()
    ENDED = auto()


class Loudness:
    """Follows one source of mono PCM16. Pure: time is the audio's."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.heard = 0.0
        """Seconds of audio so far."""
        self.speaking = False
        self.started_at = 0.0
        """Where the current or last speech began."""
        self.loud_for = 0.0
        self.quiet_for = 0.0
        """Seconds that the audio has been loud, or quiet, without a break."""
        self._rest = b""

    def push(self, data: bytes) -> list[Change]:
        """Take the next audio, of any length."""
        size = 2 * round(self.sample_rate * CHUNK)
        data = self._rest + data
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], dtype=np.int16).reshape(-1, size // 2)
        changes = [self._judge(bool(peak >= LOUD)) for peak in samples.max(axis=1, initial=0)]
        return [change for change in changes if change is not None]

    def finish(self) -> Change | None:
        """End the speech that is going on, if any, as when the audio pauses."""
        was_speaking, self.speaking = self.speaking, False
        self._rest, self.loud_for = b"", 0.0
        return Change.ENDED if was_speaking else None

    def _judge(self, loud: bool) -> Change | None:
        self.heard += CHUNK
        self.loud_for = self.loud_for + CHUNK if loud else 0.0
        self.quiet_for = 0.0 if loud else self.quiet_for + CHUNK
        if not self.speaking and loud:
            self.speaking = True
            self.started_at = self.heard - CHUNK
            return Change.STARTED
        # Half a chunk forgives that sums of 0.01 are not exact.
        if self.speaking and self.quiet_for > MIN_SILENCE - CHUNK / 2:
            self.speaking = False
            return Change.ENDED
        return None


def is_loud(data: bytes | memoryview) -> bool:
    """Whether there is a loud sample in PCM16."""
    return bool(np.frombuffer(data, dtype=np.int16).max(initial=0) >= LOUD)


def voice(start: float, seconds: float) -> bytes:
    """A stretch of the voice, as PCM16 at VOICE_RATE; stretches that follow each other fit."""
    first = round(start * VOICE_RATE) % VOICE_RATE
    count = round(seconds * VOICE_RATE)
    return (_SECOND * (2 + count // VOICE_RATE))[2 * first : 2 * (first + count)]


SECONDS_PER_LETTER = 0.05


def spoken_length(text: str) -> float:
    """Seconds that the voice takes for a text."""
    return SECONDS_PER_LETTER * len(text)


def reply_of(seconds: float) -> list[str]:
    """The words of a reply that takes about so long, in sentences of 2 s."""
    sentence = ["This ", "is ", "one ", "more ", "sentence ", "of ", "a ", "reply. "]
    return sentence * max(1, round(seconds / spoken_length("".join(sentence))))

"""What a stream of audio tells about speech. Instants are seconds of audio since its start."""

from __future__ import annotations

from msgspec import Struct


class SpeechStarted(Struct, frozen=True, kw_only=True):
    """Somebody speaks. Comes as soon as it is certain, so a little after the start."""

    started_at: float
    """Where the first sound of it is."""


class SpeechEnded(Struct, frozen=True, kw_only=True):
    """An utterance is over: silence has lasted long enough, or it has become too long."""

    started_at: float
    """The same as in its SpeechStarted."""
    ended_at: float
    """Where the last sound of it is."""
    pcm: bytes
    """The utterance as mono PCM16, from the padding before its start up to `ended_at`."""
    sample_rate: int

    @property
    def speech_duration(self) -> float:
        """Seconds from the first sound to the last, without padding."""
        return self.ended_at - self.started_at


VADEvent = SpeechStarted | SpeechEnded

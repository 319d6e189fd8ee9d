"""How far ahead of the listener a voice speaks. Pure."""

from __future__ import annotations

from msgspec import Struct


class SentenceStreamPacer(Struct, frozen=True, kw_only=True):
    """Speak later sentences only when they will soon be needed, and several of them at once.

    Saves what is thrown away at an interruption, and gives the model more context for each call.
    """

    min_remaining_audio: float = 5.0
    """Seconds of audio still to be heard at which the next sentences are spoken."""
    max_text_length: int = 300
    """Characters that are spoken at once, unless a single sentence is longer."""


class Pace:
    """Keeps account of one stream. Instants are seconds of one clock.

    What the listener has heard is not known here: playing is taken to begin with the first audio
    and to go on without a pause.
    """

    def __init__(self, pacer: SentenceStreamPacer) -> None:
        self._pacer = pacer
        self._ends_at: float | None = None
        """When what was spoken so far will have been heard."""

    def spoke(self, seconds: float, at: float) -> None:
        """So much audio was given out."""
        heard_until = at if self._ends_at is None else max(self._ends_at, at)
        self._ends_at = heard_until + seconds

    def next_at(self) -> float | None:
        """When to go on speaking; None for at once."""
        if self._ends_at is None:
            return None
        return self._ends_at - self._pacer.min_remaining_audio

    def fits(self, text: str, more: str) -> bool:
        """Whether a sentence is spoken together with those before it."""
        return len(text) + 1 + len(more) <= self._pacer.max_text_length

"""What an end-of-turn model is asked, and what it answers."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from agentd.audio.frame import AudioFrame


class TurnText(Struct, frozen=True, kw_only=True):
    """Something that was said."""

    role: Literal["user", "assistant"]
    text: str


class EndOfTurnRequest(Struct, frozen=True, kw_only=True, eq=False):
    """A user has fallen silent: has he finished? Filled as far as the model needs it."""

    audio: AudioFrame | None = None
    """His turn so far, with the silence after it; only its last seconds are looked at."""
    text: str = ""
    """What was understood of it so far."""
    history: tuple[TurnText, ...] = ()
    """What was said before it, oldest first."""
    language: str = ""
    """Such as "en" or "en-US"; empty where it is not known."""


class EndOfTurnPrediction(Struct, frozen=True, kw_only=True):
    """How likely it is."""

    probability: float
    """From 0, he goes on, to 1, he has finished."""
    threshold: float
    """For this language the probability from which he counts as having finished."""

    @property
    def is_end(self) -> bool:
        """Whether he counts as having finished."""
        return self.probability >= self.threshold

"""The interface of models that judge whether somebody has finished speaking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from agentd.aio.emitter import EventEmitter

from .events import EndOfTurnPrediction, EndOfTurnRequest

Needs = Literal["audio", "text"]


class EndOfTurnModel(ABC, EventEmitter):
    """Judges the end of a turn. Inert until it is used; belongs to one event loop.

    A plugin says what it needs and implements `estimate`. How long to wait for an answer is the
    asker's business: a call may be cancelled. Emits "metrics_collected" (EOTInferenceMetrics).
    """

    needs: Needs
    """What a request must have: the sound of the turn, or its words."""
    sample_rate: int = 16000
    """Hz of the audio that the model wants; other audio is resampled."""
    audio_seconds: float = 8.0
    """How much of the turn's end the model looks at; there is no use in keeping more."""

    @property
    def label(self) -> str:
        """Which class it is, for logs and metrics."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def model(self) -> str:
        """The model's name; "unknown" where a plugin tells none."""
        return "unknown"

    @property
    def provider(self) -> str:
        """Whose model it is; "unknown" where a plugin tells none."""
        return "unknown"

    @abstractmethod
    def threshold(self, language: str) -> float | None:
        """From which probability a turn is over in a language; None for one it can't judge.

        The empty language, not known, has a threshold too.
        """

    def supports_language(self, language: str) -> bool:
        """Whether it can judge that language."""
        return self.threshold(language) is not None

    async def predict(self, request: EndOfTurnRequest) -> EndOfTurnPrediction:
        """How likely it is that the turn is over.

        Raises APIError where the model fails, ModelError for a request without what it needs or in
        a language that it can't judge, AudioError for what is no audio.
        """
        raise NotImplementedError

    @abstractmethod
    async def estimate(self, request: EndOfTurnRequest) -> float:
        """The probability. For plugins: audio is mono, at `sample_rate`, and not too long."""

    def prewarm(self) -> None:
        """Get ready in the background, so that the first call is quick. May be repeated."""

    async def aclose(self) -> None:
        """Let go of what it holds. May be repeated."""

    async def __aenter__(self) -> EndOfTurnModel:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

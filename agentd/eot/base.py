"""The interface of models that judge whether somebody has finished speaking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from msgspec.structs import replace

from agentd.aio.emitter import EventEmitter
from agentd.aio.timing import now, wall_time
from agentd.audio.conform import conform
from agentd.audio.frame import last_seconds
from agentd.errors import APIError, ModelError
from agentd.metrics import EOTInferenceMetrics

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
        threshold = self.threshold(request.language)
        if threshold is None:
            raise ModelError(f"{self.label} can't judge the language '{request.language}'")
        wanted = self._conformed(request)
        began_at = now()
        probability = await self._estimate(wanted)
        self._measure(probability, now() - began_at)
        return EndOfTurnPrediction(probability=probability, threshold=threshold)

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

    def _conformed(self, request: EndOfTurnRequest) -> EndOfTurnRequest:
        """With what the model needs, as it needs it."""
        if self.needs == "text":
            if not request.text:
                raise ModelError(f"{self.label} judges words, and there are none")
            return request
        if request.audio is None or not request.audio.data:
            raise ModelError(f"{self.label} judges sound, and there is none")
        audio = conform(last_seconds(request.audio, self.audio_seconds), self.sample_rate)
        return replace(request, audio=audio)

    async def _estimate(self, request: EndOfTurnRequest) -> float:
        try:
            probability = await self.estimate(request)
        except ModelError:
            raise
        except Exception as error:  # the border to a plugin, which may raise anything
            raise APIError(f"{self.label} failed: {error!r}") from error
        if not 0.0 <= probability <= 1.0:  # also where it is NaN
            raise APIError(f"{self.label} gave {probability}, which is no probability")
        return probability

    def _measure(self, probability: float, duration: float) -> None:
        metrics = EOTInferenceMetrics(
            label=self.label,
            timestamp=wall_time(),
            model=self.model,
            provider=self.provider,
            duration=duration,
            probability=probability,
        )
        self.emit("metrics_collected", metrics)

"""What models measure and report, told once and summed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from agentd.metrics import AgentMetrics, LLMMetrics, TTSMetrics
from agentd.metrics.usage import AgentSessionUsage, ModelUsageCollector
from agentd.voice.events import ErrorEvent, MetricsCollectedEvent, SessionUsageUpdatedEvent
from agentd.voice.models import Models
from agentd.voice.speech import speech_in_work


class Metering:
    """Listens to the models of a session."""

    def __init__(
        self,
        emit: Callable[[MetricsCollectedEvent | SessionUsageUpdatedEvent | ErrorEvent], None],
    ) -> None:
        self._emit = emit
        self._collector = ModelUsageCollector()
        self._watched: dict[int, tuple[Any, Callable[[Any], None]]] = {}
        self._outages = 0
        self._outage_seconds = 0.0

    @property
    def usage(self) -> AgentSessionUsage:
        """The sums so far."""
        return AgentSessionUsage(
            model_usage=self._collector.flatten(),
            outages=self._outages,
            outage_seconds=self._outage_seconds,
        )

    def watch(self, models: Models) -> None:
        """Listen to these too; those that are known already are listened to once."""
        for model in (models.stt, models.chat_llm, models.tts):
            if model is None or id(model) in self._watched:
                continue

            def tell_error(error: Any, source: Any = model) -> None:
                self._tell_error(error, source)

            self._watched[id(model)] = (model, tell_error)
            model.on("metrics_collected", self.collect)
            model.on("error", tell_error)

    def collect(self, metrics: AgentMetrics) -> None:
        """Something was measured."""
        if isinstance(metrics, LLMMetrics | TTSMetrics) and not metrics.speech_id:
            metrics = replace(metrics, speech_id=speech_in_work.get())
        self._collector.collect(metrics)
        self._emit(MetricsCollectedEvent(metrics=metrics))
        self._emit(SessionUsageUpdatedEvent(usage=self.usage))

    def outage_started(self) -> int:
        """A model's service is out; how many that were so far."""
        self._outages += 1
        self._emit(SessionUsageUpdatedEvent(usage=self.usage))
        return self._outages

    def outage_ended(self, seconds: float) -> None:
        """It is over."""
        self._outage_seconds += seconds
        self._emit(SessionUsageUpdatedEvent(usage=self.usage))

    def close(self) -> None:
        """Listen no more. May be repeated."""
        for model, tell_error in self._watched.values():
            model.off("metrics_collected", self.collect)
            model.off("error", tell_error)
        self._watched.clear()

    def _tell_error(self, error: Any, source: Any) -> None:
        # One that no try follows is told by whoever needed the model, and counted there.
        if getattr(error, "recoverable", False):
            self._emit(ErrorEvent(error=error, source=source))

"""Messages of a conversation, with what their turns have taken. Pure."""

from __future__ import annotations

from agentd.llm.base import LLM
from agentd.llm.clean_text import clean
from agentd.llm.items import ChatMessage, MetricsMetadata, MetricsReport
from agentd.stt.base import STT
from agentd.tts.base import TTS
from agentd.voice.models import Models
from agentd.voice.turns.actions import TurnTiming

from .delivery import Delivery
from .thinking import Thought


def user_message(
    text: str, *, confidence: float = 0.0, timing: TurnTiming | None = None, models: Models
) -> ChatMessage:
    """What the user has said, with the delays of the turn."""
    metrics = MetricsReport()
    if timing is not None:
        metrics["transcription_delay"] = timing.transcription_delay
        metrics["end_of_turn_delay"] = timing.end_of_utterance_delay
    if models.stt is not None:
        metrics["stt_metadata"] = _metadata(models.stt)
    return ChatMessage(
        role="user",
        content=[clean(text)],
        transcript_confidence=confidence or None,
        metrics=metrics,
    )


def assistant_message(
    delivery: Delivery,
    *,
    interrupted: bool,
    models: Models,
    thought: Thought | None = None,
    timing: TurnTiming | None = None,
) -> ChatMessage | None:
    """What the agent has said, as far as it was heard; None where that is nothing."""
    if not delivery.text.strip():
        return None
    return ChatMessage(
        role="assistant",
        content=[clean(delivery.text)],
        interrupted=interrupted,
        extra=dict(thought.extra) if thought is not None else {},
        metrics=reply_metrics(delivery, models=models, thought=thought, timing=timing),
    )


def reply_metrics(
    delivery: Delivery,
    *,
    models: Models,
    thought: Thought | None = None,
    timing: TurnTiming | None = None,
) -> MetricsReport:
    """What a step of a reply has taken."""
    metrics = MetricsReport()
    if delivery.started_speaking_at is not None:
        metrics["started_speaking_at"] = delivery.started_speaking_at
    if delivery.stopped_speaking_at is not None:
        metrics["stopped_speaking_at"] = delivery.stopped_speaking_at
    if delivery.tts_ttfb is not None:
        metrics["tts_node_ttfb"] = delivery.tts_ttfb
    if delivery.playback_latency is not None:
        metrics["playback_latency"] = delivery.playback_latency
    if thought is not None:
        _add_thought(metrics, thought)
    if timing is not None and timing.ended_at is not None and delivery.first_audible_at is not None:
        metrics["e2e_latency"] = max(0.0, delivery.first_audible_at - timing.ended_at)
    if isinstance(models.llm, LLM) and thought is not None:
        metrics["llm_metadata"] = _metadata(models.llm)
    if models.tts is not None and delivery.first_audible_at is not None:
        metrics["tts_metadata"] = _metadata(models.tts)
    return metrics


def _add_thought(metrics: MetricsReport, thought: Thought) -> None:
    if thought.ttft is not None:
        metrics["llm_node_ttft"] = thought.ttft
    if thought.first_sentence_at is not None:
        metrics["llm_node_ttfs"] = thought.first_sentence_at - thought.began_at
    if thought.request_ids:
        metrics["provider_request_ids"] = list(thought.request_ids)
    if thought.usage is not None and thought.first_at is not None and thought.ended_at is not None:
        seconds = thought.ended_at - thought.first_at
        if seconds > 0 and thought.usage.completion_tokens:
            metrics["llm_node_tps"] = thought.usage.completion_tokens / seconds


def _metadata(model: LLM | STT | TTS) -> MetricsMetadata:
    return MetricsMetadata(model_name=model.model, model_provider=model.provider)

"""What a session has taken and cost, as livekit-agents names it for OpenTelemetry. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agentd.llm.items import ChatMessage
from agentd.metrics.usage import AgentSessionUsage
from agentd.tracing import Measure

TURN = {
    "e2e_latency": "e2e_latency",
    "llm_node_ttft": "llm_ttft",
    "tts_node_ttfb": "tts_ttfb",
    "transcription_delay": "transcription_delay",
    "end_of_turn_delay": "end_of_turn_delay",
    "on_user_turn_completed_delay": "on_user_turn_completed_delay",
}
"""Figures of a message, and what they are called in `lk.agents.turn.*`."""

USAGE = {
    "llm_usage": {
        "input_tokens": "llm_input_tokens",
        "input_cached_tokens": "llm_input_cached_tokens",
        "input_audio_tokens": "llm_input_audio_tokens",
        "output_tokens": "llm_output_tokens",
        "output_audio_tokens": "llm_output_audio_tokens",
    },
    "tts_usage": {"characters_count": "tts_characters", "audio_duration": "tts_audio_duration"},
    "stt_usage": {"audio_duration": "stt_audio_duration"},
}
"""The same of what models have used, in `lk.agents.usage.*`."""


def measures_of(messages: Iterable[ChatMessage], usage: AgentSessionUsage) -> list[Measure]:
    """The latencies of each turn, and the sums for each model."""
    return [*_latencies(messages), *_sums(usage)]


def _latencies(messages: Iterable[ChatMessage]) -> Iterator[Measure]:
    for message in messages:
        taken: dict[str, Any] = dict(message.metrics)
        for name, called in TURN.items():
            if name in taken:
                yield Measure(name=f"lk.agents.turn.{called}", value=taken[name], unit="s")


def _sums(usage: AgentSessionUsage) -> Iterator[Measure]:
    for used in usage.model_usage:
        who = {"model_provider": used.provider, "model_name": used.model}
        for name, called in USAGE.get(used.type, {}).items():
            if value := getattr(used, name):
                yield Measure(
                    name=f"lk.agents.usage.{called}",
                    value=value,
                    unit="s" if name.endswith("duration") else "",
                    is_sum=True,
                    attributes={key: text for key, text in who.items() if text},
                )

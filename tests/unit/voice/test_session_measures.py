"""A session's figures, as OpenTelemetry's metrics."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from agentd.llm.items import ChatMessage, MetricsReport
from agentd.metrics.usage import AgentSessionUsage, LLMModelUsage, STTModelUsage, TTSModelUsage
from agentd.tracing.measuring import record
from agentd.voice.session_measures import measures_of

MESSAGES = [
    ChatMessage(role="user", content=["a"], metrics=MetricsReport(end_of_turn_delay=0.5)),
    ChatMessage(
        role="assistant",
        content=["b"],
        metrics=MetricsReport(e2e_latency=1.0, llm_node_ttft=0.25, started_speaking_at=1e9),
    ),
    ChatMessage(role="assistant", content=["c"], metrics=MetricsReport(e2e_latency=2.0)),
]
USAGE = AgentSessionUsage(
    model_usage=[
        LLMModelUsage(provider="openai", model="gpt", input_tokens=7, output_tokens=3),
        TTSModelUsage(characters_count=11, audio_duration=0.5),
        STTModelUsage(audio_duration=0.0),
    ]
)


def test_each_latency_is_an_observation_and_each_use_a_part_of_a_sum() -> None:
    """What is none is left out."""
    told = [(measure.name, measure.value) for measure in measures_of(MESSAGES, USAGE)]

    assert told == [
        ("lk.agents.turn.end_of_turn_delay", 0.5),
        ("lk.agents.turn.e2e_latency", 1.0),
        ("lk.agents.turn.llm_ttft", 0.25),
        ("lk.agents.turn.e2e_latency", 2.0),
        ("lk.agents.usage.llm_input_tokens", 7),
        ("lk.agents.usage.llm_output_tokens", 3),
        ("lk.agents.usage.tts_characters", 11),
        ("lk.agents.usage.tts_audio_duration", 0.5),
    ]


def test_a_meter_provider_has_them_as_histograms_and_counters() -> None:
    """By model where there is one."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)

    record(provider, "1", measures_of(MESSAGES, USAGE))

    data: Any = reader.get_metrics_data()
    metrics = {m.name: m for m in data.resource_metrics[0].scope_metrics[0].metrics}
    (latency,) = metrics["lk.agents.turn.e2e_latency"].data.data_points
    assert (latency.count, latency.sum) == (2, 3.0)
    (tokens,) = metrics["lk.agents.usage.llm_input_tokens"].data.data_points
    assert tokens.value == 7
    assert tokens.attributes == {"model_provider": "openai", "model_name": "gpt"}
    provider.shutdown()

"""Sums of what models have used."""

from __future__ import annotations

import msgspec
import pytest

from agentd.metrics import (
    AgentMetrics,
    AgentSessionUsage,
    EOTInferenceMetrics,
    EOTModelUsage,
    EOUMetrics,
    InterruptionMetrics,
    InterruptionModelUsage,
    LLMMetrics,
    LLMModelUsage,
    ModelUsageCollector,
    RealtimeModelMetrics,
    STTMetrics,
    STTModelUsage,
    TTSMetrics,
    TTSModelUsage,
    UsageCollector,
    VADMetrics,
)

BIG = LLMMetrics(
    provider="p",
    model="big",
    prompt_tokens=10,
    prompt_cached_tokens=4,
    completion_tokens=3,
    total_tokens=13,
)


def test_measurements_of_one_model_are_added_up() -> None:
    """All its figures."""
    collector = ModelUsageCollector()

    collector.collect(BIG)
    collector.collect(BIG)

    assert collector.flatten() == [
        LLMModelUsage(
            provider="p", model="big", input_tokens=20, input_cached_tokens=8, output_tokens=6
        )
    ]


def test_each_model_of_each_provider_has_its_own_sum() -> None:
    """The same name at another provider is another model."""
    collector = ModelUsageCollector()

    collector.collect(BIG)
    collector.collect(msgspec.structs.replace(BIG, provider="q"))
    collector.collect(msgspec.structs.replace(BIG, model="small"))

    sums = [(usage.provider, usage.model) for usage in collector.flatten()]
    assert sums == [("p", "big"), ("q", "big"), ("p", "small")]


@pytest.mark.parametrize(
    ("metrics", "usage"),
    [
        (
            RealtimeModelMetrics(
                model="m",
                input_tokens=9,
                output_tokens=7,
                input_audio_tokens=5,
                output_audio_tokens=6,
                cached_tokens=2,
            ),
            LLMModelUsage(
                model="m",
                input_tokens=9,
                input_cached_tokens=2,
                input_audio_tokens=5,
                output_tokens=7,
                output_audio_tokens=6,
            ),
        ),
        (
            TTSMetrics(model="m", characters_count=5, audio_duration=1.5),
            TTSModelUsage(model="m", characters_count=5, audio_duration=1.5),
        ),
        (
            STTMetrics(model="m", audio_duration=2.5),
            STTModelUsage(model="m", audio_duration=2.5),
        ),
        (InterruptionMetrics(model="m"), InterruptionModelUsage(model="m", total_requests=1)),
        (EOTInferenceMetrics(model="m"), EOTModelUsage(model="m", total_requests=1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_counts_what_it_costs(metrics: AgentMetrics, usage: object) -> None:
    """One measurement alone."""
    collector = ModelUsageCollector()

    collector.collect(metrics)

    assert collector.flatten() == [usage]


@pytest.mark.parametrize("metrics", [VADMetrics(), EOUMetrics()], ids=["vad", "eou"])
def test_what_costs_nothing_is_not_in_the_sums(metrics: AgentMetrics) -> None:
    """A detector of voice is a model of nobody's."""
    collector = ModelUsageCollector()

    collector.collect(metrics)

    assert collector.flatten() == []


def test_sums_go_on_from_what_was_used_before() -> None:
    """As a session does that is resumed; by way of its snapshot."""
    before = ModelUsageCollector()
    before.collect(BIG)
    kept = msgspec.msgpack.encode(AgentSessionUsage(model_usage=before.flatten()))

    after = ModelUsageCollector(msgspec.msgpack.decode(kept, type=AgentSessionUsage).model_usage)
    after.collect(BIG)

    [usage] = after.flatten()
    assert isinstance(usage, LLMModelUsage)
    assert usage.input_tokens == 20


def test_a_sum_that_was_handed_out_does_not_change() -> None:
    """It is what it was then."""
    collector = ModelUsageCollector()
    collector.collect(BIG)
    then = collector.flatten()

    collector.collect(BIG)

    assert then == [
        LLMModelUsage(
            provider="p", model="big", input_tokens=10, input_cached_tokens=4, output_tokens=3
        )
    ]


def test_the_deprecated_collector_adds_all_models_up() -> None:
    """And says what to use."""
    with pytest.warns(DeprecationWarning, match=r"use session\.usage"):
        collector = UsageCollector()

    collector(BIG)
    collector.collect(msgspec.structs.replace(BIG, model="small"))
    collector.collect(TTSMetrics(characters_count=5, audio_duration=1.5))
    collector.collect(STTMetrics(audio_duration=2.5))

    summary = collector.get_summary()
    assert (summary.llm_prompt_tokens, summary.llm_completion_tokens) == (20, 6)
    assert (summary.llm_input_tokens, summary.llm_output_tokens) == (20, 6)
    assert (summary.tts_characters_count, summary.tts_audio_duration) == (5, 1.5)
    assert summary.stt_audio_duration == 2.5

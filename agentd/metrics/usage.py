"""What a session has used, summed by model and provider."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import ClassVar, Literal, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from .models import (
    AgentMetrics,
    EOTInferenceMetrics,
    InterruptionMetrics,
    LLMMetrics,
    RealtimeModelMetrics,
    STTMetrics,
    TTSMetrics,
)


class _Usage(Struct, frozen=True, kw_only=True):
    provider: str = ""
    model: str = ""


class LLMModelUsage(_Usage, frozen=True, kw_only=True, tag="llm_usage", tag_field="type"):
    """Of a language model, or a speech-to-speech model. Tokens."""

    type: ClassVar[Literal["llm_usage"]] = "llm_usage"

    input_tokens: int = 0
    """All of them, the cached and the spoken ones too."""
    input_cached_tokens: int = 0
    input_audio_tokens: int = 0
    output_tokens: int = 0
    output_audio_tokens: int = 0


class TTSModelUsage(_Usage, frozen=True, kw_only=True, tag="tts_usage", tag_field="type"):
    """Of a text-to-speech model."""

    type: ClassVar[Literal["tts_usage"]] = "tts_usage"

    characters_count: int = 0
    audio_duration: float = 0.0
    """Seconds."""


class STTModelUsage(_Usage, frozen=True, kw_only=True, tag="stt_usage", tag_field="type"):
    """Of a speech-to-text model."""

    type: ClassVar[Literal["stt_usage"]] = "stt_usage"

    audio_duration: float = 0.0
    """Seconds."""


class InterruptionModelUsage(
    _Usage, frozen=True, kw_only=True, tag="interruption_usage", tag_field="type"
):
    """Of a model that tells interruptions from backchannels."""

    type: ClassVar[Literal["interruption_usage"]] = "interruption_usage"

    total_requests: int = 0


class EOTModelUsage(_Usage, frozen=True, kw_only=True, tag="eot_usage", tag_field="type"):
    """Of an end-of-turn model."""

    type: ClassVar[Literal["eot_usage"]] = "eot_usage"

    total_requests: int = 0


ModelUsage: TypeAlias = (
    LLMModelUsage | TTSModelUsage | STTModelUsage | InterruptionModelUsage | EOTModelUsage
)
UsageT = TypeVar("UsageT", bound=ModelUsage)


class AgentSessionUsage(Struct, frozen=True, kw_only=True):
    """Of a whole session, a sum for each model."""

    model_usage: list[ModelUsage] = []
    outages: int = 0
    """Times that a model's service was out. Ours, as the next."""
    outage_seconds: float = 0.0
    """How long those took that are over."""


class ModelUsageCollector:
    """Adds measurements up. What a resumed session had used before may be given to begin with."""

    def __init__(self, model_usage: Iterable[ModelUsage] = ()) -> None:
        self._sums: dict[tuple[str, str, str], ModelUsage] = {}
        for usage in model_usage:
            self._sums[usage.type, usage.provider, usage.model] = usage

    def collect(self, metrics: AgentMetrics) -> None:
        """Add one; those of kinds that cost nothing change nothing."""
        used = used_by(metrics)
        if used is not None:
            key = (used.type, used.provider, used.model)
            known = self._sums.get(key)
            self._sums[key] = used if known is None else add(known, used)

    def flatten(self) -> list[ModelUsage]:
        """The sums, in the order in which the models were first used."""
        return list(self._sums.values())


def used_by(metrics: AgentMetrics) -> ModelUsage | None:
    """What one measurement stands for; None for kinds that cost nothing."""
    provider, model = metrics.provider, metrics.model
    match metrics:
        case LLMMetrics():
            return LLMModelUsage(
                provider=provider,
                model=model,
                input_tokens=metrics.prompt_tokens,
                input_cached_tokens=metrics.prompt_cached_tokens,
                output_tokens=metrics.completion_tokens,
            )
        case RealtimeModelMetrics():
            return LLMModelUsage(
                provider=provider,
                model=model,
                input_tokens=metrics.input_tokens,
                input_cached_tokens=metrics.cached_tokens,
                input_audio_tokens=metrics.input_audio_tokens,
                output_tokens=metrics.output_tokens,
                output_audio_tokens=metrics.output_audio_tokens,
            )
        case TTSMetrics():
            return TTSModelUsage(
                provider=provider,
                model=model,
                characters_count=metrics.characters_count,
                audio_duration=metrics.audio_duration,
            )
        case STTMetrics():
            return STTModelUsage(
                provider=provider, model=model, audio_duration=metrics.audio_duration
            )
        case InterruptionMetrics():
            return InterruptionModelUsage(provider=provider, model=model, total_requests=1)
        case EOTInferenceMetrics():
            return EOTModelUsage(provider=provider, model=model, total_requests=1)
        case _:
            return None


def add(usage: UsageT, more: ModelUsage) -> UsageT:
    """The sum of two usages of one model."""
    identity = ("provider", "model")
    sums = {
        name: getattr(usage, name) + getattr(more, name)
        for name in usage.__struct_fields__
        if name not in identity
    }
    return replace(usage, **sums)


class UsageSummary(Struct, kw_only=True):
    """Sums over all models."""

    llm_prompt_tokens: int = 0
    llm_prompt_cached_tokens: int = 0
    llm_input_audio_tokens: int = 0
    llm_completion_tokens: int = 0
    llm_output_audio_tokens: int = 0
    tts_characters_count: int = 0
    tts_audio_duration: float = 0.0
    stt_audio_duration: float = 0.0

    @property
    def llm_input_tokens(self) -> int:
        """Another name."""
        return self.llm_prompt_tokens

    @property
    def llm_output_tokens(self) -> int:
        """Another name."""
        return self.llm_completion_tokens


class UsageCollector:
    """Deprecated: sums over all models, where `session.usage` and ModelUsageCollector have each."""

    def __init__(self) -> None:
        warnings.warn(
            "UsageCollector is deprecated: use session.usage, or ModelUsageCollector",
            DeprecationWarning,
            stacklevel=2,
        )
        self._models = ModelUsageCollector()

    def __call__(self, metrics: AgentMetrics) -> None:
        self.collect(metrics)

    def collect(self, metrics: AgentMetrics) -> None:
        """Add one."""
        self._models.collect(metrics)

    def get_summary(self) -> UsageSummary:
        """The sums so far; a copy."""
        return summarize(self._models.flatten())


def summarize(model_usage: Iterable[ModelUsage]) -> UsageSummary:
    """Sums over all models."""
    made = UsageSummary()
    for usage in model_usage:
        match usage:
            case LLMModelUsage():
                made.llm_prompt_tokens += usage.input_tokens
                made.llm_prompt_cached_tokens += usage.input_cached_tokens
                made.llm_input_audio_tokens += usage.input_audio_tokens
                made.llm_completion_tokens += usage.output_tokens
                made.llm_output_audio_tokens += usage.output_audio_tokens
            case TTSModelUsage():
                made.tts_characters_count += usage.characters_count
                made.tts_audio_duration += usage.audio_duration
            case STTModelUsage():
                made.stt_audio_duration += usage.audio_duration
            case _:
                pass
    return made

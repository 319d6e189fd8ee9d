"""What models and turns have cost: plain data, no registry and no exporter.

One Struct for each kind of measurement, under livekit-agents' names, and their sums.
"""

from __future__ import annotations

from .lines import log_metrics
from .models import (
    AgentMetrics,
    EOTInferenceMetrics,
    EOUMetrics,
    InterruptionMetrics,
    LLMMetrics,
    RealtimeModelMetrics,
    STTMetrics,
    TTSMetrics,
    VADMetrics,
)
from .usage import (
    AgentSessionUsage,
    EOTModelUsage,
    InterruptionModelUsage,
    LLMModelUsage,
    ModelUsage,
    ModelUsageCollector,
    STTModelUsage,
    TTSModelUsage,
    UsageCollector,
    UsageSummary,
)

__all__ = [
    "AgentMetrics",
    "AgentSessionUsage",
    "EOTInferenceMetrics",
    "EOTModelUsage",
    "EOUMetrics",
    "InterruptionMetrics",
    "InterruptionModelUsage",
    "LLMMetrics",
    "LLMModelUsage",
    "ModelUsage",
    "ModelUsageCollector",
    "RealtimeModelMetrics",
    "STTMetrics",
    "STTModelUsage",
    "TTSMetrics",
    "TTSModelUsage",
    "UsageCollector",
    "UsageSummary",
    "VADMetrics",
    "log_metrics",
]

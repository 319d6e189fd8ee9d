"""What models and turns have cost: plain data, no registry and no exporter.

One Struct for each kind of measurement, under livekit-agents' names, and their sums.
"""

from __future__ import annotations

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

__all__ = [
    "AgentMetrics",
    "EOTInferenceMetrics",
    "EOUMetrics",
    "InterruptionMetrics",
    "LLMMetrics",
    "RealtimeModelMetrics",
    "STTMetrics",
    "TTSMetrics",
    "VADMetrics",
]

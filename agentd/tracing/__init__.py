"""Traces: spans of what a job does, for OpenTelemetry; without a provider each of them is nothing.

    with span("llm_node", {"lk.function_tools": names}) as asked:
        ...
        asked.set({"lk.response.ttft": seconds})

OpenTelemetry is imported only where somebody wants traces.
"""

from __future__ import annotations

from .jobtrace import JobTrace, session_span, trace_job
from .spans import NOTHING, Attributes, Span
from .switch import enabled, flush, flush_now, prepare, said, set_tracer_provider, span, spans_lost

__all__ = [
    "NOTHING",
    "Attributes",
    "JobTrace",
    "Span",
    "enabled",
    "flush",
    "flush_now",
    "prepare",
    "said",
    "session_span",
    "set_tracer_provider",
    "span",
    "spans_lost",
    "trace_job",
]

"""Traces by OpenTelemetry, under livekit-agents' name for it."""

from __future__ import annotations

from .tracing import set_tracer_provider

__all__ = ["set_tracer_provider"]

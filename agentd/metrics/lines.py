"""Measurements as lines of the log."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from .models import AgentMetrics

default_logger = logging.getLogger("agentd.metrics")

DIGITS = 4
"""Of seconds after the point: a tenth of a millisecond."""
UNSAID = ("timestamp", "type")
"""The line has a time of its own, and the kind as `kind`."""


def log_metrics(metrics: AgentMetrics, *, logger: logging.Logger | None = None) -> None:
    """Write one line with what was measured."""
    (logger or default_logger).info("a model was measured", extra=line_fields(metrics))


def line_fields(metrics: AgentMetrics) -> dict[str, Any]:
    """The fields of a line: kind and figures, those that say nothing left out."""
    values: dict[str, Any] = msgspec.to_builtins(metrics)
    return {"action": "model_measured", "kind": metrics.type} | {
        name: round(value, DIGITS) if isinstance(value, float) else value
        for name, value in values.items()
        if name not in UNSAID and value != ""
    }

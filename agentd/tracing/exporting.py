"""The provider that OpenTelemetry's environment variables ask for, made in the process of a job.

Made after the fork: its thread would keep the template from forking. The thread is a daemon, and
nothing of it runs at the process's exit, so that a collector that hangs delays nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_SCHEDULE_DELAY
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)

from agentd.settings.load import environment

from .origin import origin_of
from .wishes import Wish

logger = logging.getLogger("agentd.tracing")

SEND_EVERY = 1000.0
"""Milliseconds between two batches, unless OTEL_BSP_SCHEDULE_DELAY says otherwise: what has not
gone out is lost with a process that dies."""


class Outcomes:
    """How many spans there were, and how many have arrived."""

    def __init__(self) -> None:
        self.ended = 0
        self.sent = 0

    @property
    def lost(self) -> int:
        """Those that have not arrived, so far."""
        return max(0, self.ended - self.sent)


class TellingExporter(SpanExporter):
    """Sends by another exporter, counts, and says once that it can't."""

    def __init__(self, inner: SpanExporter, wish: Wish, outcomes: Outcomes) -> None:
        self._inner = inner
        self._wish = wish
        self._outcomes = outcomes
        self._told = False
        self._heard: list[str] = []
        self._library = logging.getLogger(trace_exporter.__name__)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        self._heard.clear()
        # It tells of every batch; we tell once, with what it says. For this long only: what an
        # exporter of the app's says is not ours to keep.
        self._library.addFilter(self._overhear)
        try:
            result = self._inner.export(spans)
        finally:
            self._library.removeFilter(self._overhear)
        if result is SpanExportResult.SUCCESS:
            self._outcomes.sent += len(spans)
        elif not self._told:
            self._told = True
            logger.warning(
                "spans can't be sent and are dropped; the job goes on without them",
                extra={
                    "action": "spans_unsent",
                    "endpoint": self._wish.endpoint,
                    "reason": " ".join(self._heard) or "the exporter did not say why",
                },
            )
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See SpanExporter."""
        return self._inner.force_flush(timeout_millis)

    def _overhear(self, record: logging.LogRecord) -> bool:
        # What the first try failed of, and why there is no other.
        self._heard = [*self._heard[:1], record.getMessage()]
        return False


class CountingProcessor(BatchSpanProcessor):
    """Sends in batches, by a thread; what its queue has no room for is dropped."""

    def __init__(self, exporter: SpanExporter, outcomes: Outcomes, **options: Any) -> None:
        super().__init__(exporter, **options)
        self._outcomes = outcomes

    def on_end(self, span: ReadableSpan) -> None:
        """See SpanProcessor."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._outcomes.ended += 1
        super().on_end(span)


def warm_up(wish: Wish) -> None:
    """Have the library import what it would otherwise import when a job begins. Starts nothing.

    Raises ValueError and the like for variables that it can't read.
    """
    _make_exporter(wish).shutdown()


def _make_exporter(wish: Wish) -> SpanExporter:
    if wish.exporter == "console":
        return ConsoleSpanExporter()
    return trace_exporter.OTLPSpanExporter()


def make_provider(wish: Wish, version: str) -> tuple[TracerProvider, Outcomes]:
    """The provider, and the count of what becomes of its spans. Raises ValueError and the like for
    variables that the library can't read."""
    origin = origin_of(wish.service_name, version)
    provider = TracerProvider(resource=origin, shutdown_on_exit=False)
    outcomes = Outcomes()
    options = (
        {} if environment().get(OTEL_BSP_SCHEDULE_DELAY) else {"schedule_delay_millis": SEND_EVERY}
    )
    exporter = TellingExporter(_make_exporter(wish), wish, outcomes)
    provider.add_span_processor(CountingProcessor(exporter, outcomes, **options))
    return provider, outcomes

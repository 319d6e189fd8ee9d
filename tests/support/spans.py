"""A provider of OpenTelemetry's whose spans are kept in memory."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Recorded:
    """Spans that have ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def path(self, span: ReadableSpan) -> str:
        """Names from the root down to it; `?` for a parent that has not ended."""
        by_id = {known.context.span_id: known for known in self.spans if known.context}
        names = [span.name]
        while span.parent is not None:
            if span.parent.span_id not in by_id:
                return "/".join(["?", *reversed(names)])
            span = by_id[span.parent.span_id]
            names.append(span.name)
        return "/".join(reversed(names))

    def paths(self) -> list[str]:
        return [self.path(span) for span in self.spans]

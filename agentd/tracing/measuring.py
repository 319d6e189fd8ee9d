"""Figures of a session as metrics of OpenTelemetry's. Imported only where somebody wants them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.exporter.otlp.proto.http import metric_exporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from .origin import origin_of
from .spans import Measure

SCOPE = "agentd"
"""Of the instrumentation, as backends call it."""


def make_meter_provider(service_name: str, version: str) -> MeterProvider:
    """One that sends by OTLP. Made when there is something to send, in the process of the job."""
    origin = origin_of(service_name, version)
    reader = PeriodicExportingMetricReader(metric_exporter.OTLPMetricExporter())
    return MeterProvider(resource=origin, metric_readers=[reader], shutdown_on_exit=False)


def record(provider: Any, version: str, measures: Iterable[Measure]) -> None:
    """Give them to a provider, whoever's it is."""
    meter = provider.get_meter(SCOPE, version)
    instruments: dict[str, Any] = {}
    for measure in measures:
        if measure.is_sum:
            made = instruments.get(measure.name) or meter.create_counter(
                measure.name, unit=measure.unit
            )
            made.add(measure.value, attributes=measure.attributes)
        else:
            made = instruments.get(measure.name) or meter.create_histogram(
                measure.name, unit=measure.unit
            )
            made.record(measure.value, attributes=measure.attributes)
        instruments[measure.name] = made

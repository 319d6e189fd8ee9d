"""/metrics: figures of the daemon for Prometheus, made when they are asked for.

Small so far: what calls to the outside have come to. Each family is one function of the list at
the end; more of them go there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agentd.supervisor.snapshot import CircuitView
from agentd.supervisor.totals import Total

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

STATES = ("closed", "half_open", "open")


class MetricsView(Struct, frozen=True, kw_only=True):
    """What the figures are made of."""

    circuits: tuple[CircuitView, ...] = ()
    """Those that are not closed."""
    circuits_opened: Mapping[str, int] = {}
    """How often each has opened since the start; closed ones too."""
    totals: tuple[Total, ...] = ()
    """What the children have counted."""


class Metrics:
    """Writes the figures of a view."""

    def __init__(self, view: Callable[[], MetricsView]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(view))

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Collector(Collector):
    def __init__(self, view: Callable[[], MetricsView]) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        view = self._view()
        for family in FAMILIES:
            yield from family(view)

    def describe(self) -> Iterable[Metric]:
        """Nothing: it would be asked for while the daemon starts."""
        return ()


def circuit_states(view: MetricsView) -> Iterator[Metric]:
    """One of three states of each circuit that was ever open is 1."""
    family = GaugeMetricFamily(
        "agentd_circuit_state",
        "State of the circuit breaker of a service: 1 for the one that it is in.",
        labels=("circuit", "state"),
    )
    states = dict.fromkeys(view.circuits_opened, "closed")
    states |= {circuit.key: circuit.state for circuit in view.circuits}
    for key, state in states.items():
        for each in STATES:
            family.add_metric((key, each), float(each == state))
    yield family


def circuits_opened(view: MetricsView) -> Iterator[Metric]:
    """How often each circuit has opened."""
    family = CounterMetricFamily(
        "agentd_circuit_opened",
        "Times that a service was found to fail, and was left alone.",
        labels=("circuit",),
    )
    for key, times in view.circuits_opened.items():
        family.add_metric((key,), times)
    yield family


def retries_refused(view: MetricsView) -> Iterator[Metric]:
    """Retries that were not made, by circuit."""
    yield _counted(
        view,
        "retries_refused",
        "Retries of calls to a service that its retry budget refused.",
        "circuit",
    )


def fallback_switches(view: MetricsView) -> Iterator[Metric]:
    """Calls that another model took over, by the model that failed."""
    yield _counted(
        view,
        "fallback_switches",
        "Calls that a fallback adapter gave to another model, by the model that had failed.",
        "model",
    )


def hedges(view: MetricsView) -> Iterator[Metric]:
    """Second requests, by the model that they went to."""
    yield _counted(
        view, "hedges", "Second requests that were made since the first gave nothing yet.", "model"
    )


def _counted(view: MetricsView, name: str, text: str, label: str) -> Metric:
    family = CounterMetricFamily(f"agentd_{name}", text, labels=(label,))
    for total in view.totals:
        if total.name == name:
            family.add_metric((total.labels.get(label, ""),), total.times)
    return family


FAMILIES: tuple[Callable[[MetricsView], Iterator[Metric]], ...] = (
    circuit_states,
    circuits_opened,
    retries_refused,
    fallback_switches,
    hedges,
)
